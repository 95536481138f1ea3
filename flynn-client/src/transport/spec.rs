//! A call as a value, before it is sent.

use bytes::Bytes;
use http::header::HeaderValue;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;

use crate::error::{Error, Line, NAME};

/// Declares whether a call may be retried after the server may have received it. Each operation declares this in its
/// own file, independent of the HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Idempotent.
    Safe,
    /// Like `Safe`. If an attempt does not find the object, and an earlier one may have acted, that one has deleted it.
    Delete,
    /// Like `Safe`. The call involves the router, whose restart shows as a plain 500.
    Router,
    /// Retried only if the server cannot have acted on it.
    Never,
}

/// The expected type of the answer, for `Accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    Json,
    Events,
    Anything,
}

impl Accept {
    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Events => "text/event-stream",
            Self::Anything => "*/*",
        })
    }
}

/// One HTTP request, without the parts that the client adds to all requests.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) method: Method,
    /// The path without ids, for spans.
    pub(crate) template: &'static str,
    /// Percent-encoded, with a leading slash, without query.
    pub(crate) path: String,
    /// Percent-encoded, without the question mark.
    pub(crate) query: String,
    pub(crate) accept: Accept,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) repeat: Repeat,
    /// The call is slow: one attempt can take minutes.
    pub(crate) slow: bool,
    /// A status other than 2xx that is not a failure if its body has `data`.
    pub(crate) also: Option<StatusCode>,
    /// The reason why the call is not possible. It is reported when the call is awaited.
    pub(crate) fault: Option<Error>,
}

/// All characters except the unreserved ones of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Spec {
    /// Creates a call. Each `{name}` in the template is replaced by the next segment.
    pub(crate) fn new<const N: usize>(
        method: Method,
        template: &'static str,
        segments: [&str; N],
        repeat: Repeat,
    ) -> Self {
        let mut fault = None;
        let mut path = String::with_capacity(template.len() + 40 * N);
        let mut rest = template;
        let mut segments = segments.into_iter();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let segment = segments.next().unwrap_or_default();
            // Servers and proxies may decode what is encoded here.
            if (segment.is_empty() || leads_elsewhere(segment)) && fault.is_none() {
                let segment = Line(segment, NAME);
                fault = Some(Error::invalid_input(format!("{segment:?} cannot be used as {name}")));
            }
            path.push_str(before);
            path.extend(utf8_percent_encode(segment, SEGMENT));
            rest = after;
        }
        path.push_str(rest);
        Self {
            method,
            template,
            path,
            query: String::new(),
            accept: Accept::Json,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            repeat,
            slow: false,
            also: None,
            fault,
        }
    }

    /// Creates a call with a path of the caller.
    pub(crate) fn raw(method: Method, path: &str) -> Self {
        let mut spec = Self::new(method, "(raw)", [], Repeat::Never);
        path.clone_into(&mut spec.path);
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        if !path.starts_with('/') || path.contains(['?', '#', '\\']) || leads_elsewhere(&decoded) {
            spec.refuse(
                "a path must start with a slash, and must not have a query or dot segments",
            );
        } else if decoded.contains(char::is_control) {
            spec.refuse("a path must not have control characters");
        }
        spec
    }

    /// Creates a read, which is always idempotent.
    pub(crate) fn get<const N: usize>(template: &'static str, segments: [&str; N]) -> Self {
        Self::new(Method::GET, template, segments, Repeat::Safe)
    }

    pub(crate) fn post<const N: usize>(
        template: &'static str,
        segments: [&str; N],
        repeat: Repeat,
    ) -> Self {
        Self::new(Method::POST, template, segments, repeat)
    }

    pub(crate) fn put<const N: usize>(
        template: &'static str,
        segments: [&str; N],
        repeat: Repeat,
    ) -> Self {
        Self::new(Method::PUT, template, segments, repeat)
    }

    pub(crate) fn delete<const N: usize>(
        template: &'static str,
        segments: [&str; N],
        repeat: Repeat,
    ) -> Self {
        Self::new(Method::DELETE, template, segments, repeat)
    }

    /// Sets a JSON body.
    pub(crate) fn body(mut self, body: impl Serialize) -> Self {
        match serde_json::to_vec(&body) {
            Ok(body) => self.body = body.into(),
            Err(_) => self.refuse("the body cannot be written as JSON"),
        }
        self
    }

    /// Adds a query parameter.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.extend(utf8_percent_encode(name, SEGMENT));
        self.query.push('=');
        self.query.extend(utf8_percent_encode(value, SEGMENT));
        self
    }

    /// Adds a query parameter if there is a value.
    pub(crate) fn query_opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, &value.to_string()),
            None => self,
        }
    }

    /// Adds an id to the query if there is one. An empty id would select everything.
    pub(crate) fn query_id(mut self, name: &str, id: Option<impl AsRef<str>>) -> Self {
        match id {
            None => self,
            Some(id) => {
                if id.as_ref().is_empty() {
                    self.refuse(format!("{name} is empty"));
                }
                self.query(name, id.as_ref())
            }
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn accept(mut self, accept: Accept) -> Self {
        self.accept = accept;
        self
    }

    /// Marks a read that involves the router.
    pub(crate) fn of_router(mut self) -> Self {
        self.repeat = Repeat::Router;
        self
    }

    pub(crate) fn slow(mut self) -> Self {
        self.slow = true;
        self
    }

    pub(crate) fn also(mut self, status: StatusCode) -> Self {
        self.also = Some(status);
        self
    }

    /// Makes the call fail when it is awaited, before anything is sent. Keeps the first reason.
    pub(crate) fn refuse(&mut self, reason: impl Into<String>) {
        self.fault.get_or_insert_with(|| Error::invalid_input(reason));
    }
}

/// Returns whether a path, or a part of one, has dot segments.
fn leads_elsewhere(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_percent_encoded() {
        let spec = Spec::get("/apps/{app}/jobs/{job}", ["a/b c?", "host0-ä"]);
        assert_eq!(spec.path, "/apps/a%2Fb%20c%3F/jobs/host0-%C3%A4");
        assert!(spec.fault.is_none());
        let spec = Spec::get("/events", []).query("app_id", "x&y").query("past", "true");
        assert_eq!(
            (spec.path.as_str(), spec.query.as_str()),
            ("/events", "app_id=x%26y&past=true")
        );
    }

    #[test]
    fn segments_that_would_change_the_path_are_refused() {
        for segment in ["", ".", "..", "../a", "a\\..\\b"] {
            let spec = Spec::get("/apps/{app}", [segment]);
            assert!(spec.fault.unwrap().is_validation(), "{segment:?}");
        }
    }
}
