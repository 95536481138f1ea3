//! Streams of objects: the existing ones first, then the changes.

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

/// One item of a stream of objects.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change<T> {
    /// An object that existed when the stream began.
    Existing(T),
    /// All existing objects have come.
    CaughtUp,
    /// An object that is new or has changed.
    Changed(T),
}

/// Objects that can end a backlog.
pub(crate) trait Marker {
    /// Whether this is the object without id that the server sends after the backlog.
    fn is_marker(&self) -> bool;
}

/// A call that opens a stream of objects. Awaiting it returns the [`Changes`] once the server has accepted.
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

    /// Leaves out objects that have not changed since this time.
    pub fn since(mut self, time: impl Into<Timestamp>) -> Self {
        self.since = time.into();
        self
    }

    /// Sets the deadline for the server to accept. The stream itself has none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Ends the stream with a timeout when nothing has come for this long, not even a keep-alive.
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

impl<T: 'static> IntoFuture for WatchAll<T> {
    type Output = Result<Changes<T>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        // Without `since` the server accepts and sends an error frame.
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

/// Objects of one connection, the existing ones before the changes. Dropping it closes the connection.
pub struct Changes<T> {
    source: EventSource<T>,
    caught_up: bool,
}

stream_next!(Changes<T> => Change<T>);

impl<T: DeserializeOwned + Marker> Stream for Changes<T> {
    type Item = Result<Change<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let item = ready!(Pin::new(&mut this.source).poll_next(cx));
        Poll::Ready(item.map(|object| {
            let object = object?;
            Ok(match this.caught_up {
                false if object.is_marker() => {
                    this.caught_up = true;
                    Change::CaughtUp
                }
                false => Change::Existing(object),
                true => Change::Changed(object),
            })
        }))
    }
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("caught_up", &self.caught_up).finish_non_exhaustive()
    }
}
