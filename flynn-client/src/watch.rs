//! Watching events across connections.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::stream::{StreamExt, unfold};
use tokio::time::{Instant, sleep};

use crate::error::{Error, ErrorKind};
use crate::events::{Event, Events};
use crate::transport::{EventSource, stream_next};

/// Events across connections; made by [`Events::watch`].
///
/// Errors that may heal (a lost connection, a restarting controller, an error frame) are not items: the
/// watch connects again and goes on after the last event it gave, an event that was numbered before it and
/// committed after it included. It waits for as long as the server asks (`Retry-After`), and gives up at once
/// when that is longer than its [`patience`](Self::patience). The first item that is an error is the last one.
#[must_use = "nothing is sent until it is polled"]
pub struct EventWatch {
    options: Options,
    events: Option<Events>,
    items: Option<BoxStream<'static, Result<Event, Error>>>,
}

#[derive(Clone, Copy, Debug)]
struct Options {
    after: Option<i64>,
    idle: Duration,
    patience: Duration,
}

impl EventWatch {
    pub(crate) fn new(events: Events) -> Self {
        Self {
            options: Options {
                after: None,
                // Two keep-alives, which come every 30 s, and some slack.
                idle: Duration::from_secs(75),
                patience: Duration::from_secs(300),
            },
            events: Some(events),
            items: None,
        }
    }

    /// Begins after this event, as an earlier watch left off.
    pub fn after(mut self, id: i64) -> Self {
        self.options.after = Some(id);
        self
    }

    /// Connects again when nothing, not even a keep-alive, has come for so long. 75 s unless set.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.idle = timeout;
        self
    }

    /// Gives up when no connection that holds could be made for so long. Five minutes unless set.
    ///
    /// One that broke or fell silent soon after it was made does not hold, nor does one on which nothing ever
    /// came before its [`idle_timeout`](Self::idle_timeout).
    pub fn patience(mut self, time: Duration) -> Self {
        self.options.patience = time;
        self
    }

    /// Connects now instead of when it is polled first: what happens after this is not missed.
    ///
    /// # Errors
    /// As the stream's last item: what does not heal, or does not within the watch's patience.
    pub async fn begin(mut self) -> Result<Self, Error> {
        if let Some(events) = self.events.take() {
            let mut watcher = Watcher::new(events, self.options);
            watcher.begin().await?;
            self.items = Some(unfold(Some(watcher), step).boxed());
        }
        Ok(self)
    }
}

stream_next!(EventWatch => Event);

impl Stream for EventWatch {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(events) = this.events.take() {
            let watcher = Watcher::new(events, this.options);
            this.items = Some(unfold(Some(watcher), step).boxed());
        }
        match &mut this.items {
            Some(items) => items.as_mut().poll_next(cx),
            None => Poll::Ready(None),
        }
    }
}

impl fmt::Debug for EventWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWatch").field("options", &self.options).finish_non_exhaustive()
    }
}

async fn step(watcher: Option<Watcher>) -> Option<(Result<Event, Error>, Option<Watcher>)> {
    let mut watcher = watcher?;
    match watcher.next().await {
        Ok(event) => Some((Ok(event), Some(watcher))),
        Err(error) => Some((Err(error), None)),
    }
}

/// The state between two items.
struct Watcher {
    events: Events,
    options: Options,
    connection: Option<EventSource<Event>>,
    connected_at: Instant,
    seen: Seen,
    failures: u32,
    failing_since: Option<Instant>,
}

/// A connection that has lived so long was a good one, even without an event.
const GOOD: Duration = Duration::from_secs(10);

/// The last events seen, by their ids. Order alone does not tell a duplicate: the server numbers events when
/// they are written and sends them when they are committed, so 8 can come before 7. An event that is numbered
/// far below the newest is a repetition.
#[derive(Default)]
struct Seen {
    first: Option<i64>,
    newest: Option<i64>,
    recent: BTreeSet<i64>,
}

