//! Turns a recorded request into bytes.
//!
//! Recordings show only the scheme of the credentials and the password's length. The answers show which they must have
//! been.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flynn_mock::Token;

use super::compare::Numbers;
use super::recording::{Exchange, Run};

/// The keys of a recorded server.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The key of the bootstrap, which all system apps share.
    pub(crate) first: String,
    /// The other keys.
    pub(crate) later: Vec<String>,
    /// The key of the status app, if a request shows it.
    pub(crate) status: Option<String>,
}

impl Keys {
    /// Reads the keys in a run's queries and bodies.
    pub(crate) fn of(run: &Run) -> Self {
        let mut shown: Vec<&str> = Vec::new();
        let mut status = None;
        for exchange in run.exchanges() {
            let mut pairs = exchange.path.split(['?', '&']).skip(1);
            let in_query = pairs.find_map(|pair| pair.strip_prefix("key="));
            if exchange.is_of_status_app() {
                status = status.or(in_query.filter(|_| exchange.status != 401));
                continue;
            }
            shown.extend(in_query);
            for body in [&exchange.request_body, &exchange.response_body] {
                for name in ["\"AUTH_KEY\":\"", "\"CONTROLLER_KEY\":\""] {
                    let values = body.split(name).skip(1).filter_map(|rest| rest.split('"').next());
                    shown.extend(values.flat_map(|keys| keys.split(',')));
                }
            }
        }
        let mut later: BTreeSet<&str> = shown.iter().copied().collect();
        let count = |key: &&str| shown.iter().filter(|shown| *shown == key).count();
        let first = later.iter().copied().max_by_key(count);
        later.retain(|key| Some(*key) != first);
        Self {
            first: first.map_or_else(|| "0".repeat(32), str::to_owned),
            later: later.into_iter().map(str::to_owned).collect(),
            status: status.map(str::to_owned),
        }
    }

    /// Returns the password of a request: a key of that length if it was accepted, otherwise a wrong one.
    pub(crate) fn password(&self, exchange: &Exchange) -> Option<String> {
        let (_, length) = basic(exchange)?;
        if exchange.status == 401 {
            return Some("x".repeat(length));
        }
        if let Some(key) = self.status.as_ref().filter(|_| exchange.is_of_status_app()) {
            return Some(key.clone());
        }
        let mut keys = std::iter::once(&self.first).chain(&self.later);
        let key = keys.find(|key| key.len() == length).cloned();
        key.or_else(|| Some("x".repeat(length)))
    }
}

/// Returns the shown credentials, for example `Bearer` or `Basic(user="" password_len=32)`.
fn credentials(exchange: &Exchange) -> &str {
    exchange.request_headers.get("authorization").map_or("", String::as_str)
}

/// Returns the user and the length of the password, if the credentials are `Basic`.
fn basic(exchange: &Exchange) -> Option<(&str, usize)> {
    let shown = credentials(exchange).strip_prefix("Basic(user=\"")?.strip_suffix(')')?;
    let (user, length) = shown.split_once("\" password_len=")?;
    Some((user, length.parse().ok()?))
}

/// Returns the request's bytes; `token` is the access token that it carries.
pub(crate) fn bytes(
    exchange: &Exchange,
    keys: &Keys,
    token: Option<&str>,
    numbers: &Numbers,
) -> Vec<u8> {
    let (method, host) = (&exchange.method, &exchange.host);
    let mut head = format!("{method} {} HTTP/1.1\r\nHost: {host}\r\n", path(exchange, numbers));
    for (name, value) in &exchange.request_headers {
        let value = match name.as_str() {
            "authorization" => authorization(exchange, keys, token),
            "last-event-id" => number(value, numbers),
            _ => value.clone(),
        };
        head.extend([name, ": ", &value, "\r\n"]);
    }
    // The recorder kept no `Origin`; the answer shows what it was.
    if let Some(origin) = exchange.response_headers.get("access-control-allow-origin") {
        head.extend(["Origin: ", origin, "\r\n"]);
    }
    format!("{head}\r\n{}", exchange.request_body).into_bytes()
}

fn authorization(exchange: &Exchange, keys: &Keys, token: Option<&str>) -> String {
    let Some((user, _)) = basic(exchange) else {
        return format!("{} {}", credentials(exchange), token.unwrap_or("unknown"));
    };
    let token = token.filter(|_| user == "Bearer").map(str::to_owned);
    let password = token.or_else(|| keys.password(exchange)).unwrap_or_default();
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Returns path and query, with the mock's numbers of events.
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
        // 0 is not the number of an event.
        Ok(id) if id > 0 => numbers.mock(id).to_string(),
        _ => recorded.to_owned(),
    }
}

/// Returns the access token with the fewest rights with which the server answers as it did; `None` for a request
/// without a token, or with one that the server did not know.
pub(crate) fn token(run: &Run, exchange: &Exchange) -> Option<Token> {
    let has_token = |exchange: &Exchange| {
        let user = basic(exchange).map_or(credentials(exchange), |(user, _)| user);
        user == "Bearer" && exchange.status != 401
    };
    // Which requests carried the same token is not shown: neighbours, until one is sent again with the next token.
    let mut groups: Vec<Vec<&Exchange>> = vec![vec![]];
    for other in run.exchanges() {
        let again = |it: &&Exchange| (&it.path, &it.method) == (&other.path, &other.method);
        if !has_token(other) {
            groups.push(vec![]);
        } else if let Some(group) = groups.last_mut().filter(|group| !group.iter().any(again)) {
            group.push(other);
        } else {
            groups.push(vec![other]);
        }
    }
    let has_it = |group: &Vec<&Exchange>| group.iter().any(|it| it.seq == exchange.seq);
    let mut same = groups.into_iter().find(has_it)?;
    same.retain(|exchange| exchange.status != 403);
    if same.iter().any(|exchange| exchange.path == "/apps") {
        return Some(Token::new());
    }
    let app = same.iter().find_map(|it| it.path.strip_prefix("/apps/")?.split('/').next());
    let Some(app) = app else { return Some(Token::new().scope("nothing")) };
    let writes = same.iter().any(|exchange| exchange.method != "GET");
    Some(Token::new().grant(app, if writes { "app:deploy" } else { "app:read" }))
}
