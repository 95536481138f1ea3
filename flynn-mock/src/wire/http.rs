//! What goes into the engine and what comes out of it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::engine::{Attach, Cursor};

/// One request, as the server read it from a connection. Its `Debug` shows neither headers nor
/// body.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path as it was sent, percent-encoded, starting with `/`.
    pub path: String,
    /// The query as it was sent, without `?`; empty when there is none.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body; of one that is larger than [`crate::engine::Engine::most_read`], a byte more than that.
    pub body: Bytes,
    /// The host asked for, lower case and without port; it picks the app that answers.
    pub host: String,
    /// The other end of the connection: the status app trusts private addresses.
    pub peer: IpAddr,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A request for `target` (`/path?query`) of the host `127.0.0.1`, which is the controller.
    pub fn new(method: Method, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            host: "127.0.0.1".to_owned(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// Sets a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the body and its type, `application/json`.
    pub fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// The header's text; empty when it is missing or not text.
    pub(crate) fn header_text(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The answer to one request.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, without those that frame the body.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// The body of an answer. Its `Debug` shows its kind only.
pub enum Body {
    /// All of it.
    Full(Bytes),
    /// An open stream: poll [`crate::engine::Engine::next_frames`] with the cursor.
    Stream(Cursor),
    /// A connection to be upgraded to `flynn-attach/0`.
    Attach(Attach),
    /// No answer at all: the real controller breaks the connection here.
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
    /// An answer with an empty body and no type.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::Full(Bytes::new()) }
    }

    /// An answer with a body of this type.
    pub fn full(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self::empty(status);
        answer.body = Body::Full(body.into());
        answer.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer
    }

    /// The whole body's bytes; empty for a stream.
    pub fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Full(bytes) => bytes,
            Body::Stream(_) | Body::Attach(_) | Body::Broken => &[],
        }
    }
}
