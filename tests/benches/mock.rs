//! Load on `flynn-mock`: its requests per second divided by those of a bare hyper server in the same run, the start of
//! one mock, 200 mocks at once, and the memory that a million requests and an hour of streaming leave behind.

mod memory;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flynn_mock::{AppSeed, MockController};
use flynn_tls::{ClientTls, Pin, generate};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsConnector};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// Requests in flight on one connection.
const IN_FLIGHT: usize = 64;
/// Requests to each server in a round.
const ROUND: usize = 20_000;
const ROUNDS: usize = 7;
/// The lowest acceptable ratio.
const GOAL: f64 = 0.6;
/// Mocks that live at the same time.
const MOCKS: usize = 200;
/// Mocks that are started one after the other.
const STARTS: usize = 51;
/// Requests that must leave nothing behind.
const MANY: usize = 1_000_000;
/// The memory that the process may gain by then, in KiB.
const SLACK: usize = 16 << 10;

const HOST: &str = "controller.example.com";
const KEY: &str = "0123456789abcdef0123456789abcdef";
/// `:KEY` in base64.
const BASIC: &str = "Basic OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        throughput().await?;
        // Before the many mocks, since memory that they give back would hide a leak.
        leaks().await?;
        many_mocks().await
    })
}

fn mock() -> MockController {
    let builder = MockController::builder().seed(1).key(KEY).tls().request_memory(1 << 20);
    builder.app(AppSeed::new("www")).start_blocking()
}

/// Sends `GET /apps/www` to a mock and to a bare server that answers with the same bytes, in turn.
async fn throughput() -> Result<()> {
    let mock = mock();
    let ours = connect(mock.addr(), mock.pin()).await?;
    let body = get(ours.clone()).await?;
    let (address, pin) = bare(body)?;
    let theirs = connect(address, pin).await?;
    let mut ratios = Vec::new();
    for round in 0..=ROUNDS {
        let mock = time(&ours).await?;
        let bare = time(&theirs).await?;
        // The first round warms up.
        if round > 0 {
            ratios.push(bare.as_secs_f64() / mock.as_secs_f64());
            eprintln!("    mock {mock:?}, bare {bare:?} for {ROUND} requests");
        }
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    println!("requests to a mock by those to a bare server: {median:.2}");
    if median < GOAL {
        return Err(format!("the mock answers at {median:.2} of a bare server, not {GOAL}").into());
    }
    Ok(())
}

/// Starts a server that only answers. It has its own thread, as the mocks have.
fn bare(body: Bytes) -> Result<(SocketAddr, Pin)> {
    let leaf = generate::bootstrap("example.com")?.leaf;
    let chain = CertificateDer::pem_slice_iter(leaf.certificate_pem().as_bytes())
        .collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem().as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, body) = (acceptor.clone(), body.clone());
                connections.spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let answer = hyper::service::service_fn(move |_: Request<Incoming>| {
                        let answer = Response::builder()
                            .header("content-type", "application/json")
                            .body(Full::new(body.clone()));
                        async move { Ok::<_, Infallible>(answer.unwrap_or_default()) }
                    });
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
    });
    Ok((addr, leaf.pin()))
}

type Sender = SendRequest<Full<Bytes>>;

async fn connect(addr: SocketAddr, pin: Pin) -> Result<Sender> {
    let mut tls = ClientTls::pinned(pin).config()?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(HOST)?;
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await?;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn request(path: &str) -> http::request::Builder {
    Request::get(format!("https://{HOST}{path}")).header("authorization", BASIC)
}

async fn get(mut sender: Sender) -> Result<Bytes> {
    let response = sender.send_request(request("/apps/www").body(Full::default())?).await?;
    if response.status() != 200 {
        return Err(format!("GET /apps/www: {}", response.status()).into());
    }
    Ok(response.into_body().collect().await?.to_bytes())
}

/// Returns the time that [`ROUND`] requests take, [`IN_FLIGHT`] at a time.
async fn time(sender: &Sender) -> Result<Duration> {
    let start = Instant::now();
    send(sender, ROUND).await?;
    Ok(start.elapsed())
}

async fn send(sender: &Sender, requests: usize) -> Result<()> {
    let mut flight = JoinSet::new();
    for _ in 0..requests {
        if flight.len() >= IN_FLIGHT
            && let Some(answer) = flight.join_next().await
        {
            answer??;
        }
        flight.spawn(get(sender.clone()));
    }
    while let Some(answer) = flight.join_next().await {
        answer??;
    }
    Ok(())
}

async fn many_mocks() -> Result<()> {
    let mut starts: Vec<_> = (0..STARTS)
        .map(|_| {
            let start = Instant::now();
            let mock = MockController::builder().bootstrapped("example.com").tls().start_blocking();
            let time = start.elapsed();
            drop(mock);
            time
        })
        .collect();
    starts.sort();
    let median = starts.get(STARTS / 2).copied().unwrap_or_default();
    println!("one bootstrapped mock with TLS: started in {median:?} (median of {STARTS})");
    let start = Instant::now();
    let mocks: Vec<MockController> = (0..MOCKS).map(|_| mock()).collect();
    let started = start.elapsed();
    for mock in &mocks {
        get(connect(mock.addr(), mock.pin()).await?).await?;
    }
    println!(
        "{MOCKS} mocks: started in {started:?}, all have answered after {:?}",
        start.elapsed()
    );
    Ok(())
}

async fn leaks() -> Result<()> {
    /// The number of comments on an open stream per hour, one every 30 seconds.
    const COMMENTS: usize = 120;
    let mock = mock();
    let sender = connect(mock.addr(), mock.pin()).await?;
    // Fills the record of requests and the allocator's caches.
    send(&sender, MANY / 10).await?;
    let before = memory::resident();
    send(&sender, MANY).await?;
    let events = request("/events").header("accept", "text/event-stream").body(Full::default())?;
    let mut stream = sender.clone().send_request(events).await?.into_body();
    for _ in 0..COMMENTS {
        mock.advance(Duration::from_secs(30));
        let frame = stream.frame().await.ok_or("the stream has ended")??;
        if frame.data_ref().is_none_or(|data| data != ":\n") {
            return Err(format!("not a comment: {frame:?}").into());
        }
    }
    let (Some(before), Some(after)) = (before, memory::resident()) else {
        eprintln!("    no memory figures on this system");
        return Ok(());
    };
    println!(
        "memory before and after {MANY} requests and an hour of a stream: {before}, {after} KiB"
    );
    if after > before + SLACK { Err("the mock leaks".into()) } else { Ok(()) }
}
