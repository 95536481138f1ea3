//! Calls that give one result.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::{Answer, Deadline, Limits, RetryPolicy, Spec, content_type};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::json::{decode, decode_list, decode_object, not_json};

/// Converts the body of a success, or the error, to the result of the call.
type Finish<T> = fn(&Client, Result<Bytes, Error>) -> Result<T, Error>;

/// A call that is sent when you await it, and returns a `T`. Some calls consist of several requests.
///
/// It owns all its data; its future is `Send + 'static`.
#[must_use = "nothing is sent until it is awaited"]
pub struct Request<T> {
    call: Call<T>,
    deadline: Deadline,
    limits: Limits,
}

enum Call<T> {
    One { client: Client, spec: Box<Spec>, finish: Finish<T> },
    Steps { name: &'static str, run: Steps<T> },
}

type Steps<T> = Box<dyn FnOnce(Deadline) -> BoxFuture<'static, Result<T, Error>> + Send + Sync>;

impl<T> Request<T> {
    /// Sets the deadline of the whole call, including retries. By default, the retry policy and the client's
    /// `attempt_timeout` limit the call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = Some(timeout);
        self
    }

    /// Sets the retry policy of this call, instead of the client's.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.limits.retry = Some(policy);
        self
    }

    /// Creates a call of one request. `finish` turns the answer into the result.
    pub(crate) fn new(client: &Client, spec: Spec, finish: Finish<T>) -> Self {
        Self::of(Call::One { client: client.clone(), spec: Box::new(spec), finish })
    }

    /// Creates a call of several requests. `run` must send each of them within the deadline that it receives. `name` is
    /// for `Debug`.
    pub(crate) fn steps<F>(
        name: &'static str,
        run: impl FnOnce(Deadline) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        Self::of(Call::Steps { name, run: Box::new(|deadline| Box::pin(run(deadline))) })
    }

    fn of(call: Call<T>) -> Self {
        Self { call, deadline: Deadline::NONE, limits: Limits::default() }
    }

    /// Sets the limits that the caller has set on another builder.
    pub(crate) fn limited(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes it one step of a call with its own deadline.
    pub(crate) fn within(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }
}

impl<T: DeserializeOwned> Request<T> {
    /// Creates a call that answers with one JSON object.
    pub(crate) fn json(client: &Client, spec: Spec) -> Self {
        Self::new(client, spec, |client, body| decode_object(&body?, list_limit(client)))
    }
}

impl<T: DeserializeOwned> Request<Vec<T>> {
    /// Creates a call that answers with a JSON list; `null` is an empty list.
    pub(crate) fn list(client: &Client, spec: Spec) -> Self {
        Self::new(client, spec, |client, body| decode_list(&body?, list_limit(client)))
    }
}

impl<T: DeserializeOwned> Request<Option<T>> {
    /// Creates a call that answers with one JSON object, or with a 404 that means `None`.
    pub(crate) fn optional(client: &Client, spec: Spec) -> Self {
        Self::new(client, spec, |client, body| match body {
            Err(error) if error.is_not_found() => Ok(None),
            body => decode_object(&body?, list_limit(client)).map(Some),
        })
    }
}

impl Request<()> {
    /// Creates a call whose answer is ignored. The answer must be empty or JSON, because the page of a proxy does not
    /// prove that the call was carried out.
    pub(crate) fn unit(client: &Client, spec: Spec) -> Self {
        Self::new(client, spec, |client, body| match body? {
            body if body.is_empty() => Ok(()),
            body => decode::<serde::de::IgnoredAny>(&body, list_limit(client)).map(|_| ()),
        })
    }
}

/// Returns the maximum number of objects in a list.
pub(crate) fn list_limit(client: &Client) -> usize {
    client.transport().settings.limits.list
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Request");
        match &self.call {
            Call::One { spec, .. } => {
                out.field("method", &spec.method).field("path", &spec.path);
            }
            Call::Steps { name, .. } => {
                out.field("call", name);
            }
        }
        out.finish_non_exhaustive()
    }
}

impl<T: 'static> IntoFuture for Request<T> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { call, deadline, limits } = self;
        Box::pin(async move {
            let deadline = deadline.limited(limits);
            match call {
                Call::One { client, spec, finish } => one(&client, &spec, finish, deadline).await,
                Call::Steps { run, .. } => run(deadline).await,
            }
        })
    }
}

async fn one<T>(
    client: &Client,
    spec: &Spec,
    finish: Finish<T>,
    deadline: Deadline,
) -> Result<T, Error> {
    let (parts, body, call) = match client.transport().whole(spec, deadline).await {
        Ok(Answer { parts, body, call }) => (parts, body, call),
        Err(error) => return finish(client, Err(error)),
    };
    finish(client, Ok(body.clone())).map_err(|error| {
        // The answer arrived but could not be read: name the call and the content type.
        let error = match not_json(&body) {
            Some(_) if error.kind() == ErrorKind::Decode => {
                let message = format!("{}, {}", error.message(), content_type(&parts.headers));
                error.with_message(message)
            }
            _ => error,
        };
        if error.method().is_none() { call.name(error, spec) } else { error }
    })
}
