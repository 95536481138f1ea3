//! A request as the server read it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// One request, as the server read it from a connection. Its `Debug` shows neither headers nor
/// body.
#[derive(Clone)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: Method,
    /// The path as it was sent, percent-encoded, starting with `/`.
    pub(crate) path: String,
    /// The query as it was sent, without `?`; empty when there is none.
    pub(crate) query: String,
    /// All headers.
    pub(crate) headers: HeaderMap,
    /// The body. If it exceeds the limit, it is truncated to one byte more than the limit.
    pub(crate) body: Bytes,
    /// The requested host, in lower case and without port. It determines the app that answers.
    pub(crate) host: String,
    /// The address of the client. The status app trusts private addresses.
    pub(crate) peer: IpAddr,
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
    /// Creates a request for `target` (`/path?query`) of the host `127.0.0.1`, which is the controller.
    pub(crate) fn new(method: Method, target: &str) -> Self {
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
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the body and its type, `application/json`.
    pub(crate) fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// Returns the text of a header; empty if it is missing or not text.
    pub(crate) fn header_text(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
