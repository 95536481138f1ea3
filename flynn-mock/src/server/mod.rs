//! The listener: one port for TLS and plain HTTP, every host of the cluster on it.

mod attach;
mod body;
pub(crate) mod clock;
pub(crate) mod fault;
pub(crate) mod hub;
pub(crate) mod lock;
mod provider;
pub(crate) mod requests;
pub(crate) mod runtime;
mod service;
mod terminal;
mod tls;
#[cfg(feature = "wiremock")]
pub(crate) mod wiremock;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use self::service::Service;
use self::tls::{Greeting, Identities};
use crate::server::hub::Hub;

/// All tasks of one mock; dropping it ends them and closes their sockets. `None` once it is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Tasks(Arc<Mutex<Option<JoinSet<()>>>>);

impl Default for Tasks {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(JoinSet::new()))))
    }
}

impl Tasks {
    /// Runs a task until it ends or the mock is dropped; a task that comes later never runs.
    pub(crate) fn spawn(
        &self,
        on: &tokio::runtime::Handle,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(set) = tasks.as_mut() else { return };
        while set.try_join_next().is_some() {}
        set.spawn_on(task, on);
    }

    /// Ends all of them, without waiting.
    pub(crate) fn abort_all(&self) {
        let tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(tasks);
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(&tokio::runtime::Handle::current(), task);
    }
}

/// The listening socket, until it is closed: at once, so that the next mock may have its address.
#[derive(Clone, Debug)]
pub(crate) struct Listener(Arc<Mutex<Option<TcpListener>>>);

impl Listener {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self(Arc::new(Mutex::new(Some(listener))))
    }

    fn socket(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the socket before it returns.
    pub(crate) fn close(&self) {
        self.socket().take();
    }

    /// The next connection; `None` when the socket is closed.
    async fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|cx| match self.socket().as_ref() {
            Some(socket) => socket.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        })
        .await
    }
}

/// Accepts connections until the mock is dropped.
pub(crate) async fn accept(listener: Listener, hub: Arc<Hub>, tasks: Tasks) {
    let identities = Arc::new(Identities::default());
    while let Some(accepted) = listener.accept().await {
        // An accept that fails concerns a connection that is already gone.
        let Ok((socket, peer)) = accepted else { continue };
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

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_task_that_comes_after_the_end_never_runs() {
        let tasks = Tasks::default();
        let task = |ran: oneshot::Sender<()>| async { ran.send(()).unwrap() };
        let (ran, before) = oneshot::channel();
        tasks.spawn(&Handle::current(), task(ran));
        assert!(before.await.is_ok());
        tasks.abort_all();
        let (ran, after) = oneshot::channel();
        tasks.spawn(&Handle::current(), task(ran));
        assert!(after.await.is_err());
    }
}
