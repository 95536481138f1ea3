//! Operations that the server accepts at once and carries out in the background: progress and waiting.
//!
//! A deployment, a scaling, a deletion and a migration differ in their events and in the final read. The common part is
//! here: follow the events, poll every 10 s in case their stream has died, and let a read decide the outcome.

use std::fmt;
use std::future::IntoFuture;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::unfold;
use tokio::time::sleep;

use crate::error::{Error, ErrorKind, Pending};
use crate::transport::Deadline;

use accepted::Begun;

/// An operation that the server carries out in the background. This trait is sealed.
pub trait Operation: accepted::Accepted {}

impl<O: accepted::Accepted> Operation for O {}

pub(crate) mod accepted {
    use super::{Deadline, Error, Pending, Progress};

    /// The state of an operation when waiting starts.
    pub enum Begun<O: Accepted> {
        /// It has ended.
        Ended(O::End),
        /// It is running; these are its steps.
        Running(Progress<O::Step>),
        /// The server does not know it, so there would never be a step.
        Unknown(Error),
    }

    pub trait Accepted: Clone + Send + Sync + Sized + 'static {
        /// A step of its progress.
        type Step: Send + 'static;
        /// Its end, as reported by events and polling.
        type End: Send;
        /// The result of waiting for it.
        type Output: Send + 'static;

        /// Returns its form in errors.
        fn pending(&self) -> Pending;

        /// Reads its state before the wait.
        fn begin(&self) -> impl Future<Output = Result<Begun<Self>, Error>> + Send;

        /// Returns the end that a step reports, or the step itself.
        fn end(step: Self::Step) -> Result<Self::End, Self::Step>;

        /// Returns the failure that a step reports, after which the server retries.
        fn failure(step: &Self::Step) -> Option<&str>;

        /// Polls whether it has ended.
        fn ask(&self) -> impl Future<Output = Result<Option<Self::End>, Error>> + Send;

        /// Reads the result after it has ended.
        fn finish(
            &self,
            end: Self::End,
            deadline: Deadline,
        ) -> impl Future<Output = Result<Self::Output, Error>> + Send;
    }
}

/// The steps of an operation, as a stream that ends after the last step or the first error.
#[must_use = "nothing is sent until it is polled"]
pub struct Progress<S>(BoxStream<'static, Result<S, Error>>);

impl<S: Send + 'static> Progress<S> {
    /// Ends after the step for which `is_last` is true.
    pub(crate) fn until(
        steps: impl Stream<Item = Result<S, Error>> + Send + 'static,
        is_last: fn(&S) -> bool,
    ) -> Self {
        let steps = unfold(Some(steps.boxed()), move |steps| async move {
            let mut steps = steps?;
            let step = steps.next().await?;
            let goes_on = step.as_ref().is_ok_and(|step| !is_last(step));
            Some((step, goes_on.then_some(steps)))
        });
        Self(steps.boxed())
    }

    /// Returns the next step, or `None` after the last one.
    pub async fn next(&mut self) -> Option<Result<S, Error>> {
        self.0.next().await
    }
}

impl<S> Stream for Progress<S> {
    type Item = Result<S, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl<S> fmt::Debug for Progress<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

type OnStep<S> = Box<dyn FnMut(&S) + Send>;

/// Waits for an operation; returned by its handle's `wait()`.
///
/// Dropping it only stops the waiting. The operation continues on the server, and you can wait for it again with the
/// handle or [`Client::resume`](crate::Client::resume).
///
/// # Errors
/// - [`ErrorKind::Timeout`] if the deadline has passed. [`Error::pending`] names the operation, and the message
///   contains the last failure, after which the server retries.
/// - [`ErrorKind::NotFound`] if the server does not know the operation.
/// - The errors of the event stream, if reconnecting does not help and a read does not show how the operation ended.
///   [`Error::pending`] names the operation.
/// - The errors that the handle's `wait()` documents, if the operation has failed.
#[must_use = "nothing is sent until it is awaited"]
pub struct Wait<O: Operation> {
    operation: O,
    on_step: Option<OnStep<O::Step>>,
    timeout: Option<Duration>,
}

impl<O: Operation> Wait<O> {
    pub(crate) fn new(operation: O) -> Self {
        Self { operation, on_step: None, timeout: None }
    }

