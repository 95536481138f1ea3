//! The answers of the handlers.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::api::streams::Cursor;
use crate::life::Program;
use crate::wire::{Fail, to_json};

/// The result of a handler.
pub(crate) type Reply = Result<Answer, Fail>;

/// Returns a 200 with this document.
#[allow(clippy::unnecessary_wraps, reason = "handlers end with it")]
pub(crate) fn json(value: &impl Serialize) -> Reply {
    Ok(Answer::full(StatusCode::OK, "application/json", to_json(value)))
}

/// Converts a failure to an answer.
pub(crate) fn refuse(fail: Fail) -> Answer {
    match fail {
        Fail::NotFound => Answer::empty(StatusCode::NOT_FOUND),
        Fail::Broken => {
            let mut answer = Answer::empty(StatusCode::INTERNAL_SERVER_ERROR);
            answer.body = Body::Broken;
            answer
        }
        Fail::Error { code, message, detail, retry } => {
            let status = match code {
                "not_found" | "object_not_found" => StatusCode::NOT_FOUND,
                "object_exists" | "conflict" => StatusCode::CONFLICT,
                "precondition_failed" => StatusCode::PRECONDITION_FAILED,
                "syntax_error" | "validation_error" | "request_body_too_big" => {
                    StatusCode::BAD_REQUEST
                }
                "unauthorized" => StatusCode::UNAUTHORIZED,
                "forbidden" => StatusCode::FORBIDDEN,
                "ratelimited" => StatusCode::TOO_MANY_REQUESTS,
                "service_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            // In the order of the real server.
            let (code, message) = (to_json(&code), to_json(&message));
            let detail = detail.map(|detail| format!(",\"detail\":{detail}")).unwrap_or_default();
            let body = format!(r#"{{"code":{code},"message":{message}{detail},"retry":{retry}}}"#);
            Answer::full(status, "application/json", body)
        }
    }
}

/// The answer to one request.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers, without those that frame the body.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Body,
}

/// The body of an answer. Its `Debug` shows its kind only.
pub(crate) enum Body {
    /// All of it.
    Full(Bytes),
    /// An open stream, which [`next_frames`](crate::api::streams::next_frames) reads.
    Stream(Cursor),
    /// A connection to be upgraded to `flynn-attach/0`.
    Attach(Attach),
    /// No answer: the real controller closes the connection here.
    Broken,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream(..)"),
            Self::Attach(_) => f.write_str("Attach(..)"),
            Self::Broken => f.write_str("Broken"),
        }
    }
}

impl Answer {
    /// Creates an answer with an empty body and no type.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::Full(Bytes::new()) }
    }

    /// Creates an answer with a body of this type.
    pub(crate) fn full(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let mut answer = Self::empty(status);
        answer.body = Body::Full(body.into());
        answer.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer
    }

    /// Returns the whole body's bytes; empty for a stream.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Full(bytes) => bytes,
            Body::Stream(_) | Body::Attach(_) | Body::Broken => &[],
        }
    }
}

/// An attached job: the server handles the protocol, and the program reacts.
pub(crate) struct Attach {
    /// The job's uuid.
    pub(crate) job: String,
    /// The program to run: first [`Input::Start`](crate::Input::Start), then the client's input.
    pub(crate) program: Box<dyn Program>,
    /// True if it runs on a terminal.
    pub(crate) tty: bool,
    /// True if its output goes to the log. It is then sent line by line.
    pub(crate) logged: bool,
    /// The time of the request, at which the program starts.
    pub(crate) started: Timestamp,
    /// The time until which the first byte from the client is lost.
    pub(crate) input_lost_until: Option<Timestamp>,
}

impl fmt::Debug for Attach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attach")
            .field("job", &self.job)
            .field("tty", &self.tty)
            .finish_non_exhaustive()
    }
}
