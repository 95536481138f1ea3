//! Streams that reconnect, resume and drop duplicates.

use std::collections::VecDeque;
use std::fmt;
use std::future::IntoFuture as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use tokio::time::{Instant, Sleep, sleep};

use crate::apps::{App, AppHandle};
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

    use super::{AppHandle, Client, Error, EventSource};

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

        /// Returns the app that is watched, if it is one app.
        fn app(&self) -> Option<AppHandle> {
            None
        }

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
/// item, drops duplicates, and honours `Retry-After`. It gives up on permanent errors, such as a wrong key, and after
/// its [`patience`](Self::patience). An error is its last item.
///
/// The server keeps the streams of a deleted app open. So a watch of one app asks whether the app still exists whenever
/// no item arrives for the idle timeout, and ends with [`ErrorKind::NotFound`] if it does not.
///
/// It connects when it is polled for the first time, or with [`begin`](Self::begin). Dropping it closes the connection.
#[must_use = "nothing is sent until it is polled"]
pub struct Watch<S: Watched>(State<S>);

enum State<S: Watched> {
    New(Box<Watcher<S>>),
    Connecting(BoxFuture<'static, Result<Box<Watcher<S>>, Error>>),
    Connected(Box<Watcher<S>>),
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Options {
    idle: Duration,
    patience: Duration,
}

impl<S: Watched> Watch<S> {
    pub(crate) fn new(source: S) -> Self {
        Self(State::New(Box::new(Watcher {
            source,
            options: Options {
                // Two keep-alives, which are sent every 30 s, and some slack.
                idle: Duration::from_secs(75),
                patience: Duration::from_secs(300),
            },
            connection: None,
            probe: None,
            connected_at: Instant::now(),
            silence: None,
            items: VecDeque::new(),
            failures: 0,
            failing_since: None,
        })))
    }

    /// Changes the source. Has no effect after the watch has started.
    pub(crate) fn with(self, change: impl FnOnce(&mut S)) -> Self {
        self.change(|watcher| change(&mut watcher.source))
    }

    fn change(mut self, change: impl FnOnce(&mut Watcher<S>)) -> Self {
        if let State::New(watcher) = &mut self.0 {
            change(watcher);
        }
        self
    }

    /// Reconnects if nothing arrives for this long, not even a keep-alive; 75 s by default. The server sends a
    /// keep-alive every 30 s.
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        self.change(|watcher| watcher.options.idle = timeout)
    }

    /// Gives up if no connection was stable for this long; five minutes by default.
    ///
    /// A connection that is lost soon after it was opened does not count as stable, and neither does one on which
    /// nothing arrives before the [`idle_timeout`](Self::idle_timeout). A longer `Retry-After` ends the watch at once.
    pub fn patience(self, time: Duration) -> Self {
        self.change(|watcher| watcher.options.patience = time)
    }

    /// Connects now instead of at the first poll, so that the watch includes everything from now on.
    ///
    /// # Errors
    /// Returns a permanent error, or the last error after the [`patience`](Self::patience).
    pub async fn begin(self) -> Result<Self, Error> {
        Ok(Self(match self.0 {
            State::New(watcher) => State::Connected(watcher.connect(None).await?),
            begun => begun,
        }))
    }

    /// Returns the next item, or `None` after an error. Dropping the future loses no item.
    pub async fn next(&mut self) -> Option<Result<S::Item, Error>> {
        crate::transport::next(self).await
    }
}

impl<S: Watched> Stream for Watch<S> {
    type Item = Result<S::Item, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let state = &mut self.get_mut().0;
        loop {
            let error = match state {
                State::New(_) => None,
                State::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                    Ok(watcher) => {
                        *state = State::Connected(watcher);
                        continue;
                    }
                    Err(error) => {
                        *state = State::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                State::Connected(watcher) => match ready!(watcher.poll(cx)) {
                    Ok(item) => return Poll::Ready(Some(Ok(item))),
                    Err(error) => Some(error),
                },
                State::Over => return Poll::Ready(None),
            };
            if let State::New(watcher) | State::Connected(watcher) =
                std::mem::replace(state, State::Over)
            {
                *state = State::Connecting(Box::pin(watcher.connect(error)));
            }
        }
    }
}

impl<S: Watched> fmt::Debug for Watch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Watch");
        if let State::New(watcher) | State::Connected(watcher) = &self.0 {
            out.field("options", &watcher.options);
        }
        out.finish_non_exhaustive()
    }
}

