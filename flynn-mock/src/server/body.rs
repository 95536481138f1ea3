//! The bodies of answers.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

use crate::api::streams::Cursor;
use crate::server::hub::Hub;

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The size of the real server's buffer. Larger bodies are chunked.
const BUFFER: usize = 2048;

/// Returns a complete body, framed as the real server frames it.
pub(super) fn full(bytes: Bytes) -> Body {
    if bytes.len() <= BUFFER {
        return Body::new(Full::new(bytes).map_err(|never| match never {}));
    }
    frames(stream::once(std::future::ready(Ok(bytes))))
}

/// Returns the start of a body, followed by a closed connection.
pub(super) fn cut(bytes: &Bytes, after: usize) -> Body {
    let start = bytes.slice(..after.min(bytes.len()));
    frames(stream::once(std::future::ready(Ok(start))).chain(stream::once(break_off())))
}

/// Returns a stream that never sends anything.
pub(super) fn silent() -> Body {
    frames(stream::pending())
}

fn frames(parts: impl stream::Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    Body::new(StreamBody::new(parts.map(|part| part.map(Frame::data))))
}

/// Closes the connection after the previous data was sent: hyper flushes if a body has nothing ready.
async fn break_off() -> io::Result<Bytes> {
    tokio::task::yield_now().await;
    Err(broken())
}

pub(super) fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "broken by a fault")
}

/// Returns an open stream of the engine. With `cut`, it breaks after this many bytes.
pub(super) fn live(hub: Arc<Hub>, cursor: Cursor, cut: Option<usize>) -> Body {
    let live =
        Live { id: hub.open_stream(), changes: hub.changes(), hub, cursor, ended: false, cut };
    frames(stream::unfold(live, |mut live| async {
        let part = live.next().await?;
        Some((part, live))
    }))
}

struct Live {
    hub: Arc<Hub>,
    id: u64,
    cursor: Cursor,
    changes: tokio::sync::watch::Receiver<u64>,
    ended: bool,
    cut: Option<usize>,
}

impl Live {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.cut == Some(0) {
            return Some(break_off().await);
        }
        while !self.ended {
            self.changes.mark_unchanged();
            let (mut frames, version) = self.hub.frames(&mut self.cursor);
            self.ended = frames.end;
            if let Some(left) = &mut self.cut {
                frames.bytes.truncate(*left);
                *left -= frames.bytes.len();
            }
            if !frames.bytes.is_empty() {
                return Some(Ok(frames.bytes));
            }
            if !self.ended {
                self.hub.stream_idle(self.id, version);
                tokio::select! {
                    change = self.changes.changed() => change.ok()?,
                    () = self.hub.sleep_until(frames.wake) => {}
                }
            }
        }
        None
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.hub.close_stream(self.id);
    }
}
