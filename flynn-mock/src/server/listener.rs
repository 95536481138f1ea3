//! A listening socket and the connections that it accepts.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{Tasks, runtime};

/// The number of connections that the system queues.
const BACKLOG: u32 = 1024;

/// The pause if the process has no file descriptor left for a connection.
const OUT_OF_FILES: Duration = Duration::from_millis(10);

/// A server on its address. Dropping it closes its socket and all connections.
pub(crate) struct Serving {
    socket: Socket,
    tasks: Tasks,
}

impl Serving {
    /// Listens on an address and runs `serve` for each connection. Port 0 selects a free port.
    ///
    /// # Errors
    /// Returns which address it cannot listen on, and why.
    pub(crate) fn start<F>(
        address: SocketAddr,
        serve: impl Fn(TcpStream, SocketAddr, &Tasks) -> F + Send + 'static,
    ) -> io::Result<(Self, SocketAddr)>
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let runtime = runtime::handle()?;
        let listener = {
            let _inside = runtime.enter();
            listen(address)
                .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}")))?
        };
        let addr = listener.local_addr()?;
        let (socket, tasks) = (Socket::new(listener), Tasks::default());
        tasks.spawn(&runtime, accept(socket.clone(), tasks.clone(), serve));
        Ok((Self { socket, tasks }, addr))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.socket.close();
        self.tasks.abort_all();
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Recently closed connections must not block the address. On Windows, the option has another meaning.
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A listening socket that can be closed at once, so that the next mock can have its address.
#[derive(Clone)]
struct Socket(Arc<Mutex<Option<TcpListener>>>);

impl Socket {
    fn new(listener: TcpListener) -> Self {
        Self(Arc::new(Mutex::new(Some(listener))))
    }

    fn lock(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the socket before it returns.
    fn close(&self) {
        self.lock().take();
    }

    /// Waits for a connection. Returns `None` if the socket is closed.
    async fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|cx| match self.lock().as_ref() {
            Some(socket) => socket.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        })
        .await
    }
}

/// Accepts connections until the socket is closed.
async fn accept<F>(socket: Socket, tasks: Tasks, serve: impl Fn(TcpStream, SocketAddr, &Tasks) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    while let Some(accepted) = socket.accept().await {
        match accepted {
            // The end of a connection affects only its client.
            Ok((stream, peer)) => tasks.spawn_here(serve(stream, peer, &tasks)),
            // The client has already disconnected.
            Err(e) if is_of_one_connection(&e) => {}
            // The connection stays in the queue, and the next attempt would fail at once.
            Err(_) => tokio::time::sleep(OUT_OF_FILES).await,
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