struct Watcher<S: Watched> {
    source: S,
    options: Options,
    connection: Option<EventSource<S::Message>>,
    probe: Option<Probe>,
    connected_at: Instant,
    /// Since the last message; only while the source holds items back.
    silence: Option<Pin<Box<Sleep>>>,
    items: VecDeque<S::Item>,
    failures: u32,
    failing_since: Option<Instant>,
}

/// A connection that has lasted this long was stable, even without an item.
const GOOD: Duration = Duration::from_secs(10);

impl<S: Watched> Watcher<S> {
    /// Polls for the next item. After an error, the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Item, Error>> {
        loop {
            if let Some(item) = self.items.pop_front() {
                // Old items are sent again on every connection; a new one proves that the connection works.
                (self.failures, self.failing_since) = (0, None);
                return Poll::Ready(Ok(item));
            }
            let message = match &mut self.connection {
                Some(connection) => Pin::new(connection).poll_next(cx)?,
                None => Poll::Ready(None),
            };
            match message {
                Poll::Ready(Some(message)) => {
                    self.silence = None;
                    if let Some(probe) = &mut self.probe {
                        probe.heard = true;
                    }
                    self.source.take(message, &mut self.items);
                }
                Poll::Ready(None) => {
                    let message = "the server closed the stream";
                    return Poll::Ready(Err(Error::new(ErrorKind::Connection, message)));
                }
                Poll::Pending => {
                    if let Some(probe) = &mut self.probe
                        && let Poll::Ready(gone) = probe.poll(cx)
                    {
                        return Poll::Ready(Err(gone));
                    }
                    let Some(time) = self.source.settles_after() else { return Poll::Pending };
                    let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(time)));
                    ready!(silence.as_mut().poll(cx));
                    self.silence = None;
                    self.source.settle(&mut self.items);
                }
            }
        }
    }

    /// Connects, again if the connection has ended with an error, until it gives up.
    async fn connect(mut self: Box<Self>, mut error: Option<Error>) -> Result<Box<Self>, Error> {
        if self.connection.take().is_some()
            && let Some(error) = &error
            && self.lived(error) >= GOOD.min(self.options.patience)
        {
            (self.failures, self.failing_since) = (0, None);
        }
        self.silence = None;
        loop {
            if let Some(error) = error {
                self.pause(error).await?;
            }
            match self.source.connect(self.options.idle).await {
                Ok(connection) => {
                    self.connection = Some(connection);
                    self.connected_at = Instant::now();
                    self.probe = self.source.app().map(|app| Probe::new(app, self.options.idle));
                    return Ok(self);
                }
                Err(failure) => error = Some(failure),
            }
        }
    }

    /// Returns the useful lifetime of the connection that has ended, without the silence that ended it. A connection on
    /// which nothing ever arrived, for example behind a buffering proxy, was useless.
    fn lived(&self, error: &Error) -> Duration {
        let silence = if error.is_timeout() { self.options.idle } else { Duration::ZERO };
        self.connected_at.elapsed().saturating_sub(silence)
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

/// Asks during a silence whether the watched app still exists. The idle timeout of the connection does not notice: the
/// server sends keep-alives on the stream of a deleted app too.
struct Probe {
    app: AppHandle,
    every: Duration,
    /// True if a message has arrived since the silence began.
    heard: bool,
    begun: Instant,
    /// It may be early: a timer is not set again for each message, since that is slow.
    timer: Pin<Box<Sleep>>,
    asking: Option<BoxFuture<'static, Result<App, Error>>>,
}

impl Probe {
    fn new(app: AppHandle, every: Duration) -> Self {
        let (begun, timer) = (Instant::now(), Box::pin(sleep(every)));
        Self { app, every, heard: false, begun, timer, asking: None }
    }

    /// Is ready with an error if the app does not exist. Called when no more messages have arrived.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if std::mem::take(&mut self.heard) {
            self.begun = Instant::now();
        }
        loop {
            if let Some(asking) = &mut self.asking {
                match ready!(asking.as_mut().poll(cx)) {
                    Err(error) if error.is_not_found() => return Poll::Ready(error),
                    _ => self.begun = Instant::now(),
                }
                self.asking = None;
            } else {
                ready!(self.timer.as_mut().poll(cx));
                if self.begun.elapsed() >= self.every {
                    self.asking = Some(self.app.get().into_future());
                }
            }
            let next = self.begun + self.every;
            self.timer.as_mut().reset(next);
        }
    }
}
