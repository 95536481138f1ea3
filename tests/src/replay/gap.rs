//! Bridges what the recordings leave out.
//!
//! Some scenarios of a run were not published, so their effects appear from nowhere. Where such an
//! effect decides about many later exchanges, and the recordings themselves show what it was, the
//! mock is brought to it in the way an operator does it:
//!
//! - A rotation of the controller's key: a recorded request was let in with a key that the mock has
//!   never been given. It gets `AUTH_KEY=new,old`, deployed.
//! - A change of the router's certificate: the answer to `PUT /domain` shows one that no request and
//!   no answer has shown before. The router gets it as `TLSCERT` and `TLSKEY`, deployed.
//! - The key of the status app, and the health and versions of the services that it asks.
//! - Apps, releases and deployments that later events list: see [`missed`](super::missed).
//! - The whole beginning of a run: another run of that age did the same up to there, with ids of
//!   its own. Its requests are sent as a prelude that is not judged.

use std::time::Duration;

use flynn_mock::MockController;
use serde_json::{Map, Value, json};

use super::Result;
use super::names::Names;
use super::recording::{Exchange, Run};
use super::rewrite::Keys;
use super::tokens::{self, Kind, Token};
use super::wire::Connection;

/// Makes the mock know the key of this request, if the recorded server knew it.
///
/// # Errors
/// When the mock cannot be reached.
pub fn bridge_key(mock: &MockController, exchange: &Exchange, keys: &Keys) -> Result<()> {
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
    let both = format!("{key},{}", keys.first);
    deploy(mock, &keys.first, "controller", &[("AUTH_KEY", &both)])?;
    // Until the new key counts, and no longer: the recorded clock goes on from here.
    wait(mock, || Ok(call(mock, &key, "GET", "/apps/controller", None)?.is_some()))
}

/// Gives the mock's status app the key that the recorded one had.
///
/// # Errors
/// When the mock cannot be reached.
pub fn bridge_status_key(mock: &MockController, keys: &Keys) -> Result<()> {
    let Some(key) = &keys.status else { return Ok(()) };
    let release = deploy(mock, &keys.first, "status", &[("AUTH_KEY", key)])?;
    wait(mock, || {
        let app = call(mock, &keys.first, "GET", "/apps/status", None)?;
        Ok(app.and_then(|app| app.get("release").cloned()) == release)
    })
}

/// Makes the services around the mock as healthy as those around the recorded server, and as old: the
/// status app only asks them.
pub fn bridge_health(mock: &MockController, exchange: &Exchange) {
    if !exchange.is_of_status_app() {
        return;
    }
    let answer: Value = serde_json::from_str(&exchange.response_body).unwrap_or_default();
    let services = answer.pointer("/data/detail").and_then(Value::as_object);
    for (name, service) in services.into_iter().flatten() {
        mock.set_healthy(name, service.get("status").is_some_and(|status| status == "healthy"));
        mock.set_service_version(name, service.get("version").and_then(Value::as_str));
    }
}

/// Makes the mock's router have the certificate that a recorded migration replaced.
///
/// # Errors
/// When the mock cannot be reached.
pub fn bridge_certificate(
    mock: &MockController,
    exchange: &Exchange,
    keys: &Keys,
    names: &mut Names,
) -> Result<()> {
    if (exchange.method.as_str(), exchange.path.as_str()) != ("PUT", "/domain") {
        return Ok(());
    }
    let answer: Value = serde_json::from_str(&exchange.response_body).unwrap_or_default();
    let field = |name: &str| answer.pointer(&format!("/old_tls_cert/{name}"))?.as_str();
    let (Some(certificate), Some(key)) = (field("cert"), field("key")) else { return Ok(()) };
    let new = tokens::split(certificate, &[]).first().is_some_and(|token| match token {
        Token::Value(Kind::Certificate, pem) => names.mock(Kind::Certificate, pem).is_none(),
        _ => false,
    });
    if !new || !names.knows_any(Kind::Certificate) {
        return Ok(());
    }
    names.keep_own(certificate);
    names.keep_own(key);
    let password = keys.password(password_length(exchange).unwrap_or_default(), true);
    let release = deploy(mock, &password, "router", &[("TLSCERT", certificate), ("TLSKEY", key)])?;
    wait(mock, || {
        let app = call(mock, &password, "GET", "/apps/router", None)?;
        Ok(app.and_then(|app| app.get("release").cloned()) == release)
    })
}

/// The exchanges of another run that led to where this one begins, moved in time; empty when it
/// begins at the beginning.
pub fn prelude(run: &Run, others: &[Run]) -> Vec<Exchange> {
    let Some(first) = run.exchanges().next().filter(|first| first.seq > 1) else {
        return Vec::new();
    };
    let begins_alike = |other: &&Run| {
        other.age == run.age
            && other.exchanges().next().is_some_and(|first| first.seq == 1)
            && other.exchanges().any(|exchange| {
                (exchange.seq, &exchange.method, &exchange.path)
                    == (first.seq, &first.method, &first.path)
            })
    };
    let Some(other) = others.iter().find(begins_alike) else { return Vec::new() };
    let same = other.exchanges().find(|exchange| exchange.seq == first.seq);
    let shift = same.map(|same| first.time.duration_since(same.time)).unwrap_or_default();
    other
        .exchanges()
        .take_while(|exchange| exchange.seq < first.seq)
        .filter_map(|exchange| {
            let time = exchange.time.checked_add(shift).ok()?;
            Some(Exchange { time, ..exchange.clone() })
        })
        .collect()
}

/// Deploys an app with more env, as `env set` does; the new release's id.
fn deploy(
    mock: &MockController,
    key: &str,
    app: &str,
    env: &[(&str, &str)],
) -> Result<Option<Value>> {
    let path = format!("/apps/{app}/release");
    let Some(Value::Object(next)) = call(mock, key, "GET", &path, None)? else {
        return Ok(None);
    };
    let mut next = without(&next.into(), &["id", "created_at", "artifact"]);
    if let Some(Value::Object(fields)) = next.get_mut("env") {
        fields.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    }
    let made = call(mock, key, "POST", "/releases", Some(&next.into()))?;
    let id = made.and_then(|made| made.get("id").cloned());
    let body = json!({"id": id});
    call(mock, key, "POST", &format!("/apps/{app}/deploy"), Some(&body))?;
    Ok(id)
}

/// The fields of an object but these.
pub fn without(object: &Value, fields: &[&str]) -> Map<String, Value> {
    let mut rest = object.as_object().cloned().unwrap_or_default();
    rest.retain(|field, _| !fields.contains(&field.as_str()));
    rest
}

/// Moves the clock until something holds, five seconds at most.
fn wait(mock: &MockController, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..500 {
        if holds()? {
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
///
/// # Errors
/// When the mock cannot be reached.
pub fn call(
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
