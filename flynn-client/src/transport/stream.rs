//! Event streams: one connection, as an `impl Stream`.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use http::header;
use http_body::Body as _;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, Sleep, sleep};

use super::spec::Accept;
use super::sse::{Message, Parser};
use super::{Body, Deadline, Spec};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::json::decode;

/// A call that opens a stream: awaiting it gives the [`EventSource`] once the server has accepted.
#[must_use = "nothing is sent until it is awaited"]
pub struct Connect<T> {
    client: Client,
    spec: Spec,
    deadline: Deadline,
    timeout: Option<Duration>,
    idle: Option<Duration>,
    item: PhantomData<fn() -> T>,
}

impl<T> Connect<T> {
    pub(crate) fn new(client: &Client, spec: Spec) -> Self {
        Self {
            client: client.clone(),
            spec: spec.accept(Accept::Events),
            deadline: Deadline::NONE,
            timeout: None,
            idle: None,
            item: PhantomData,
        }
    }

    /// Deadline until the server has accepted; the stream itself has none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Ends the stream with a timeout when nothing, not even a keep-alive, has come for so long. A
    /// controller sends a keep-alive every 30 s on `/events`.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle = Some(timeout);
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
            let deadline =
                if self.timeout.is_some() { Deadline::after(self.timeout) } else { self.deadline };
            let transport = self.client.transport();
            let (answer, call) = transport.open(&self.spec, deadline).await?;
            let is_stream = answer
                .headers()
                .get(header::CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
            if !is_stream {
                let error = Error::new(ErrorKind::Decode, "the answer is no event stream")
                    .with_status(answer.status());
                return Err(call.name(error, &self.spec));
            }
            Ok(EventSource {
                body: Some(answer.into_body()),
                parser: Parser::new(transport.limits.event),
                idle: self.idle.map(|time| (time, Box::pin(sleep(time)))),
                item: PhantomData,
            })
        })
    }
}

/// The items of one connection. Dropping it closes the connection; no task runs behind it.
///
/// It ends with an item that is an error when the server says so ([`ErrorKind::Stream`]) or the connection
/// breaks, and simply ends when the server closes it in good order.
pub struct EventSource<T> {
    body: Option<Body>,
    parser: Parser,
    idle: Option<(Duration, Pin<Box<Sleep>>)>,
    item: PhantomData<fn() -> T>,
}

impl<T> EventSource<T> {
    fn fail(&mut self, error: Error) -> Poll<Option<Result<Message, Error>>> {
        self.body = None;
        Poll::Ready(Some(Err(error)))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        loop {
            match self.parser.next() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => return self.fail(error),
            }
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.parser.push(&data);
                    }
                    if let Some((time, sleep)) = &mut self.idle {
                        sleep.as_mut().reset(Instant::now() + *time);
                    }
                }
                Poll::Ready(Some(Err(error))) => return self.fail(error),
                Poll::Ready(None) => {
                    self.body = None;
                    return Poll::Ready(self.parser.finish().map(Ok));
                }
                Poll::Pending => {
                    if let Some((time, sleep)) = &mut self.idle {
                        ready!(sleep.as_mut().poll(cx));
                        let error =
                            Error::new(ErrorKind::Timeout, format!("nothing came for {time:?}"));
                        return self.fail(error);
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T: DeserializeOwned> Stream for EventSource<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let message = match ready!(this.poll_message(cx)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        if message.event == "error" {
            this.body = None;
            return Poll::Ready(Some(Err(server_error(&message.data))));
        }
        Poll::Ready(Some(decode(&message.data)))
    }
}

/// The text of an error frame: the server's own words.
fn server_error(data: &Bytes) -> Error {
    Error::new(ErrorKind::Stream, String::from_utf8_lossy(data))
}

impl<T> fmt::Debug for EventSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource").field("open", &self.body.is_some()).finish_non_exhaustive()
    }
}
