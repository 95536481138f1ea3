//! The door for middleware: below retries, above authentication.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use url::Origin;

use super::Body;
use super::wire::{Wire, foreign, url_of};
use crate::error::{BoxError, Error};

/// What a layer stands around: the next layer, or the innermost service that adds the key and sends.
///
/// See [`ClientBuilder::layer`](crate::ClientBuilder::layer).
#[derive(Clone)]
pub struct Service(Repr);

enum Repr {
    Wire { wire: Wire, origin: Origin },
    Layered(Box<dyn CloneService>),
}

impl Service {
    /// `origin` is where the key belongs.
    pub(crate) fn new(wire: Wire, origin: Origin) -> Self {
        Self(Repr::Wire { wire, origin })
    }

    pub(crate) fn layered<S>(service: S) -> Self
    where
        S: tower_service::Service<http::Request<Bytes>, Response = http::Response<Body>>
            + Clone
            + Send
            + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        Self(Repr::Layered(Box::new(Cloneable(service))))
    }
}

impl Clone for Repr {
    fn clone(&self) -> Self {
        match self {
            Self::Wire { wire, origin } => {
                Self::Wire { wire: wire.clone(), origin: origin.clone() }
            }
            Self::Layered(service) => Self::Layered(service.clone_box()),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl tower_service::Service<http::Request<Bytes>> for Service {
    type Response = http::Response<Body>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Self::Response, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.0 {
            Repr::Wire { .. } => Poll::Ready(Ok(())),
            Repr::Layered(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        match &mut self.0 {
            Repr::Wire { wire, origin } => {
                let (wire, origin) = (wire.clone(), origin.clone());
                Box::pin(async move {
                    let url = url_of(request.uri())?;
                    let wire = if url.origin() == origin { wire } else { wire.without_key() };
                    let (parts, body) = request.into_parts();
                    wire.send(parts.method, url, parts.headers, body).await
                })
            }
            Repr::Layered(service) => service.call(request),
        }
    }
}

/// A service that can be cloned behind a box: calls run at the same time.
trait CloneService: Send {
    fn clone_box(&self) -> Box<dyn CloneService>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;
    fn call(
        &mut self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'static, Result<http::Response<Body>, Error>>;
}

#[derive(Clone)]
struct Cloneable<S>(S);

impl<S> CloneService for Cloneable<S>
where
    S: tower_service::Service<http::Request<Bytes>, Response = http::Response<Body>>
        + Clone
        + Send
        + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    fn clone_box(&self) -> Box<dyn CloneService> {
        Box::new(self.clone())
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx).map_err(foreign)
    }

    fn call(
        &mut self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'static, Result<http::Response<Body>, Error>> {
        let answer = self.0.call(request);
        Box::pin(async move { answer.await.map_err(foreign) })
    }
}

/// The outermost service, shared by all clones of a client.
#[derive(Debug)]
pub(crate) struct Layers(Mutex<Service>);

impl Layers {
    pub(crate) fn new(outermost: Service) -> Self {
        Self(Mutex::new(outermost))
    }

    /// Sends one attempt through all layers.
    pub(crate) async fn call(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Body>, Error> {
        use tower_service::Service as _;
        let mut service = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
        service.call(request).await
    }
}
