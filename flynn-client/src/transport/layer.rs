//! Layers of the caller: below retries, above authentication.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::future::BoxFuture;

use super::Body;
use super::wire::{Wire, foreign};
use crate::error::{BoxError, Error};

/// The service that a layer wraps: the next layer, or the innermost service, which adds the key and sends.
///
/// See [`ClientBuilder::layer`](crate::ClientBuilder::layer).
pub struct Service(Repr);

enum Repr {
    Wire(Arc<Wire>),
    Layered(Box<dyn CloneService>),
}

type Answer = BoxFuture<'static, Result<http::Response<Body>, Error>>;

impl Service {
    /// Creates the innermost service.
    pub(crate) fn new(wire: Wire) -> Self {
        Self(Repr::Wire(Arc::new(wire)))
    }

    pub(crate) fn layered<S, B>(service: S) -> Self
    where
        S: tower_service::Service<http::Request<Body>, Response = http::Response<B>>
            + Clone
            + Send
            + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Repr::Layered(Box::new(Layered(service))))
    }
}

impl Clone for Service {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Repr::Wire(wire) => Repr::Wire(Arc::clone(wire)),
            Repr::Layered(service) => Repr::Layered(service.clone_box()),
        })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl tower_service::Service<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Error;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.0 {
            Repr::Wire(_) => Poll::Ready(Ok(())),
            Repr::Layered(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        match &mut self.0 {
            Repr::Wire(wire) => {
                let wire = Arc::clone(wire);
                Box::pin(async move { wire.send(request).await })
            }
            Repr::Layered(service) => service.call(request),
        }
    }
}

/// A service that can be cloned behind a box, since calls run concurrently.
trait CloneService: Send {
    fn clone_box(&self) -> Box<dyn CloneService>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;
    fn call(&mut self, request: http::Request<Body>) -> Answer;
}

#[derive(Clone)]
struct Layered<S>(S);

impl<S, B> CloneService for Layered<S>
where
    S: tower_service::Service<http::Request<Body>, Response = http::Response<B>>
        + Clone
        + Send
        + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn clone_box(&self) -> Box<dyn CloneService> {
        Box::new(self.clone())
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx).map_err(foreign)
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        let answer = self.0.call(request);
        Box::pin(async move { Ok(answer.await.map_err(foreign)?.map(Body::new)) })
    }
}
