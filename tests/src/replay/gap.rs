//! Bridges what the recordings leave out.
//!
//! Some scenarios of a run were not published, so their effects appear from nowhere. One of them
//! locks everything out: a rotation of the controller's key. When a recorded request was let in
//! with a key that the mock has never been given, the mock gets it here, the way an operator gives
//! it: a new release of the controller with `AUTH_KEY=new,old`, deployed.

use std::time::Duration;

use flynn_mock::MockController;
use serde_json::{Value, json};

use super::Result;
use super::recording::Exchange;
use super::rewrite::Keys;
use super::wire::Connection;

/// Makes the mock know the key of this request, if the recorded server knew it.
///
/// # Errors
/// When the mock cannot be reached.
pub fn bridge(mock: &MockController, exchange: &Exchange, keys: &Keys) -> Result<()> {
    let Some(length) = password_length(exchange).filter(|_| exchange.status != 401) else {
        return Ok(());
    };
    let key = keys.password(length, true);
    if key == keys.first || !keys.later.contains(&key) {
        return Ok(());
    }
    let known = call(mock, &key, "GET", "/apps/controller", None)?.is_some();
    if known {
        return Ok(());
    }
    let old = &keys.first;
    let Some(release) = call(mock, old, "GET", "/apps/controller/release", None)? else {
        return Ok(());
    };
    let Value::Object(mut next) = release else { return Ok(()) };
    for field in ["id", "created_at", "artifact"] {
        next.remove(field);
    }
    if let Some(Value::Object(env)) = next.get_mut("env") {
        env.insert("AUTH_KEY".to_owned(), format!("{key},{old}").into());
    }
    if let Some(made) = call(mock, old, "POST", "/releases", Some(&next.into()))? {
        let id = json!({"id": made.get("id")});
        call(mock, old, "POST", "/apps/controller/deploy", Some(&id))?;
    }
    // Until the new key counts, and no longer: the recorded clock goes on from here.
    for _ in 0..500 {
        if call(mock, &key, "GET", "/apps/controller", None)?.is_some() {
            break;
        }
        mock.advance(Duration::from_millis(10));
    }
    Ok(())
}

fn password_length(exchange: &Exchange) -> Option<usize> {
    let shown = exchange.request_headers.get("Authorization")?;
    shown.strip_prefix("Basic(")?.trim_end_matches(')').rsplit('=').next()?.parse().ok()
}

/// One call of the bridge itself; `None` unless it succeeds.
fn call(
    mock: &MockController,
    key: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Option<Value>> {
    use base64::Engine as _;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!(":{key}"));
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {credentials}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::send(mock.addr(), request.as_bytes())?;
    connection.wait(Duration::from_secs(5), |reply| reply.ended)?;
    Ok(connection
        .reply()
        .filter(|reply| reply.status == 200)
        .and_then(|reply| serde_json::from_slice(&reply.body).ok()))
}
