//! Who may call: the controller's keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;

use crate::api::answer::Answer;
use crate::api::call::query_pairs;
use crate::dialect::{Dialect, Tokens};
use crate::life::{Engine, Token};
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

/// What the controller says to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Granted,
    /// There is no valid credential.
    Unauthorized,
    /// There is one, which does not cover the call.
    Forbidden,
}

/// Returns whether the controller lets the request in.
pub(crate) fn access(engine: &Engine, request: &Request) -> Access {
    let (user, mut password) = basic(request).unwrap_or_default();
    let open = engine.dialect.open_ca || (password.is_empty() && bearer(request).is_none());
    if request.path == "/ca-cert" && open {
        return Access::Granted;
    }
    if engine.dialect.key_in_query {
        let streams = request.header_text("accept").contains("text/event-stream");
        if password.is_empty() && (streams || request.path == "/backup") {
            password = query_key(request);
        }
    }
    let key = |password: &String| !password.is_empty() && engine.keys().contains(password);
    let token = match engine.dialect.tokens {
        Tokens::Unknown => None,
        // A personal token is a password of any user.
        Tokens::Limited if password.starts_with("flynn_pat_") => Some(password.as_str()),
        _ if user == "Bearer" => Some(password.as_str()),
        _ => bearer(request),
    };
    match token {
        None if key(&password) => Access::Granted,
        None => Access::Unauthorized,
        Some(token) => match engine.tokens.0.get(token) {
            None => Access::Unauthorized,
            Some(_) if request.path == "/ca-cert" => Access::Granted,
            Some(token) if covers(engine, token, request) => Access::Granted,
            Some(_) => Access::Forbidden,
        },
    }
}

/// The token of an `Authorization: Bearer`.
fn bearer(request: &Request) -> Option<&str> {
    let (scheme, rest) = request.header_text("authorization").split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

/// Returns whether a token covers a call. Grants on an app cover only paths under it.
fn covers(engine: &Engine, token: &Token, request: &Request) -> bool {
    let fine = engine.dialect.tokens == Tokens::Limited;
    if token.is_admin(!fine) {
        return true;
    }
    if fine && request.method == Method::POST && request.path == "/releases" {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let app = body.get("app_id").and_then(Value::as_str).unwrap_or_default();
        return token.may(app, &["app:write", "app:env:write"]);
    }
    let Some(rest) = request.path.strip_prefix("/apps/") else { return false };
    let (app, of) = rest.split_once('/').unwrap_or((rest, ""));
    let system = || engine.tables.app(app).is_ok_and(crate::store::App::is_system);
    if fine && system() {
        return false;
    }
    let deploys = ["", "meta", "deploy"].contains(&of) || of.starts_with("scale/");
    if request.method == Method::GET {
        token.may(app, &["app:read", "app:write", "app:deploy"])
    } else if request.method != Method::DELETE && deploys {
        token.may(app, &["app:write", "app:deploy"])
    } else {
        token.may(app, &["app:write"])
    }
}
