//! Streams that reconnect, resume and drop duplicates.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::stream::{StreamExt, unfold};
use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transport::EventSource;

/// The source of a [`Watch`]. This trait is sealed.
pub trait Watched: source::Source {}

impl<S: source::Source> Watched for S {}

pub(crate) mod source {
    use std::collections::VecDeque;
    use std::time::Duration;

    use serde::de::DeserializeOwned;

    use super::{Client, Error, EventSource};

    pub trait Source: Send + Unpin + 'static {
        /// The type of the server's messages.
        type Message: DeserializeOwned + Send + 'static;
        /// The type of the watch's items.
        type Item: Send + 'static;

        fn client(&self) -> &Client;

        /// Opens a stream that starts where the last one ended, with this idle timeout.
        fn connect(
            &mut self,
            idle: Duration,
        ) -> impl Future<Output = Result<EventSource<Self::Message>, Error>> + Send;

        /// Processes a message, and adds new items to `items`.
        fn take(&mut self, message: Self::Message, items: &mut VecDeque<Self::Item>);

        /// Returns the silence after which [`settle`](Self::settle) is called.
        fn settles_after(&self) -> Option<Duration> {
            None
        }

        /// Releases items that were held back because their position was not clear.
        fn settle(&mut self, _items: &mut VecDeque<Self::Item>) {}
    }
}

/// A stream that reconnects and resumes.
///
/// It reconnects if the connection is lost, is silent for the [`idle_timeout`](Self::idle_timeout), or ends with a
/// transient error, such as that of a restarting controller ([`Error::is_transient`]). It then resumes after the last
/// item, drops duplicates, and honours `Retry-After`. It gives up on permanent errors, such as a wrong key or a deleted
/// app, and after its [`patience`](Self::patience). An error is its last item.
///
/// It connects when it is polled for the first time, or with [`begin`](Self::begin). Dropping it closes the connection.
#[must_use = "nothing is sent until it is polled"]
pub struct Watch<S: Watched> {
    source: Option<S>,
    options: Options,
    items: Option<BoxStream<'static, Result<S::Item, Error>>>,
}

#[derive(Clone, Copy, Debug)]
struct Options {
    idle: Duration,
    patience: Duration,
}

impl<S: Watched> Watch<S> {
    pub(crate) fn new(source: S) -> Self {
        Self {
            source: Some(source),
            options: Options {
                // Two keep-alives, which are sent every 30 s, and some slack.
                idle: Duration::from_secs(75),
                patience: Duration::from_secs(300),
            },
            items: None,
        }
    }

    /// Changes the source. Has no effect after the watch has started.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut S)) -> Self {
        if let Some(source) = &mut self.source {
            change(source);
        }
        self
    }

    /// Reconnects if nothing arrives for this long, not even a keep-alive; 75 s by default. The server sends a
    /// keep-alive every 30 s.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.idle = timeout;
        self
    }

    /// Gives up if no connection was stable for this long; five minutes by default.
    ///
    /// A connection that is lost soon after it was opened does not count as stable, and neither does one on which
    /// nothing arrives before the [`idle_timeout`](Self::idle_timeout). A longer `Retry-After` ends the watch at once.
    pub fn patience(mut self, time: Duration) -> Self {
        self.options.patience = time;
        self
    }

    /// Connects now instead of at the first poll, so that the watch includes everything from now on.
    ///
    /// # Errors
    /// Returns a permanent error, or the last error after the [`patience`](Self::patience).
    pub async fn begin(mut self) -> Result<Self, Error> {
        if let Some(source) = self.source.take() {
            let mut watcher = Box::new(Watcher::new(source, self.options));
            watcher.begin().await?;
            self.items = Some(unfold(Some(watcher), step).boxed());
        }
        Ok(self)
    }

    /// Returns the next item, or `None` after an error.
    pub async fn next(&mut self) -> Option<Result<S::Item, Error>> {
        StreamExt::next(self).await
    }
}

