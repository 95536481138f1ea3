//! Who may call: the controller's keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, StatusCode};

use crate::api::answer::Answer;
use crate::api::call::query_pairs;
use crate::dialect::{Dialect, Tokens};
use crate::life::Engine;
use crate::wire::Request;

/// User and password of HTTP basic authentication.
pub(crate) fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, rest) = request.header_text("authorization").split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The `key` of the query; empty when there is none.
pub(crate) fn query_key(request: &Request) -> String {
    query_pairs(&request.query)
        .find(|(name, _)| name == "key")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Answers a CORS preflight, if the request is one.
pub(crate) fn preflight(dialect: &Dialect, request: &Request) -> Option<Answer> {
    let asks = request.method == Method::OPTIONS && request.headers.contains_key("origin");
    asks.then(|| {
        let mut answer = Answer::empty(StatusCode::OK);
        allow_origin(dialect, request, &mut answer);
        answer
    })
}

/// Adds the CORS headers when the request names its origin.
pub(crate) fn allow_origin(dialect: &Dialect, request: &Request, answer: &mut Answer) {
    let Some(origin) = request.headers.get("origin") else { return };
    let headers = &mut answer.headers;
    headers.insert("access-control-allow-origin", origin.clone());
    for (name, value) in [
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-headers", dialect.cors_headers),
        ("access-control-allow-methods", "GET,POST,PUT,PATCH,DELETE,HEAD"),
        ("access-control-expose-headers", "ETag,Content-Disposition"),
        ("access-control-max-age", "3600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Whether the controller lets the request in.
pub(crate) fn authorized(engine: &Engine, request: &Request) -> bool {
    let (user, mut password) = basic(request).unwrap_or_default();
    if password.is_empty() && request.path == "/ca-cert" {
        return true;
    }
    if engine.dialect.key_in_query {
        let streams = request.header_text("accept").contains("text/event-stream");
        if password.is_empty() && (streams || request.path == "/backup") {
            password = query_key(request);
        }
    }
    // The password of this user is a signed token.
    if user == "Bearer" && engine.dialect.tokens != Tokens::Unknown {
        return false;
    }
    !password.is_empty() && engine.keys().contains(&password)
}
