//! Bodies of answers.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};

use crate::error::{BoxError, Error};

/// Body of an answer, as services put in with [`ClientBuilder::layer`](crate::ClientBuilder::layer) see it.
///
/// `Debug` does not show the content.
pub struct Body(Repr);

enum Repr {
    Full(Full<Bytes>),
    Wire(reqwest::Body),
    Boxed(UnsyncBoxBody<Bytes, BoxError>),
}

impl Body {
    /// No content.
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// A body of your own, for layers that answer themselves or change what passes.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Repr::Boxed(body.map_err(Into::into).boxed_unsync()))
    }

    pub(crate) fn wire(body: reqwest::Body) -> Self {
        Self(Repr::Wire(body))
    }

    /// The body in reqwest's terms, for upgrades; `None` when a layer has replaced it.
    pub(crate) fn into_wire(self) -> Option<reqwest::Body> {
        match self.0 {
            Repr::Wire(body) => Some(body),
            Repr::Full(_) | Repr::Boxed(_) => None,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Repr::Full(Full::new(bytes)))
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
            Repr::Full(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Repr::Wire(body) => Pin::new(body).poll_frame(cx).map_err(super::wire::broken),
            Repr::Boxed(body) => Pin::new(body).poll_frame(cx).map_err(super::wire::foreign),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Repr::Full(body) => body.is_end_stream(),
            Repr::Wire(body) => body.is_end_stream(),
            Repr::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Repr::Full(body) => body.size_hint(),
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
