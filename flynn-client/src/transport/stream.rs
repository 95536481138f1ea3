//! Event streams on one connection.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use http_body::Body as _;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, Sleep, sleep};

use super::spec::Accept;
use super::sse::{Kind, Message, Parser};
use super::{Answer, Body, Call, Deadline, Limits, Spec, is_type, not_a};
use crate::client::Client;
use crate::error::{Error, ErrorKind, kept};
use crate::json::{LIST, decode_object};

/// A call that opens a stream. Awaiting it returns the [`EventSource`] once the server has accepted.
#[must_use = "nothing is sent until it is awaited"]
pub struct Connect<T> {
    client: Client,
    spec: Spec,
    deadline: Deadline,
    limits: Limits,
    idle: Option<Duration>,
    item: PhantomData<fn() -> T>,
}

impl<T> Connect<T> {
    pub(crate) fn new(client: &Client, spec: Spec) -> Self {
        Self {
            client: client.clone(),
            spec: spec.accept(Accept::Events),
            deadline: Deadline::NONE,
            limits: Limits::default(),
            idle: None,
            item: PhantomData,
        }
    }

    /// Sets the deadline for the server to accept. The stream itself has no deadline.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = Some(timeout);
        self
    }

    /// Ends the stream with a timeout error if nothing arrives for this long, not even a keep-alive. A controller sends
    /// one every 30 s on `/events`.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle = Some(timeout);
        self
    }

    /// Sets the limits that the caller has set on another builder.
    pub(crate) fn limited(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn within(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }
}

impl<T> fmt::Debug for Connect<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("path", &self.spec.path).finish_non_exhaustive()
    }
}

impl<T: 'static> IntoFuture for Connect<T> {
    type Output = Result<EventSource<T>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let deadline = self.deadline.limited(self.limits);
            let transport = self.client.transport();
            let Answer { parts, body, call } = transport.open(&self.spec, deadline).await?;
            if !is_type(&parts.headers, "text/event-stream") {
                let error = not_a("an event stream", &parts.headers).with_status(parts.status);
                return Err(call.name(error, &self.spec));
            }
            Ok(EventSource {
                open: Some(Open {
                    body,
                    parser: Parser::new(transport.settings.limits.event),
                    idle: self.idle.map(Idle::new),
                }),
                spec: self.spec,
                call,
                item: PhantomData,
            })
        })
    }
}

/// The items of one connection. Dropping it closes the connection; there is no background task.
///
/// The last item is an error if the server sends one ([`ErrorKind::Stream`]) or the connection is lost. If the server
/// closes the stream, it ends without an error.
pub struct EventSource<T> {
    /// `None` once the stream has ended.
    open: Option<Open>,
    /// For errors, which name the call.
    spec: Spec,
    call: Call,
    item: PhantomData<fn() -> T>,
}

struct Open {
    body: Body,
    parser: Parser,
    idle: Option<Idle>,
}

/// The idle timeout of a stream.
struct Idle {
    time: Duration,
    /// True if something has arrived since the silence began.
    interrupted: bool,
    begun: Instant,
    /// It may be early: a timer is not set again for each event, since that is slow.
    timer: Pin<Box<Sleep>>,
}

impl Idle {
    fn new(time: Duration) -> Self {
        Self { time, interrupted: false, begun: Instant::now(), timer: Box::pin(sleep(time)) }
    }

    /// Is ready after the idle timeout. Called when nothing more has arrived.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if std::mem::take(&mut self.interrupted) {
            self.begun = Instant::now();
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let left = self.time.saturating_sub(self.begun.elapsed());
            if left.is_zero() {
                let message = format!("nothing arrived for {:?}", self.time);
                return Poll::Ready(Error::new(ErrorKind::Timeout, message));
            }
            self.timer.set(sleep(left));
        }
    }
}

impl Open {
    /// Polls for the next message; `None` and errors are final.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        loop {
            match self.parser.next() {
                Ok(Some(message)) if message.kind == Kind::Foreign => continue,
                Ok(None) => {}
                message => return Poll::Ready(message.transpose()),
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.parser.push(&data);
                    }
                    if let Some(idle) = &mut self.idle {
                        idle.interrupted = true;
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(self.parser.finish().map(Ok)),
                Poll::Pending => {
                    let Some(idle) = &mut self.idle else { return Poll::Pending };
                    return idle.poll(cx).map(|error| Some(Err(error)));
                }
            }
        }
    }
}

impl<T: DeserializeOwned> Stream for EventSource<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(open) = &mut this.open else { return Poll::Ready(None) };
        let (item, over) = match ready!(open.poll(cx)) {
            Some(Ok(message)) if message.kind == Kind::Error => {
                (Some(Err(server_error(open.parser.data(&message)))), true)
            }
            Some(Ok(message)) => (Some(decode_object(open.parser.data(&message), LIST)), false),
            Some(Err(error)) => (Some(Err(error)), true),
            None => (None, true),
        };
        if over {
            this.open = None;
        }
        Poll::Ready(item.map(|item| item.map_err(|error| this.call.name(error, &this.spec))))
    }
}

/// Converts the server's error message.
fn server_error(text: &[u8]) -> Error {
    Error::new(ErrorKind::Stream, kept(String::from_utf8_lossy(text).into_owned()))
}

impl<T> fmt::Debug for EventSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("path", &self.spec.path)
            .field("open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

/// Returns the next item of a stream.
pub(crate) async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// Implements `next()` for a stream.
macro_rules! stream_next {
    ($name:ident $(<$parameter:ident>)? => $item:ty) => {
        impl$(<$parameter>)? $name$(<$parameter>)?
        where
            Self: futures_core::Stream<Item = Result<$item, $crate::Error>> + Unpin,
        {
            /// Returns the next item, or `None` at the end of the stream. Dropping the future loses no item.
            pub async fn next(&mut self) -> Option<Result<$item, $crate::Error>> {
                $crate::transport::next(self).await
            }
        }
    };
}
pub(crate) use stream_next;

stream_next!(EventSource<T> => T);
