//! Turns a recorded request into bytes. Recordings show only the kind of the credentials; the answers show which
//! credentials they must have been.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flynn_mock::Token;
use serde_json::Value;

use super::compare::Numbers;
use super::recording::{Exchange, Run};
use super::shown::documents;

/// The keys that a recorded server had.
#[derive(Debug, Default)]
pub struct Keys {
    /// The key with which the cluster was bootstrapped.
    pub first: String,
    /// The later keys, in the order of the recordings.
    pub later: Vec<String>,
    /// The key of the status app, if a request shows it.
    pub status: Option<String>,
}

impl Keys {
    /// The keys that a run's bodies show: values of `AUTH_KEY` and `CONTROLLER_KEY`, the first one
    /// being the one that all system apps share.
    pub fn of(run: &Run) -> Self {
        let mut counts: Vec<(String, usize)> = Vec::new();
        let mut status = None;
        for exchange in run.exchanges() {
            let in_query = exchange.query_key().map(str::to_owned);
            if exchange.is_of_status_app() {
                status = status.or(in_query.filter(|_| exchange.status != 401));
            } else if let Some(key) = &in_query {
                count(key, &mut counts);
            }
            let sent = serde_json::from_str(&exchange.request_body).ok();
            for document in documents(exchange).iter().chain(&sent) {
                collect(document, &mut counts);
            }
        }
        let first = counts.iter().max_by_key(|(_, count)| *count).map(|(key, _)| key.clone());
        let first = first.unwrap_or_else(|| "0".repeat(32));
        let later = counts.into_iter().map(|(key, _)| key).filter(|key| *key != first).collect();
        Self { first, later, status }
    }

    /// Returns a password for a recorded request, of which only the length is known: a key of that length if the
    /// request was accepted, otherwise a wrong one.
    pub fn password(&self, exchange: &Exchange) -> Option<String> {
        let length = password_length(exchange)?;
        let mut keys = std::iter::once(&self.first).chain(&self.later);
        let key = keys.find(|key| key.len() == length && exchange.status != 401);
        Some(key.cloned().unwrap_or_else(|| "x".repeat(length)))
    }
}

fn collect(document: &Value, counts: &mut Vec<(String, usize)>) {
    match document {
        Value::Object(object) => {
            for (name, value) in object {
                if let ("AUTH_KEY" | "CONTROLLER_KEY", Value::String(keys)) = (name.as_str(), value)
                {
                    keys.split(',').for_each(|key| count(key, counts));
                }
                collect(value, counts);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, counts)),
        _ => {}
    }
}

fn count(key: &str, counts: &mut Vec<(String, usize)>) {
    match counts.iter_mut().find(|(known, _)| known == key) {
        Some((_, count)) => *count += 1,
        None => counts.push((key.to_owned(), 1)),
    }
}

fn shown_credentials(exchange: &Exchange) -> &str {
    exchange.request_headers.get("Authorization").map_or("", String::as_str)
}

/// The length in `Basic(user="U" password_len=N)`.
fn password_length(exchange: &Exchange) -> Option<usize> {
    let shown = shown_credentials(exchange).strip_prefix("Basic(")?;
    shown.trim_end_matches(')').rsplit('=').next()?.parse().ok()
}

/// The request's bytes; `token` is the access token that it carries, if it does.
pub fn bytes(exchange: &Exchange, keys: &Keys, token: Option<&str>, numbers: &Numbers) -> Vec<u8> {
    let (method, host) = (&exchange.method, &exchange.host);
    let mut head = format!("{method} {} HTTP/1.1\r\nHost: {host}\r\n", path(exchange, numbers));
    for (name, value) in &exchange.request_headers {
        let value = match name.as_str() {
            "Authorization" => authorization(exchange, keys, token),
            "Content-Length" => Some(exchange.request_body.len().to_string()),
            "Last-Event-Id" => Some(number(value, numbers)),
            _ => Some(value.clone()),
        };
        if let Some(value) = value {
            head.extend([name, ": ", &value, "\r\n"]);
        }
    }
    // The recorder kept no `Origin`; the answer shows what it was.
    if let Some(origin) = exchange.response_headers.get("Access-Control-Allow-Origin") {
        head.extend(["Origin: ", origin, "\r\n"]);
    }
    format!("{head}\r\n{}", exchange.request_body).into_bytes()
}

fn authorization(exchange: &Exchange, keys: &Keys, token: Option<&str>) -> Option<String> {
    let shown = shown_credentials(exchange);
    let Some(basic) = shown.strip_prefix("Basic(user=\"") else {
        return Some(format!("{shown} {}", token.unwrap_or("unknown")));
    };
    let user = basic.split('"').next()?;
    let of_status_app = exchange.is_of_status_app() && exchange.status != 401;
    let own = keys.status.clone().filter(|_| of_status_app);
    let token = token.filter(|_| user == "Bearer").map(str::to_owned);
    let password = own.or(token).or_else(|| keys.password(exchange))?;
    Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// Path and query, with the mock's numbers of events.
fn path(exchange: &Exchange, numbers: &Numbers) -> String {
    if let Some(id) = exchange.path.strip_prefix("/events/") {
        return format!("/events/{}", number(id, numbers));
    }
    let Some((path, query)) = exchange.path.split_once('?') else { return exchange.path.clone() };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name @ ("before_id" | "since_id"), id)) => format!("{name}={}", number(id, numbers)),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

fn number(recorded: &str, numbers: &Numbers) -> String {
    match recorded.parse() {
        // 0 is not the number of an event: nothing is replayed. Very large numbers are not mapped, because no such
        // event exists.
        Ok(id) if (1..1_000_000).contains(&id) => numbers.mock(id).to_string(),
        _ => recorded.to_owned(),
    }
}

/// The least access token with which the recorded server answers as it did; `None` for a request
/// without one, or with one that it did not know.
pub fn token(run: &Run, exchange: &Exchange) -> Option<Token> {
    let has_token = |exchange: &Exchange| {
        let shown = shown_credentials(exchange);
        let tokens = shown == "Bearer" || shown.starts_with("Basic(user=\"Bearer\"");
        tokens && exchange.status != 401
    };
    if !has_token(exchange) {
        return None;
    }
    // The neighbouring requests that carried the same token, up to the next repeated request.
    let mut block: Vec<&Exchange> = Vec::new();
    for other in run.exchanges() {
        let again =
            |known: &&Exchange| (&known.path, &known.method) == (&other.path, &other.method);
        if !has_token(other) || block.iter().any(again) {
            if block.iter().any(|known| known.seq == exchange.seq) {
                break;
            }
            block.clear();
        }
        block.extend(Some(other).filter(|other| has_token(other)));
    }
    block.retain(|exchange| exchange.status != 403);
    if block.iter().any(|exchange| exchange.path == "/apps") {
        return Some(Token::new());
    }
    let Some(app) = block.iter().find_map(|exchange| exchange.path.strip_prefix("/apps/")) else {
        return Some(Token::new().scope("nothing"));
    };
    let app = app.split('/').next().unwrap_or_default();
    let writes = block.iter().any(|exchange| exchange.method != "GET");
    Some(Token::new().grant(app, if writes { "app:deploy" } else { "app:read" }))
}
