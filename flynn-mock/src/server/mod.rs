//! The listener: one port for TLS and plain HTTP, every host of the cluster on it.

mod attach;
mod body;
mod service;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use self::service::Service;
use self::tls::{Greeting, Identities};
use crate::hub::Hub;

/// All tasks of one mock; dropping it ends them and closes their sockets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    /// Runs a task until it ends or the mock is dropped.
    pub(crate) fn spawn(
        &self,
        on: &tokio::runtime::Handle,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while set.try_join_next().is_some() {}
        set.spawn_on(task, on);
    }

    /// Ends all of them, without waiting.
    pub(crate) fn abort_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(&tokio::runtime::Handle::current(), task);
    }
}

/// Accepts connections until the mock is dropped.
pub(crate) async fn accept(listener: TcpListener, hub: Arc<Hub>, tasks: Tasks) {
    let identities = Arc::new(Identities::default());
    loop {
        // An accept that fails concerns a connection that is already gone.
        let Ok((socket, peer)) = listener.accept().await else { continue };
        let (hub, identities) = (Arc::clone(&hub), Arc::clone(&identities));
        let connection = serve(socket, peer, hub, identities, tasks.clone());
        tasks.execute_quietly(connection);
    }
}

impl Tasks {
    /// Runs a connection; how it ends concerns only its client.
    fn execute_quietly(&self, task: impl Future<Output = io::Result<()>> + Send + 'static) {
        hyper::rt::Executor::execute(self, async move {
            let _ = task.await;
        });
    }
}

/// The first byte of a TLS handshake record.
const HANDSHAKE: u8 = 0x16;

async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    hub: Arc<Hub>,
    identities: Arc<Identities>,
    tasks: Tasks,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut first = [0];
    if socket.peek(&mut first).await? == 0 {
        return Ok(());
    }
    let service = Service::new(Arc::clone(&hub), tasks.clone(), peer.ip());
    if first != [HANDSHAKE] {
        return http1(socket, service).await;
    }
    match tls::greet(socket, &hub, &identities).await? {
        Greeting::Refused => Ok(()),
        Greeting::Http1(stream) => http1(stream, service).await,
        Greeting::Http2(stream) => {
            let serve = service_fn(move |request| service.clone().answer(request));
            http2::Builder::new(tasks)
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), serve)
                .await
                .map_err(io::Error::other)
        }
    }
}

async fn http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Service,
) -> io::Result<()> {
    let serve = service_fn(move |request| service.clone().answer(request));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), serve)
        .with_upgrades()
        .await
        .map_err(io::Error::other)
}
