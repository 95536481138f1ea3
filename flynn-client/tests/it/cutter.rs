//! A server in the middle that breaks event streams.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::task::{JoinHandle, JoinSet};

use crate::server::read;

/// The fate of one stream. Frames that passed on an earlier stream do not count.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Whole,
    /// It is closed after some frames and some bytes of the next.
    Cut {
        frames: usize,
        bytes: usize,
    },
    /// The connection is reset after some frames.
    Reset {
        frames: usize,
    },
    /// Nothing comes after some frames.
    Silent {
        frames: usize,
    },
    /// Each frame comes twice.
    Twice,
}

/// It passes everything on; an event stream meets its fate, which is chosen by its number.
pub(crate) struct Cutter {
    pub(crate) address: SocketAddr,
    pub(crate) streams: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Frames that have passed as a whole.
type Passed = Arc<Mutex<HashSet<Vec<u8>>>>;

impl Cutter {
    pub(crate) async fn start(to: SocketAddr, fate: fn(usize) -> Fate) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let streams = Arc::<AtomicUsize>::default();
        let (count, passed) = (Arc::clone(&streams), Passed::default());
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (count, passed) = (Arc::clone(&count), Arc::clone(&passed));
                let fate = move || fate(count.fetch_add(1, Relaxed));
                // A connection that breaks off here does so for the client too.
                connections.spawn(async move {
                    let _ = serve(client, to, fate, passed).await;
                });
            }
        });
        Self { address, streams, task }
    }
}

async fn serve(
    mut client: TcpStream,
    to: SocketAddr,
    fate: impl FnOnce() -> Fate,
    passed: Passed,
) -> std::io::Result<()> {
    let Some(request) = read(&mut client).await else { return Ok(()) };
    let mut server = TcpStream::connect(to).await?;
    // Pieces go out at once.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    if request.header("accept") != Some("text/event-stream") {
        server.write_all(format!("{}{}", request.head, request.body).as_bytes()).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    // To HTTP/1.0 the server sends the frames as they are; each becomes a chunk here.
    let head = request.head.replacen("HTTP/1.1", "HTTP/1.0", 1);
    server.write_all(head.as_bytes()).await?;
    let (mut server, _open) = server.into_split();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(server.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).replacen("HTTP/1.0", "HTTP/1.1", 1);
    if !head.starts_with("HTTP/1.1 200") {
        client.write_all(head.as_bytes()).await?;
        tokio::io::copy(&mut server, &mut client).await?;
        return Ok(());
    }
    let head = head.replacen("\r\n", "\r\nTransfer-Encoding: chunked\r\n", 1);
    client.write_all(head.as_bytes()).await?;
    stream(client, server, fate(), &passed).await
}

async fn stream(
    mut client: TcpStream,
    mut server: OwnedReadHalf,
    fate: Fate,
    passed: &Passed,
) -> std::io::Result<()> {
    let (mut buffer, mut new) = (Vec::new(), 0);
    loop {
        while let Some(end) = memchr::memmem::find(&buffer, b"\n\n") {
            let frame: Vec<u8> = buffer.drain(..end + 2).collect();
            let is_new = !passed.lock().unwrap().contains(&frame);
            let mut chunk = format!("{:x}\r\n", frame.len()).into_bytes();
            chunk.extend_from_slice(&frame);
            chunk.extend_from_slice(b"\r\n");
            match fate {
                Fate::Cut { frames, bytes } if is_new && new == frames => {
                    let kept = bytes % (chunk.len() - 2);
                    return client.write_all(&chunk[..kept]).await;
                }
                Fate::Reset { frames } if is_new && new == frames => {
                    return client.set_zero_linger();
                }
                Fate::Silent { frames } if is_new && new == frames => {
                    return std::future::pending().await;
                }
                Fate::Twice => client.write_all(&chunk).await?,
                _ => {}
            }
            client.write_all(&chunk).await?;
            if is_new {
                new += 1;
                passed.lock().unwrap().insert(frame);
            }
        }
        if server.read_buf(&mut buffer).await? == 0 {
            return client.write_all(b"0\r\n\r\n").await;
        }
    }
}
