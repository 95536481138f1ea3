//! Serves a connection: plain or TLS, HTTP/1.1 or HTTP/2.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::Tasks;
use super::hub::Hub;
use super::service::Service;
use super::tls::{self, Greeting, Identities};

/// The first byte of a TLS handshake record.
const HANDSHAKE: u8 = 0x16;

/// Serves a connection to any host of the cluster. One port speaks TLS and plain HTTP.
pub(super) async fn serve(
    socket: TcpStream,
    peer: IpAddr,
    hub: Arc<Hub>,
    identities: Arc<Identities>,
    tasks: Tasks,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut first = [0];
    if socket.peek(&mut first).await? == 0 {
        return Ok(());
    }
    let service = Service::new(Arc::clone(&hub), tasks, peer);
    if first != [HANDSHAKE] {
        return http1(socket, service).await;
    }
    match tls::greet(socket, &hub, &identities).await? {
        Greeting::Refused => Ok(()),
        Greeting::Http1(stream) => http1(stream, service).await,
        Greeting::Http2(stream) => http2(stream, service).await,
    }
}

async fn http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Service,
) -> io::Result<()> {
    let serve = service_fn(move |request| service.clone().answer(request));
    http1::Builder::new()
        .timer(TokioTimer::new())
        // Go's server has no idle timeout.
        .header_read_timeout(None)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), serve)
        .with_upgrades()
        .await
        .map_err(io::Error::other)
}

async fn http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Service,
) -> io::Result<()> {
    let streams = Streams::default();
    let serve = service_fn(move |request| service.clone().answer(request));
    let connection = http2::Builder::new(streams.clone())
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), serve);
    streams.run(connection).await.map_err(io::Error::other)
}

/// The streams of an HTTP/2 connection, which run in the connection's own task and end with it.
#[derive(Clone, Default)]
struct Streams {
    new: Arc<Mutex<Vec<Stream>>>,
}

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.new.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(stream));
    }
}

impl Streams {
    /// Runs a connection and its streams until the connection ends.
    async fn run<C: Future>(self, connection: C) -> C::Output {
        let mut connection = pin!(connection);
        let mut running = FuturesUnordered::new();
        poll_fn(|cx| {
            // The connection starts streams, and streams wake it when they have data to send.
            if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            running.extend(self.new.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
            while let Poll::Ready(Some(())) = running.poll_next_unpin(cx) {}
            Poll::Pending
        })
        .await
    }
}
