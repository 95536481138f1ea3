//! Turns a recorded request into text.
//!
//! Recordings show only the scheme of the credentials and the password's length. The answers show which they must have
//! been.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flynn_mock::Token;

use super::compare::Numbers;
use super::objects::Objects;
use super::recording::{Exchange, Run};

/// The keys of a recorded cluster.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The key of the bootstrap, which all system apps share, and the later ones.
    all: Vec<String>,
    /// The key of the mock's status app.
    pub(crate) status: String,
}

impl Keys {
    /// Reads the keys in the releases and queries of a run.
    pub(crate) fn of(run: &Run, objects: &Objects) -> Self {
        let env = objects.of_kind("release").filter_map(|release| release.fields.get("env"));
        let in_env = env.flat_map(|env| [env.get("AUTH_KEY"), env.get("CONTROLLER_KEY")]).flatten();
        // A key that replaces another one comes before it.
        let in_env = in_env.filter_map(|keys| keys.as_str()).flat_map(|keys| keys.rsplit(','));
        let paths = run.exchanges.iter().filter(|exchange| !exchange.is_of_status_app());
        let in_query = paths.flat_map(|exchange| exchange.path.split(['?', '&']).skip(1));
        let mut all: Vec<String> = Vec::new();
        for key in in_env.chain(in_query.filter_map(|pair| pair.strip_prefix("key="))) {
            if !all.iter().any(|known| known == key) {
                all.push(key.to_owned());
            }
        }
        Self { all, status: String::new() }
    }

    /// Returns the key of the bootstrap.
    pub(crate) fn first(&self) -> String {
        self.all.first().cloned().unwrap_or_else(|| "0".repeat(32))
    }

    /// Returns the key of a request that was accepted with a later key.
    pub(crate) fn later(&self, exchange: &Exchange) -> Option<String> {
        let key = self.password(exchange).filter(|_| !exchange.is_of_status_app())?;
        self.all.iter().skip(1).any(|later| *later == key).then_some(key)
    }

    /// Returns the password of a request: a key of that length if it was accepted, otherwise a wrong one.
    pub(crate) fn password(&self, exchange: &Exchange) -> Option<String> {
        let (_, length) = basic(exchange)?;
        let accepted = exchange.status != 401;
        if accepted && exchange.is_of_status_app() {
            return Some(self.status.clone());
        }
        let first = self.first();
        let mut keys = std::iter::once(&first).chain(&self.all).filter(|_| accepted);
        let key = keys.find(|key| key.len() == length).cloned();
        key.or_else(|| Some("x".repeat(length)))
    }
}

/// Returns the user and the length of the password, if the credentials are like `Basic(user="" password_len=32)`.
fn basic(exchange: &Exchange) -> Option<(&str, usize)> {
    let shown = exchange.request_headers.get("authorization").strip_prefix("Basic(user=\"")?;
    let (user, length) = shown.strip_suffix(')')?.split_once("\" password_len=")?;
    Some((user, length.parse().ok()?))
}

/// Returns the request; `token` is the access token that it carries.
pub(crate) fn text(
    exchange: &Exchange,
    keys: &Keys,
    token: Option<&str>,
    numbers: &Numbers,
) -> String {
    let (method, host) = (&exchange.method, &exchange.host);
    let path = path(exchange, keys, numbers);
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, values) in &exchange.request_headers.0 {
        for value in values {
            let value = match name.as_str() {
                "authorization" => authorization(exchange, keys, token),
                "last-event-id" => number(value, numbers),
                _ => value.clone(),
            };
            head.extend([name, ": ", &value, "\r\n"]);
        }
    }
    // The recorder kept no `Origin`; the answer shows what it was.
    let origin = exchange.response_headers.get("access-control-allow-origin");
    if !origin.is_empty() {
        head.extend(["Origin: ", origin, "\r\n"]);
    }
    format!("{head}\r\n{}", exchange.request_body)
}

fn authorization(exchange: &Exchange, keys: &Keys, token: Option<&str>) -> String {
    let Some((user, _)) = basic(exchange) else {
        let scheme = exchange.request_headers.get("authorization");
        return format!("{scheme} {}", token.unwrap_or("unknown"));
    };
    let token = token.filter(|_| user == "Bearer").map(str::to_owned);
    let password = token.or_else(|| keys.password(exchange)).unwrap_or_default();
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Returns path and query, with the mock's numbers of events and the mock's key of the status app.
fn path(exchange: &Exchange, keys: &Keys, numbers: &Numbers) -> String {
    if let Some(id) = exchange.path.strip_prefix("/events/") {
        return format!("/events/{}", number(id, numbers));
    }
    let Some((path, query)) = exchange.path.split_once('?') else { return exchange.path.clone() };
    let accepted = exchange.is_of_status_app() && exchange.status != 401;
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name @ ("before_id" | "since_id"), id)) => format!("{name}={}", number(id, numbers)),
        Some(("key", _)) if accepted => format!("key={}", keys.status),
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
    let has_token = |exchange: &&Exchange| {
        let scheme = exchange.request_headers.get("authorization");
        let user = basic(exchange).map_or(scheme, |(user, _)| user);
        user == "Bearer" && exchange.status != 401
    };
    // Which requests carried the same token is not shown: neighbours, until one is sent again with the next token.
    let mut same: Vec<&Exchange> = Vec::new();
    for other in &run.exchanges {
        let again = |it: &&Exchange| (&it.path, &it.method) == (&other.path, &other.method);
        if !has_token(&other) || same.iter().any(again) {
            if same.iter().any(|it| it.seq == exchange.seq) {
                break;
            }
            same.clear();
        }
        same.extend(Some(other).filter(has_token));
    }
    same.iter().find(|it| it.seq == exchange.seq)?;
    same.retain(|exchange| exchange.status != 403);
    if same.iter().any(|exchange| exchange.path == "/apps") {
        return Some(Token::new());
    }
    let app = same.iter().find_map(|it| it.path.strip_prefix("/apps/")?.split('/').next());
    let Some(app) = app else { return Some(Token::new().scope("nothing")) };
    let writes = same.iter().any(|exchange| exchange.method != "GET");
    Some(Token::new().grant(app, if writes { "app:deploy" } else { "app:read" }))
}

#[cfg(test)]
mod tests {
    use flynn_mock::ServerAge;

    use super::*;

    #[test]
    fn keys_are_in_the_order_in_which_they_came() {
        let body = r#"[
            { "id": "2", "app_id": "a", "env": { "CONTROLLER_KEY": "third" },
              "created_at": "2026-11-22T21:00:02Z" },
            { "id": "1", "app_id": "b", "env": { "AUTH_KEY": "second,first" },
              "created_at": "2026-11-22T21:00:01Z" }
        ]"#;
        let mut run = Run::of_one(ServerAge::V2021, body);
        run.exchanges[0].path = "/apps?key=mine".to_owned();
        let keys = Keys::of(&run, &Objects::of(&run));
        assert_eq!(keys.all, ["first", "second", "third", "mine"]);
    }
}
