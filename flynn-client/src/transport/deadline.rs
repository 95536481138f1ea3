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

impl Deadline {
    /// No deadline.
    pub(crate) const NONE: Self = Self { at: None, retry: None };

    /// Creates a deadline after this time from now, or none.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        Self { at: timeout.and_then(|timeout| Instant::now().checked_add(timeout)), retry: None }
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

/// Implements `timeout()` and `IntoFuture` for a builder with a field `timeout: Option<Duration>` and an `async fn
/// run(self, Deadline)`.
macro_rules! operation {
    ($name:ident => $output:ty) => {
        impl $name {
            /// Sets the deadline of the whole call, including waits. By default there is none.
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.timeout = Some(timeout);
                self
            }
        }

        impl std::future::IntoFuture for $name {
            type Output = Result<$output, $crate::Error>;
            type IntoFuture = futures_core::future::BoxFuture<'static, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(async move {
                    let deadline = $crate::transport::Deadline::after(self.timeout);
                    self.run(deadline).await
                })
            }
        }
    };
}
pub(crate) use operation;
