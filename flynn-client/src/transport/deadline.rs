//! Limits of whole calls: the deadline, and the retries within it.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::RetryPolicy;
use crate::client::Client;
use crate::error::{Error, ErrorKind};

/// The time by which a whole call must be over, including waiting, and the retry policy of its requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline {
    at: Option<Instant>,
    /// Replaces the client's policy.
    retry: Option<RetryPolicy>,
}

/// The limits of a whole call that its caller has set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) timeout: Option<Duration>,
    /// Replaces the client's policy.
    pub(crate) retry: Option<RetryPolicy>,
}

impl Limits {
    /// Returns the deadline of a call that starts now.
    pub(crate) fn deadline(self) -> Deadline {
        Deadline::NONE.limited(self)
    }
}

impl Deadline {
    /// No deadline.
    pub(crate) const NONE: Self = Self { at: None, retry: None };

    /// Creates a deadline after this time from now, or none.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        Self { at: timeout.and_then(|timeout| Instant::now().checked_add(timeout)), retry: None }
    }

    /// Returns the deadline of a step that starts now and has limits of its own.
    pub(crate) fn limited(self, Limits { timeout, retry }: Limits) -> Self {
        let deadline = if timeout.is_some() { Self::after(timeout) } else { self };
        deadline.with_retry(retry)
    }

    /// Returns the same deadline, with this policy if there is one.
    pub(crate) fn with_retry(self, retry: Option<RetryPolicy>) -> Self {
        Self { at: self.at, retry: retry.or(self.retry) }
    }

    /// Returns the retry policy for a request of this client.
    pub(crate) fn retry(self, client: &Client) -> RetryPolicy {
        self.retry_or(client.transport().settings.retry)
    }

    pub(super) fn retry_or(self, default: RetryPolicy) -> RetryPolicy {
        self.retry.unwrap_or(default)
    }

    /// Returns the remaining time.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Returns the earlier of this deadline and this time from now.
    pub(crate) fn at_most(self, timeout: Duration) -> Self {
        let left = self.remaining().map_or(timeout, |left| left.min(timeout));
        Self::after(Some(left)).with_retry(self.retry)
    }

    /// Returns a deadline of two minutes for restoring what a failed call has changed. It is separate, because this
    /// deadline may already have passed.
    pub(crate) fn for_restoring(self) -> Self {
        Self::after(Some(Duration::from_secs(120))).with_retry(self.retry)
    }

    pub(crate) fn is_over(self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// Runs a future until the deadline.
    pub(crate) async fn limit<T>(
        self,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match self.at {
            None => future.await,
            Some(at) => match tokio::time::timeout_at(at, future).await {
                Ok(result) => result,
                Err(_) => Err(Self::error()),
            },
        }
    }

    /// Waits for this time, or fails at the deadline.
    pub(crate) async fn pause(self, time: Duration) -> Result<(), Error> {
        self.limit(async {
            tokio::time::sleep(time).await;
            Ok(())
        })
        .await
    }

    pub(crate) fn error() -> Error {
        Error::new(ErrorKind::Timeout, "the call's deadline has passed")
    }
}

/// Implements `timeout()`, `retry()` and `IntoFuture` for a builder with a field `limits: Limits` and an `async fn
/// run(self, Deadline)`.
macro_rules! operation {
    ($name:ident => $output:ty) => {
        impl $name {
            /// Sets the retry policy of all its requests, instead of the client's.
            pub fn retry(mut self, policy: $crate::RetryPolicy) -> Self {
                self.limits.retry = Some(policy);
                self
            }
        }

        $crate::transport::operation!($name => $output, without requests);
    };
    ($name:ident => $output:ty, without requests) => {
        impl $name {
            /// Sets the deadline of the whole call, including waits. By default there is none.
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.limits.timeout = Some(timeout);
                self
            }
        }

        impl std::future::IntoFuture for $name {
            type Output = Result<$output, $crate::Error>;
            type IntoFuture = futures_core::future::BoxFuture<'static, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(async move {
                    let deadline = self.limits.deadline();
                    self.run(deadline).await
                })
            }
        }
    };
}
pub(crate) use operation;
