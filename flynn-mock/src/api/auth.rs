//! Authentication of callers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, StatusCode};

use crate::api::answer::{Answer, refuse};
use crate::api::call::query_pairs;
use crate::api::grants;
use crate::dialect::{Dialect, Tokens};
use crate::life::{Engine, Token};
use crate::wire::{Fail, Request};

/// Returns the user and password of HTTP basic authentication.
pub(crate) fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, rest) = request.header_text("authorization").split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Returns the `key` of the query; empty if there is none.
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

/// Adds the CORS headers if the request names its origin.
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

/// The sender of a request, and the rights of its credential.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// True if it is the cluster's key.
    pub(crate) has_key: bool,
    /// The id of the user who owns the token.
    pub(crate) user: Option<String>,
    token: Token,
}

impl Caller {
    /// Creates a caller with the cluster's key.
    pub(crate) fn with_key() -> Self {
        Self { has_key: true, ..Self::default() }
    }

    fn of(token: Token) -> Self {
        Self { has_key: false, user: token.user.clone(), token }
    }

    /// Returns whether it has all rights.
    pub(crate) fn is_admin(&self) -> bool {
        self.has_key || self.token.is_admin(false)
    }

    /// Returns the grants on the app with this name or id.
    pub(crate) fn grants(&self, app: &str) -> impl Iterator<Item = &str> {
        self.token.grants.iter().filter(move |(of, _)| of == app).map(|(_, has)| has.as_str())
    }

    /// Returns whether the grants on any app fulfil a condition.
    pub(crate) fn some_grant(&self, holds: impl Fn(&[&str]) -> bool) -> bool {
        let mut apps = self.token.grants.iter().map(|(app, _)| app);
        apps.any(|app| holds(&self.grants(app).collect::<Vec<_>>()))
    }

    /// Returns whether it is the token of a build.
    pub(crate) fn builds(&self) -> bool {
        !self.token.grants.is_empty() && self.token.scopes.iter().any(|s| s == "build:artifacts")
    }
}

/// The prefix of personal access tokens.
pub(crate) const PERSONAL: &str = "flynn_pat_";

/// Returns the caller, or the answer that refuses the call.
pub(crate) fn caller(engine: &Engine, request: &Request) -> Result<Caller, Box<Answer>> {
    let unauthorized = || Box::new(Answer::empty(StatusCode::UNAUTHORIZED));
    let (user, mut password) = basic(request).unwrap_or_default();
    let open = engine.dialect.open_ca || (password.is_empty() && bearer(request).is_none());
    if request.path == "/ca-cert" && open {
        return Ok(Caller::default());
    }
    if engine.dialect.key_in_query {
        let streams = request.header_text("accept").contains("text/event-stream");
        if password.is_empty() && (streams || request.path == "/backup") {
            password = query_key(request);
        }
    }
    let limited = engine.dialect.tokens == Tokens::Limited;
    let token = match engine.dialect.tokens {
        Tokens::Unknown => None,
        // A personal token can be the password of any user.
        Tokens::Limited if password.starts_with(PERSONAL) => Some(password.as_str()),
        _ if user == "Bearer" => Some(password.as_str()),
        _ => bearer(request),
    };
    let Some(token) = token else {
        let known = !password.is_empty() && engine.has_key(&password);
        return known.then(Caller::with_key).ok_or_else(unauthorized);
    };
    let known = if limited && token.starts_with(PERSONAL) {
        personal(engine, token)
    } else {
        engine.tokens.0.get(token).cloned()
    };
    let mut token = known.ok_or_else(unauthorized)?;
    if !limited {
        let covered = request.path == "/ca-cert" || covers(&token, request);
        let refusal = || Box::new(refuse(Fail::new("forbidden", NOT_ALLOWED)));
        return covered.then(|| Caller::of(token)).ok_or_else(refusal);
    }
    let user = token.user.as_ref().and_then(|id| engine.tables.user(id).ok());
    if user.is_some_and(|user| user.cluster_admin) {
        token = token.scope("cluster:admin");
    }
    let caller = Caller::of(token);
    grants::check(engine, &caller, request).map_err(|fail| Box::new(refuse(fail)))?;
    Ok(caller)
}

/// Returns the rights of a personal access token, if it is valid: the rights of its user and its scopes.
fn personal(engine: &Engine, secret: &str) -> Option<Token> {
    let row = engine.tables.personal_tokens.iter().find(|row| row.secret == secret)?;
    let expired = row.expires_at.is_some_and(|at| at.timestamp() <= engine.now);
    let user = engine.tables.user(&row.user).ok()?;
    if row.revoked_at.is_some() || expired || engine.tables.is_suspended(&user.account()) {
        return None;
    }
    let scopes = row.scopes.split([' ', ',']).filter(|scope| !scope.is_empty());
    Some(scopes.fold(Token::new().user(&row.user), Token::scope))
}

/// Returns the token of an `Authorization: Bearer`.
fn bearer(request: &Request) -> Option<&str> {
    let (scheme, rest) = request.header_text("authorization").split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

/// The message for a credential that does not cover the call.
pub(crate) const NOT_ALLOWED: &str =
    "this credential is not allowed to perform this operation on the controller";

/// Returns whether a token of June 2026 covers a call. Grants on an app cover only paths under it.
fn covers(token: &Token, request: &Request) -> bool {
    if token.is_admin(true) {
        return true;
    }
    let Some(rest) = request.path.strip_prefix("/apps/") else { return false };
    let (app, of) = rest.split_once('/').unwrap_or((rest, ""));
    let deploys = ["", "meta", "deploy"].contains(&of) || of.starts_with("scale/");
    if request.method == Method::GET {
        token.may(app, &["app:read", "app:write", "app:deploy"])
    } else if request.method != Method::DELETE && deploys {
        token.may(app, &["app:write", "app:deploy"])
    } else {
        token.may(app, &["app:write"])
    }
}
