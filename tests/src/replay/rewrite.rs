//! A recorded request in the mock's terms.

use std::collections::BTreeSet;

use serde_json::Value;

use super::names::Names;
use super::recording::Exchange;
use super::tokens::{self, Kind, Token};

/// The keys that a recorded server had.
#[derive(Debug, Default)]
pub struct Keys {
    /// The one that the cluster was bootstrapped with.
    pub first: String,
    /// Those that came later, in the order in which the recordings show them.
    pub later: Vec<String>,
    /// The one of the status app, if a request shows it.
    pub status: Option<String>,
    /// The access token of the request that is sent now.
    pub token: Option<String>,
}

impl Keys {
    /// The keys that a run's bodies show: values of `AUTH_KEY` and `CONTROLLER_KEY`, the first
    /// one being the one that all system apps share.
    pub fn of<'a>(exchanges: impl Iterator<Item = &'a Exchange>) -> Self {
        let mut counts: Vec<(String, usize)> = Vec::new();
        let mut status = None;
        for exchange in exchanges {
            if exchange.is_of_status_app() && exchange.status != 401 {
                status = status.or(exchange.query_key().map(str::to_owned));
            }
            for body in [&exchange.request_body, &exchange.response_body] {
                for line in body.lines() {
                    let line = line.strip_prefix("data: ").unwrap_or(line);
                    if let Ok(document) = serde_json::from_str(line) {
                        collect(&document, &mut counts);
                    }
                }
            }
            if let Some(key) = exchange.query_key().filter(|_| !exchange.is_of_status_app()) {
                count(key, &mut counts);
            }
        }
        let first = counts.iter().max_by_key(|(_, count)| *count).map(|(key, _)| key.clone());
        let first = first.unwrap_or_else(|| "0".repeat(32));
        let later = counts.into_iter().map(|(key, _)| key).filter(|key| *key != first).collect();
        Self { first, later, status, token: None }
    }

    /// The password of a recorded request, of which only the length is known: a key of that
    /// length when it was let in, something wrong when not.
    pub fn password(&self, length: usize, accepted: bool) -> String {
        let fits = |key: &&String| key.len() == length;
        let key = std::iter::once(&self.first).chain(&self.later).find(fits);
        match key {
            Some(key) if accepted => key.clone(),
            _ => "x".repeat(length),
        }
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

/// Takes what a request names for the first time as the client's own.
pub fn keep_own(exchange: &Exchange, names: &mut Names) {
    names.keep_own(&exchange.path);
    for text in strings(&exchange.request_body) {
        names.keep_own(&text);
    }
    if let Some(port) = tcp_port(&exchange.request_body) {
        names.keep_own_port(&port);
    }
}

/// The request's bytes as they go over the wire.
pub fn request(exchange: &Exchange, names: &mut Names, keys: &Keys) -> Vec<u8> {
    keep_own(exchange, names);
    let mut body = body(&exchange.request_body, names);
    if let Some(port) = tcp_port(&exchange.request_body) {
        let mock = names.mock(Kind::Port, &port).unwrap_or_else(|| port.clone());
        body = body.replace(&format!("\"port\":{port}"), &format!("\"port\":{mock}"));
    }
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\n",
        exchange.method,
        path(&exchange.path, names),
        exchange.host
    );
    for (name, value) in &exchange.request_headers {
        let value = match name.as_str() {
            "Authorization" => authorization(value, exchange, names, keys),
            "Content-Length" => Some(body.len().to_string()),
            "Last-Event-Id" => Some(event_id(value, names)),
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
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend(body.into_bytes());
    bytes
}

/// The port of a TCP route in a request's body.
fn tcp_port(body: &str) -> Option<String> {
    let route: Value = serde_json::from_str(body).ok()?;
    let port = route.get("port").filter(|_| route.get("type").is_some_and(|kind| kind == "tcp"))?;
    port.as_u64().filter(|port| *port > 0).map(|port| port.to_string())
}

/// `Basic(user="U" password_len=N)`, or a bare scheme.
fn authorization(shown: &str, exchange: &Exchange, names: &Names, keys: &Keys) -> Option<String> {
    use base64::Engine as _;
    let Some(basic) = shown.strip_prefix("Basic(user=\"") else {
        let token = keys.token.clone().unwrap_or_else(|| "x".repeat(32));
        return Some(format!("{shown} {token}"));
    };
    let (user, rest) = basic.split_once('"')?;
    let length = rest.trim_end_matches(')').rsplit('=').next()?.parse().ok()?;
    let accepted = exchange.status != 401;
    let password = match &keys.status {
        Some(key) if exchange.is_of_status_app() && accepted => key.clone(),
        _ if user == "Bearer" => keys.token.clone().unwrap_or_else(|| "x".repeat(length)),
        _ => keys.password(length, accepted),
    };
    let credentials = format!("{}:{}", text(user, names), text(&password, names));
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials)))
}

/// A text with the mock's values in place of the recorded ones.
fn text(recorded: &str, names: &Names) -> String {
    tokens::split(recorded, names.words())
        .into_iter()
        .map(|token| match token {
            Token::Text(text) => text.to_owned(),
            Token::Value(kind, value) => {
                names.mock(kind, value).unwrap_or_else(|| value.to_owned())
            }
        })
        .collect()
}

/// Path and query; event ids are numbers and are known by their places.
fn path(recorded: &str, names: &Names) -> String {
    let (path, query) = match recorded.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (recorded, None),
    };
    let path = match path.strip_prefix("/events/") {
        Some(id) => format!("/events/{}", event_id(id, names)),
        None => text(path, names),
    };
    let Some(query) = query else { return path };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name @ ("before_id" | "since_id"), id)) => {
                format!("{name}={}", event_id(id, names))
            }
            _ => text(pair, names),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

fn event_id(recorded: &str, names: &Names) -> String {
    match recorded.parse() {
        // 0 is no event: it asks for nothing to be replayed. Absurd numbers ask for what is not there.
        Ok(id) if (1..1_000_000).contains(&id) => names.mock_event(id).to_string(),
        _ => recorded.to_owned(),
    }
}

/// The body with the mock's values, otherwise byte by byte as it was: also when it is no JSON.
fn body(recorded: &str, names: &Names) -> String {
    let mut body = recorded.to_owned();
    let texts = strings(recorded);
    let values: BTreeSet<(&str, String)> = texts
        .iter()
        .flat_map(|text| tokens::split(text, names.words()))
        .filter_map(|token| match token {
            Token::Value(kind, value) => Some((value, names.mock(kind, value)?)),
            Token::Text(_) => None,
        })
        .filter(|(recorded, mock)| recorded != mock)
        .collect();
    for (recorded, mock) in values.into_iter().rev() {
        body = body.replace(&escaped(recorded), &escaped(&mock));
    }
    body
}

/// All strings of a JSON text, or the text itself when it is none.
fn strings(body: &str) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            Value::Object(object) => object.values().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    match serde_json::from_str(body) {
        Ok(document) => walk(&document, &mut found),
        Err(_) => found.push(body.to_owned()),
    }
    found
}

/// A text as it stands inside a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::String(text.to_owned()).to_string();
    quoted.trim_matches('"').to_owned()
}
