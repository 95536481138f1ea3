//! Streams of objects: the existing objects first, then every change.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::Error;
use crate::timestamp::Timestamp;
use crate::transport::{Connect, EventSource, Spec, stream_next};
use crate::watch::Watch;
use crate::watch::source::Source;

/// An item of a stream of objects.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change<T> {
    /// An object that existed when the stream started.
    Existing(T),
    /// All existing objects have been yielded.
    CaughtUp,
    /// A new or changed object.
    Changed(T),
}

/// An object of a stream.
pub trait Object {
    /// Returns the id; empty for the marker that the server sends after the existing objects.
    fn key(&self) -> String;

    /// Returns the time of its last change.
    fn changed_at(&self) -> Option<&Timestamp>;
}

/// Opens a stream of objects on one connection. Awaiting it returns the [`Changes`] once the server has accepted.
#[must_use = "nothing is sent until it is awaited"]
pub struct WatchAll<T> {
    client: Client,
    path: &'static str,
    since: Timestamp,
    timeout: Option<Duration>,
    idle: Option<Duration>,
    item: std::marker::PhantomData<fn() -> T>,
}

impl<T> WatchAll<T> {
    pub(crate) fn new(client: &Client, path: &'static str) -> Self {
        Self {
            client: client.clone(),
            path,
            since: Timestamp::from("1970-01-01T00:00:00Z"),
            timeout: None,
            idle: None,
            item: std::marker::PhantomData,
        }
    }

    /// Skips objects that have not changed since this time.
    pub fn since(mut self, time: impl Into<Timestamp>) -> Self {
        self.since = time.into();
        self
    }

    /// Limits the time until the server accepts. The stream itself has no limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Ends the stream with a timeout error if nothing arrives for this long, not even a keep-alive.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle = Some(timeout);
        self
    }
}

impl<T> fmt::Debug for WatchAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchAll")
            .field("path", &self.path)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

impl<T: Object + DeserializeOwned + Send + 'static> WatchAll<T> {
    /// Streams the objects and reconnects.
    ///
    /// After an interruption it continues with the objects that have changed since the newest one seen, as
    /// [`Change::Changed`]. It yields [`Change::CaughtUp`] once. It misses objects that were deleted during an
    /// interruption, unless the server keeps deleted objects.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// use flynn_client::Change;
    ///
    /// let mut formations = flynn.formations().stream().watch();
    /// while let Some(change) = formations.next().await {
    ///     match change? {
    ///         Change::Existing(formation) | Change::Changed(formation) => {
    ///             println!("{:?}", formation.processes);
    ///         }
    ///         _ => break, // all existing formations have been yielded
    ///     }
    /// }
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    pub fn watch(self) -> ObjectWatch<T> {
        let watch = Watch::new(ObjectCursor {
            client: self.client,
            path: self.path,
            start: self.since,
            newest: None,
            complete: None,
            seen: HashMap::new(),
            forget_at: FORGET_AT,
            caught_up: false,
            replaying: true,
            item: std::marker::PhantomData,
        });
        match self.idle {
            Some(idle) => watch.idle_timeout(idle),
            None => watch,
        }
    }
}

/// A stream of objects that reconnects; returned by [`WatchAll::watch`].
pub type ObjectWatch<T> = Watch<ObjectCursor<T>>;

/// The objects that a watch has seen.
pub struct ObjectCursor<T> {
    client: Client,
    path: &'static str,
    /// Objects that changed earlier are not wanted.
    start: Timestamp,
    /// The time of the newest change.
    newest: Option<Timestamp>,
    /// No change up to this time is missing.
    complete: Option<Timestamp>,
    /// The time of each object's last change, in nanoseconds.
    seen: HashMap<String, i128>,
    /// The number of seen objects at which the oldest are forgotten.
    forget_at: usize,
    caught_up: bool,
    /// True while the connection sends objects that existed when it was opened.
    replaying: bool,
    item: std::marker::PhantomData<fn() -> T>,
}

/// How much earlier an object may have changed than one that came before it.
const LATE: Duration = Duration::from_secs(1);
const FORGET_AT: usize = 1000;

impl<T> ObjectCursor<T> {
    /// Forgets objects that a reconnection does not ask for. Each deployment adds a formation, for example.
    fn forget(&mut self) {
        let complete = self.complete.as_ref().and_then(Timestamp::unix_nanos);
        if let Some(complete) = complete.filter(|_| self.seen.len() >= self.forget_at) {
            let late = i128::try_from(LATE.as_nanos()).unwrap_or_default();
            self.seen.retain(|_, nanos| *nanos >= complete - late);
            // Not at every change: that would take quadratic time.
            self.forget_at = FORGET_AT.max(self.seen.len() * 2);
        }
    }
}

impl<T: Object + DeserializeOwned + Send + 'static> Source for ObjectCursor<T> {
    type Message = T;
    type Item = Change<T>;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn connect(&mut self, idle: Duration) -> Result<EventSource<T>, Error> {
        let since = self.complete.as_ref().and_then(Timestamp::to_system_time);
        let since = since.and_then(|time| time.checked_sub(LATE)).map(Timestamp::from);
        let since = since.unwrap_or_default().max(self.start.clone());
        let spec = Spec::get(self.path, []).query("since", since.as_str());
        self.replaying = true;
        Connect::new(&self.client, spec).idle_timeout(idle).await
    }

    fn take(&mut self, object: T, items: &mut VecDeque<Change<T>>) {
        let key = object.key();
        if key.is_empty() {
            self.replaying = false;
            self.complete.clone_from(&self.newest);
            self.forget();
            if !std::mem::replace(&mut self.caught_up, true) {
                items.push_back(Change::CaughtUp);
            }
            return;
        }
        if let Some(time) = object.changed_at()
            && let Some(nanos) = time.unix_nanos()
        {
            if self.newest.as_ref().is_none_or(|newest| newest < time) {
                self.newest = Some(time.clone());
                // The existing objects are not sorted by time, so a part of them says nothing about the rest.
                if !self.replaying {
                    self.complete.clone_from(&self.newest);
                }
            }
            if self.seen.insert(key, nanos) == Some(nanos) && self.replaying {
                return;
            }
            self.forget();
        }
        items.push_back(if self.caught_up {
            Change::Changed(object)
        } else {
            Change::Existing(object)
        });
    }
}

impl<T: 'static> IntoFuture for WatchAll<T> {
    type Output = Result<Changes<T>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        // Without `since` the server accepts the stream and then sends an error frame.
        let spec = Spec::get(self.path, []).query("since", self.since.as_str());
        let mut connect = Connect::new(&self.client, spec);
        if let Some(timeout) = self.timeout {
            connect = connect.timeout(timeout);
        }
        if let Some(idle) = self.idle {
            connect = connect.idle_timeout(idle);
        }
        Box::pin(async move { Ok(Changes { source: connect.await?, caught_up: false }) })
    }
}

/// The objects of one connection. Dropping it closes the connection.
pub struct Changes<T> {
    source: EventSource<T>,
    caught_up: bool,
}

stream_next!(Changes<T> => Change<T>);

impl<T: DeserializeOwned + Object> Stream for Changes<T> {
    type Item = Result<Change<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let item = ready!(Pin::new(&mut this.source).poll_next(cx));
        Poll::Ready(item.map(|object| {
            let object = object?;
            Ok(if this.caught_up {
                Change::Changed(object)
            } else if object.key().is_empty() {
                this.caught_up = true;
                Change::CaughtUp
            } else {
                Change::Existing(object)
            })
        }))
    }
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("caught_up", &self.caught_up).finish_non_exhaustive()
    }
}
