//! Calls of one request.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::{Answer, Deadline, RetryPolicy, Spec, content_type};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::json::{decode, decode_list, decode_object, not_json};

/// Makes the call's result of the body of a success, or of the error.
type Finish<T> = fn(&Client, Result<Bytes, Error>) -> Result<T, Error>;

/// A call that is sent when you await it, and returns a `T`.
///
/// It owns everything it needs; its future is `Send + 'static`.
#[must_use = "nothing is sent until it is awaited"]
pub struct Request<T> {
    client: Client,
    spec: Spec,
    finish: Finish<T>,
    deadline: Deadline,
    timeout: Option<Duration>,
}

impl<T> Request<T> {
    /// Sets the deadline of the whole call, retries included. Without it, the retry policy and the client's
    /// `attempt_timeout` bound the call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the retry policy of this call, instead of the client's.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.spec.retry = Some(policy);
        self
    }

    /// A call whose result is made by `finish`.
    pub(crate) fn new(client: &Client, spec: Spec, finish: Finish<T>) -> Self {
        Self { client: client.clone(), spec, finish, deadline: Deadline::NONE, timeout: None }
    }

    /// As one step of a call with a deadline of its own.
    pub(crate) fn within(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }
}

impl<T: DeserializeOwned> Request<T> {
    /// A call that answers with one JSON object.
    pub(crate) fn json(client: &Client, spec: Spec) -> Self {
        Self::new(client, spec, |client, body| decode_object(&body?, list_limit(client)))
    }
}

impl<T: DeserializeOwned> Request<Vec<T>> {
    /// A call that answers with a JSON list; `null` is an empty one.
    pub(crate) fn list(client: &Client, spec: Spec) -> Self {
        Self::new(client, spec, |client, body| decode_list(&body?, list_limit(client)))
    }
}

impl<T: DeserializeOwned> Request<Option<T>> {
    /// A call that answers with one JSON object, or with a 404 that means `None`.
    pub(crate) fn optional(client: &Client, spec: Spec) -> Self {
        Self::new(client, spec, |client, body| match body {
            Err(error) if error.is_not_found() => Ok(None),
            body => decode_object(&body?, list_limit(client)).map(Some),
        })
    }
}

impl Request<()> {
    /// A call whose answer has no content of interest. It must be empty or JSON: the page of a proxy does not prove
    /// that the call was carried out.
    pub(crate) fn unit(client: &Client, spec: Spec) -> Self {
        Self::new(client, spec, |client, body| match body? {
            body if body.is_empty() => Ok(()),
            body => decode::<serde::de::IgnoredAny>(&body, list_limit(client)).map(|_| ()),
        })
    }
}

/// How many objects a list of an answer may have.
pub(crate) fn list_limit(client: &Client) -> usize {
    client.transport().settings.limits.list
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.spec.method)
            .field("path", &self.spec.path)
            .finish_non_exhaustive()
    }
}

impl<T: 'static> IntoFuture for Request<T> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, spec, finish, deadline, timeout } = self;
            let deadline = if timeout.is_some() { Deadline::after(timeout) } else { deadline };
            let answer = client.transport().whole(&spec, deadline).await;
            let (parts, body, call) = match answer {
                Ok(Answer { parts, body, call }) => (parts, body, call),
                Err(error) => return finish(&client, Err(error)),
            };
            finish(&client, Ok(body.clone())).map_err(|error| {
                // The answer came and could not be read: say which call it was, and who may have answered.
                let error = match not_json(&body) {
                    Some(_) if error.kind() == ErrorKind::Decode => {
                        let message =
                            format!("{}, {}", error.message(), content_type(&parts.headers));
                        error.with_message(message)
                    }
                    _ => error,
                };
                if error.method().is_none() { call.name(error, &spec) } else { error }
            })
        })
    }
}
