//! Reads the heads and the error bodies of answers.

use std::time::SystemTime;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;

use super::Spec;
use super::retry::retry_after;
use crate::error::{Error, ErrorKind, Line, NAME, kept};
use crate::ids::AppRef;
use crate::json::{Json, not_json};

/// The body of the controller's errors.
#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: Option<Json>,
    #[serde(default)]
    retry: bool,
}

/// Returns whether a body is wrapped in `data`, as an unhealthy status is.
pub(crate) fn has_data(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Wrapped {
        data: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Wrapped>(body).is_ok_and(|wrapped| wrapped.data.is_some())
}

/// Returns whether an answer has a media type. Case and parameters do not matter.
pub(crate) fn is_type(headers: &HeaderMap, essence: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.and_then(|given| given.split(';').next()).unwrap_or_default();
    given.trim().eq_ignore_ascii_case(essence)
}

/// Returns the error for an answer with an unexpected media type.
pub(crate) fn not_a(wanted: &str, headers: &HeaderMap) -> Error {
    let message = format!("not {wanted}, {}", content_type(headers));
    Error::new(ErrorKind::Decode, message)
}

pub(crate) fn content_type(headers: &HeaderMap) -> String {
    match headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
        Some(given) => format!("content type {:?}", Line(given, NAME)),
        None => "no content type".to_owned(),
    }
}

/// Refuses an answer with a content encoding, since the client never requests one.
pub(crate) fn refuse_coding(headers: &HeaderMap) -> Result<(), Error> {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = codings.flat_map(|value| value.to_str().unwrap_or("?").split(','));
    match codings.find(|coding| !matches!(&*coding.trim().to_ascii_lowercase(), "" | "identity")) {
        Some(coding) => {
            let coding = Line(coding.trim(), NAME);
            let message =
                format!("the answer has the content encoding {coding:?}, which was not requested");
            Err(Error::new(ErrorKind::Decode, message))
        }
        None => Ok(()),
    }
}

/// The body of Go's router for a path or method that the server does not have (recorded).
const UNKNOWN_PATH: &[u8] = b"404 page not found";

/// Returns the kind of error for a status.
pub(crate) fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        400 | 413 | 422 => ErrorKind::Validation,
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        412 => ErrorKind::PreconditionFailed,
        429 => ErrorKind::RateLimited,
        502..=504 => ErrorKind::Unavailable,
        500..=599 => ErrorKind::Server,
        _ => ErrorKind::Unexpected,
    }
}

/// Converts an answer to an error.
pub(crate) fn error_of(parts: &Parts, body: &Bytes) -> Error {
    let status = parts.status;
    let fault = serde_json::from_slice::<Fault>(body).ok();
    let kind = match kind_of(status) {
        ErrorKind::NotFound if body.starts_with(UNKNOWN_PATH) => ErrorKind::Unsupported,
        // For a missing object, the body is empty or JSON; any other text comes from another server.
        ErrorKind::NotFound if fault.is_none() && !body.is_empty() => ErrorKind::Unexpected,
        kind => kind,
    };
    let error = match fault {
        Some(fault) => Error::new(kind, kept(without_value(fault.message))).with_server_words(
            Some(kept(fault.code)).filter(|code| !code.is_empty()),
            fault.detail.filter(|detail| !detail.is_null()),
            fault.retry,
        ),
        None => Error::new(kind, foreign(parts, body)),
    };
    error.with_status(status).with_retry_after(retry_after(&parts.headers, SystemTime::now()))
}

/// The beginning of the controller's message if a token does not cover a call. It does not name the missing grant.
const NOT_COVERED: &str = "this credential is not allowed";

/// Adds to the controller's refusal the grant that a token needs for the call. The controller compares the grants of
/// apps with the literal path.
pub(crate) fn with_missing_grant(error: Error, spec: &Spec) -> Error {
    if !error.message().starts_with(NOT_COVERED) {
        return error;
    }
    let message = format!("{}; {}", error.message(), missing_grant(spec));
    error.with_message(message)
}

fn missing_grant(spec: &Spec) -> String {
    let mut segments = spec.path.split('/').skip(1);
    let first = segments.next().unwrap_or_default();
    let (Some(app), "apps") = (segments.next(), first) else {
        return match first {
            "whoami" | "tokens" => "it needs the token of a user: grants of apps do not cover it",
            _ => "it needs the scope `cluster:admin`: grants of apps do not cover it",
        }
        .to_owned();
    };
    let grant = match (&spec.method, segments.next()) {
        (_, Some("collaborators" | "transfer")) => {
            return "it needs the token of a user with the role `admin`".to_owned();
        }
        (&Method::GET | &Method::HEAD, _) => "`app:read`",
        (_, Some("deploy")) => "`app:deploy`",
        _ => "`app:write`",
    };
    let hint = match AppRef::from(app).id() {
        Some(_) => "",
        None => {
            "; grants hold ids of apps, and a token with grants may not look one up, so name the app by its id: \
             `client.app(\"UUID\")`"
        }
    };
    format!("it needs the grant {grant} for this app, or the scope `cluster:admin`{hint}")
}

/// Removes the value of a variable without a name, which the controller quotes.
fn without_value(mut message: String) -> String {
    if let Some(at) = message.find(" (tried to set ") {
        message.truncate(at);
    }
    message
}

/// Describes a body that is not the controller's JSON. A proxy or another server wrote it, so it is not shown.
fn foreign(parts: &Parts, body: &Bytes) -> String {
    if body.is_empty() {
        return String::new();
    }
    if body.starts_with(UNKNOWN_PATH) {
        return "unknown path or method".to_owned();
    }
    let what = match not_json(body) {
        Some(what) => format!("{what} instead of JSON"),
        None => "JSON of another shape than a controller's error".to_owned(),
    };
    format!("{what}, {}", content_type(&parts.headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Error {
        let (parts, ()) = http::Response::builder().status(status).body(()).unwrap().into_parts();
        error_of(&parts, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn an_empty_404_is_not_a_text_404() {
        assert!(answer(404, "").is_not_found());
        assert!(answer(404, r#"{"code":"not_found","message":"x","retry":false}"#).is_not_found());
        assert!(answer(404, "404 page not found\n").is_unsupported());
        assert_eq!(answer(404, "<html>").kind(), ErrorKind::Unexpected);
    }

    #[test]
    fn the_controllers_words_are_kept() {
        let error = answer(
            409,
            r#"{"code":"conflict","message":"Duplicate route","detail":{"key":"s3cret"},"retry":false}"#,
        );
        assert!(error.is_conflict());
        assert_eq!((error.code(), error.message()), (Some("conflict"), "Duplicate route"));
        assert!(error.detail().unwrap().as_str().contains("s3cret"));
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        let nameless =
            r#"{"code":"validation_error","message":"no name (tried to set \"\"=\"s3cret\")"}"#;
        assert_eq!(answer(400, nameless).message(), "no name");
    }
}