impl<S: Watched> Stream for Watch<S> {
    type Item = Result<S::Item, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(source) = this.source.take() {
            let watcher = Box::new(Watcher::new(source, this.options));
            this.items = Some(unfold(Some(watcher), step).boxed());
        }
        match &mut this.items {
            Some(items) => items.as_mut().poll_next(cx),
            None => Poll::Ready(None),
        }
    }
}

impl<S: Watched> fmt::Debug for Watch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Boxed, since it is moved with every item.
type State<S> = Option<Box<Watcher<S>>>;

async fn step<S: Watched>(watcher: State<S>) -> Option<(Result<S::Item, Error>, State<S>)> {
    let mut watcher = watcher?;
    match watcher.next().await {
        Ok(item) => Some((Ok(item), Some(watcher))),
        Err(error) => Some((Err(error), None)),
    }
}

/// The state between two items.
struct Watcher<S: Watched> {
    source: S,
    options: Options,
    connection: Option<EventSource<S::Message>>,
    connected_at: Instant,
    items: VecDeque<S::Item>,
    failures: u32,
    failing_since: Option<Instant>,
}

/// A connection that has lasted this long was stable, even without an item.
const GOOD: Duration = Duration::from_secs(10);

impl<S: Watched> Watcher<S> {
    fn new(source: S, options: Options) -> Self {
        Self {
            source,
            options,
            connection: None,
            connected_at: Instant::now(),
            items: VecDeque::new(),
            failures: 0,
            failing_since: None,
        }
    }

    async fn begin(&mut self) -> Result<(), Error> {
        while let Err(error) = self.connect().await {
            self.pause(error).await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<S::Item, Error> {
        loop {
            if let Some(item) = self.items.pop_front() {
                // Old items are sent again on every connection; a new one proves that the connection works.
                (self.failures, self.failing_since) = (0, None);
                return Ok(item);
            }
            let Some(connection) = &mut self.connection else {
                if let Err(error) = self.connect().await {
                    self.pause(error).await?;
                }
                continue;
            };
            let message = match self.source.settles_after() {
                None => Ok(StreamExt::next(connection).await),
                Some(time) => timeout(time, StreamExt::next(connection)).await.map_err(|_| ()),
            };
            let error = match message {
                Err(()) => {
                    self.source.settle(&mut self.items);
                    continue;
                }
                Ok(Some(Ok(message))) => {
                    self.source.take(message, &mut self.items);
                    continue;
                }
                Ok(Some(Err(error))) => error,
                Ok(None) => Error::new(ErrorKind::Connection, "the server closed the stream"),
            };
            self.connection = None;
            if self.lived(&error) >= GOOD.min(self.options.patience) {
                (self.failures, self.failing_since) = (0, None);
            }
            self.pause(error).await?;
        }
    }

    /// Returns the useful lifetime of the connection that has ended, without the silence that ended it. A connection on
    /// which nothing ever arrived, for example behind a buffering proxy, was useless.
    fn lived(&self, error: &Error) -> Duration {
        let silence = if error.is_timeout() { self.options.idle } else { Duration::ZERO };
        self.connected_at.elapsed().saturating_sub(silence)
    }

    async fn connect(&mut self) -> Result<(), Error> {
        self.connection = Some(self.source.connect(self.options.idle).await?);
        self.connected_at = Instant::now();
        Ok(())
    }

    /// Waits before the next connection, or gives up.
    async fn pause(&mut self, error: Error) -> Result<(), Error> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let asked = error.retry_after().unwrap_or_default();
        let waits = since.elapsed().saturating_add(asked) <= self.options.patience;
        if !error.is_transient() || !waits {
            return Err(error);
        }
        self.failures += 1;
        let wait =
            self.source.client().transport().settings.retry.backoff(self.failures).max(asked);
        tracing::debug!(kind = ?error.kind(), failures = self.failures, "reconnecting the stream");
        sleep(wait).await;
        Ok(())
    }
}
