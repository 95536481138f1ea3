//! The bodies of requests and answers.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};

use crate::error::{BoxError, Error, ErrorKind};

/// The body of a request or an answer, as a [`layer`](crate::ClientBuilder::layer) sees it.
///
/// `Debug` does not show the content.
pub struct Body(Repr);

enum Repr {
    /// A complete body. It is empty after it was read.
    Whole(Bytes),
    Wire(reqwest::Body),
    Boxed(UnsyncBoxBody<Bytes, BoxError>),
}

impl Body {
    /// Creates an empty body.
    pub fn empty() -> Self {
        Self(Repr::Whole(Bytes::new()))
    }

    /// Wraps another body, for layers that answer themselves or change the content.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Some(body);
        if let Some(body) = (&mut body as &mut dyn Any).downcast_mut::<Option<Self>>() {
            return body.take().unwrap_or_default();
        }
        match body {
            Some(body) => Self(Repr::Boxed(body.map_err(Into::into).boxed_unsync())),
            None => Self::empty(),
        }
    }

    pub(crate) fn wire(body: reqwest::Body) -> Self {
        Self(Repr::Wire(body))
    }

    /// Reads the body to its end, or to the limit.
    pub(crate) async fn collect(mut self, limit: usize) -> Result<Bytes, Error> {
        let too_large = || Error::new(ErrorKind::TooLarge, format!("more than {limit} bytes"));
        let hint = http_body::Body::size_hint(&self);
        if hint.lower() > limit as u64 {
            return Err(too_large());
        }
        let mut first = Bytes::new();
        let mut all = Vec::new();
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if first.is_empty() && all.is_empty() {
                // Most answers are one piece, which does not need a copy.
                first = data;
                continue;
            }
            if all.is_empty() {
                let known = usize::try_from(hint.lower()).unwrap_or(limit);
                all.reserve_exact(known.max(first.len() + data.len()));
                all.extend_from_slice(&first);
            }
            if all.len() + data.len() > limit {
                return Err(too_large());
            }
            all.extend_from_slice(&data);
        }
        if !all.is_empty() {
            return Ok(all.into());
        }
        if first.len() > limit { Err(too_large()) } else { Ok(first) }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Repr::Whole(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.get_mut().0 {
            Repr::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Repr::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Repr::Wire(body) => Pin::new(body).poll_frame(cx).map_err(super::wire::broken),
            Repr::Boxed(body) => Pin::new(body).poll_frame(cx).map_err(super::wire::foreign),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Repr::Whole(bytes) => bytes.is_empty(),
            Repr::Wire(body) => body.is_end_stream(),
            Repr::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Repr::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Repr::Wire(body) => body.size_hint(),
            Repr::Boxed(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
