//! Raw calls, for endpoints that this crate does not have.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use http::Method;
//!
//! let app: serde_json::Value = flynn.request(Method::GET, "/apps/router").decode().await?;
//! assert_eq!(app["name"], "router");
//! let answer = flynn.request(Method::GET, "/apps").await?; // status, headers and bytes
//! assert_eq!(answer.status(), 200);
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! You set the body, and declare whether the call is idempotent:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::events::Event;
//! use futures_util::TryStreamExt;
//! use http::Method;
//!
//! let strategy = serde_json::json!({ "strategy": "one-by-one" });
//! flynn.request(Method::POST, "/apps/blobstore").json(&strategy).repeatable().await?;
//!
//! let events = flynn.request(Method::GET, "/events").query("past", "true");
//! let mut events = events.stream::<Event>().await?;
//! println!("{}", events.try_next().await?.expect("the stream stays open").object_type);
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::Error;
use crate::json::{LIST, decode};
use crate::transport::{Connect, Deadline, Limits, Repeat, Request, Spec, list_limit, operation};

impl Client {
    /// Prepares any call, from a method and a path from the root of the API, without query. Percent-encode the path if
    /// necessary; encoded dots and control characters are refused.
    ///
    /// The call has the same retries, layers, limits and errors as all other calls. It is treated as not idempotent
    /// unless you call [`repeatable`](RawRequest::repeatable).
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> RawRequest {
        RawRequest {
            client: self.clone(),
            spec: Spec::raw(method, path.as_ref()),
            limits: Limits::default(),
        }
    }
}

/// A raw call; returned by [`Client::request`]. Await it to get the raw answer.
///
/// # Errors
/// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind). A status other than 2xx is
/// an error too.
#[must_use = "nothing is sent until it is awaited"]
pub struct RawRequest {
    client: Client,
    spec: Spec,
    limits: Limits,
}

impl RawRequest {
    /// Adds a query parameter.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.spec = self.spec.query(name.as_ref(), value.as_ref());
        self
    }

    /// Sets a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.spec = self.spec.header(name, value);
        self
    }

    /// Sets a JSON body.
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        self.spec = self.spec.body(body);
        self
    }

    /// Sets the body. Unless it is JSON, set `Content-Type` with [`header`](Self::header).
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.spec.body = body.into();
        self
    }

    /// Declares the call idempotent, so that it is retried if the answer is lost.
    pub fn repeatable(mut self) -> Self {
        self.spec.repeat = Repeat::Safe;
        self
    }

    /// Decodes the answer's JSON.
    pub fn decode<T: DeserializeOwned>(self) -> Request<T> {
        let request = Request::new(&self.client, self.spec, |client, body| {
            decode(&body?, list_limit(client))
        });
        request.limited(self.limits)
    }

    /// Reads the answer as a stream of server-sent events with JSON data.
    pub fn stream<T: DeserializeOwned>(self) -> Connect<T> {
        Connect::new(&self.client, self.spec).limited(self.limits)
    }

    async fn run(self, deadline: Deadline) -> Result<RawAnswer, Error> {
        let answer = self.client.transport().whole(&self.spec, deadline).await?;
        Ok(RawAnswer {
            status: answer.parts.status,
            headers: answer.parts.headers,
            body: answer.body,
        })
    }
}

operation!(RawRequest => RawAnswer);

/// Shows neither the query nor the body, which can contain secrets.
impl fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRequest")
            .field("method", &self.spec.method)
            .field("path", &self.spec.path)
            .finish_non_exhaustive()
    }
}

/// The answer to a [`RawRequest`].
#[derive(Clone)]
pub struct RawAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl RawAnswer {
    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the whole body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Decodes the body from JSON.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Decode`](crate::ErrorKind::Decode) if the body is not JSON of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        decode(&self.body, LIST)
    }
}

/// Shows only the length of the body.
impl fmt::Debug for RawAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawAnswer")
            .field("status", &self.status)
            .field("body", &format_args!("[{} bytes]", self.body.len()))
            .finish_non_exhaustive()
    }
}