impl Seen {
    /// How far below the newest an event is old: as many as a server lets a reader fall behind.
    const OLD: i64 = 1000;
    /// How far an event may be numbered below one that was committed before it.
    const LATE: i64 = 32;

    /// Notes an event; false when it was seen before.
    fn insert(&mut self, id: i64) -> bool {
        let newest = self.newest.map_or(id, |newest| newest.max(id));
        let oldest = newest.saturating_sub(Self::OLD);
        if id < oldest || !self.recent.insert(id) {
            return false;
        }
        while self.recent.first().is_some_and(|first| *first < oldest) {
            self.recent.pop_first();
        }
        self.first.get_or_insert(id);
        self.newest = Some(newest);
        true
    }

    /// Where to go on from: before the newest, since one below it may have been committed while nobody listened,
    /// but not before the first.
    fn resume(&self) -> Option<i64> {
        self.newest.map(|newest| newest.saturating_sub(Self::LATE)).max(self.first)
    }
}

impl Watcher {
    fn new(events: Events, options: Options) -> Self {
        let mut seen = Seen::default();
        if let Some(id) = options.after {
            seen.insert(id);
        }
        Self {
            events,
            options,
            connection: None,
            connected_at: Instant::now(),
            seen,
            failures: 0,
            failing_since: None,
        }
    }

    async fn begin(&mut self) -> Result<(), Error> {
        while let Err(error) = self.connected().await {
            self.pause(error).await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            let error = match self.connected().await {
                Ok(connection) => match connection.next().await {
                    Some(Ok(event)) => {
                        // What was seen before comes back with every connection and proves nothing.
                        if self.seen.insert(event.id) {
                            (self.failures, self.failing_since) = (0, None);
                            return Ok(event);
                        }
                        continue;
                    }
                    Some(Err(error)) => error,
                    None => Error::new(ErrorKind::Connection, "the server closed the stream"),
                },
                Err(error) => error,
            };
            if self.connection.take().is_some()
                && self.lived(&error) >= GOOD.min(self.options.patience)
            {
                (self.failures, self.failing_since) = (0, None);
            }
            self.pause(error).await?;
        }
    }

    /// How long the connection that has ended was of use. The silence that ended it is no part of that: a
    /// connection on which nothing ever came, behind a proxy that holds the events back, was of none.
    fn lived(&self, error: &Error) -> Duration {
        let silence = if error.is_timeout() { self.options.idle } else { Duration::ZERO };
        self.connected_at.elapsed().saturating_sub(silence)
    }

    async fn connected(&mut self) -> Result<&mut EventSource<Event>, Error> {
        let connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let connection = self.connect().await?;
            self.connected_at = Instant::now();
            connection
        };
        Ok(self.connection.insert(connection))
    }

    async fn connect(&mut self) -> Result<EventSource<Event>, Error> {
        if self.seen.first.is_none() && !self.events.wants_past() {
            // A place to resume from, should the connection break before its first event.
            let newest = self.events.client.events().count(1).list().await?;
            if let Some(event) = newest.first().filter(|event| event.id > 0) {
                self.seen.insert(event.id);
            }
        }
        let connect = match self.seen.resume() {
            Some(last) => self.events.stream_after(last),
            None => self.events.stream(),
        };
        connect.idle_timeout(self.options.idle).await
    }

    /// Waits before the next connection, or gives up.
    async fn pause(&mut self, error: Error) -> Result<(), Error> {
        let heals = error.is_retryable() || error.kind() == ErrorKind::Stream;
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let asked = error.retry_after().unwrap_or_default();
        if !heals || since.elapsed().saturating_add(asked) > self.options.patience {
            return Err(error);
        }
        self.failures += 1;
        let wait = self.events.client.transport().settings.retry.backoff(self.failures).max(asked);
        tracing::debug!(kind = ?error.kind(), failures = self.failures, "the event stream is connected again");
        sleep(wait).await;
        Ok(())
    }
}