    /// Limits the whole wait. By default there is no limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Calls `on_step` with every step while waiting. Earlier steps are included, unless the operation has already
    /// ended when the wait starts; then there are no steps.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// let scaling = flynn.app("blobstore").scale([("web", 3)]).await?;
    /// let formation = scaling.wait().on_step(|step| println!("{step:?}")).await?;
    /// assert_eq!(formation.processes["web"], 3);
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    pub fn on_step(mut self, on_step: impl FnMut(&O::Step) + Send + 'static) -> Self {
        self.on_step = Some(Box::new(on_step));
        self
    }
}

impl<O: Operation> fmt::Debug for Wait<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("operation", &self.operation.pending())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl<O: Operation> IntoFuture for Wait<O> {
    type Output = Result<O::Output, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { operation, on_step, timeout } = self;
            wait(&operation, on_step, Deadline::after(timeout)).await
        })
    }
}

/// Waits for a stream, and polls in addition. A failed poll is not an error, because the stream continues.
pub(crate) async fn told_or_asked<T, F: Future<Output = Option<T>>>(
    told: impl Future<Output = Result<T, Error>>,
    mut ask: impl FnMut() -> F,
) -> Result<T, Error> {
    let asked = async {
        loop {
            sleep(ASK_EVERY).await;
            if let Some(end) = ask().await {
                return end;
            }
        }
    };
    match select(pin!(told), pin!(asked)).await {
        Either::Left((told, _)) => told,
        Either::Right((end, _)) => Ok(end),
    }
}

/// The polling interval while waiting for the event stream. A stream that died behind a proxy is silent for minutes.
const ASK_EVERY: Duration = Duration::from_secs(10);

pub(crate) async fn wait<O: Operation>(
    operation: &O,
    on_step: Option<OnStep<O::Step>>,
    deadline: Deadline,
) -> Result<O::Output, Error> {
    let begun = deadline.limit(operation.begin()).await;
    let end = match begun.map_err(|error| error.with_pending(operation.pending()))? {
        Begun::Unknown(error) => return Err(error),
        Begun::Ended(end) => end,
        Begun::Running(steps) => {
            let end = until_end(operation, steps, on_step, deadline).await;
            end.map_err(|error| error.with_pending(operation.pending()))?
        }
    };
    operation.finish(end, deadline).await
}

async fn until_end<O: Operation>(
    operation: &O,
    mut steps: Progress<O::Step>,
    mut on_step: Option<OnStep<O::Step>>,
    deadline: Deadline,
) -> Result<O::End, Error> {
    let mut failure = None;
    let told = async {
        while let Some(step) = steps.next().await {
            let step = step?;
            if let Some(on_step) = &mut on_step {
                on_step(&step);
            }
            match O::end(step) {
                Ok(end) => return Ok(end),
                Err(step) => failure = O::failure(&step).map(str::to_owned).or(failure.take()),
            }
        }
        Err(Error::new(ErrorKind::Connection, "the event stream ended before the operation did"))
    };
    let ask = || async { operation.ask().await.ok().flatten() };
    let error = match deadline.limit(told_or_asked(told, ask)).await {
        Ok(end) => return Ok(end),
        Err(error) => error,
    };
    if deadline.is_over() {
        return Err(match failure {
            Some(failure) => {
                let message = format!("the server retries after this failure: {failure}");
                Error::new(ErrorKind::Timeout, message)
            }
            None => error,
        });
    }
    // The stream cannot be recovered. A read may still show the end.
    match deadline.limit(operation.ask()).await {
        Ok(Some(end)) => Ok(end),
        _ => Err(error),
    }
}
