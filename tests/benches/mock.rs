//! What `flynn-mock` bears: requests in a second, divided by those of a bare hyper server in the same run;
//! 200 mocks at once; and what a million requests and an hour of streaming leave behind.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flynn_mock::{AppSeed, MockController};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// Requests in flight on one connection.
const IN_FLIGHT: usize = 64;
/// Requests of each side in a round.
const ROUND: usize = 20_000;
const ROUNDS: usize = 7;
/// Mocks that live at the same time.
const MOCKS: usize = 200;
/// Requests that must leave nothing behind.
const MANY: usize = 1_000_000;
/// How much more memory the process may have after them, in KiB.
const SLACK: usize = 16 << 10;

const KEY: &str = "0123456789abcdef0123456789abcdef";
/// `:KEY` in base64.
const BASIC: &str = "Basic OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        throughput().await?;
        many_mocks().await?;
        leaks().await
    })
}

fn mock() -> MockController {
    let builder = MockController::builder().seed(1).key(KEY).request_memory(1 << 20);
    builder.app(AppSeed::new("www")).start_blocking()
}

/// `GET /apps/www` of a mock and the same bytes of a bare server, in turn.
async fn throughput() -> Result<()> {
    let mock = mock();
    let ours = connect(mock.addr()).await?;
    let body = get(ours.clone()).await?;
    let theirs = connect(bare(body)?).await?;
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
    println!("requests of a mock by those of a bare server: {median:.2}");
    if median < 0.6 {
        Err(format!("the mock answers at {median:.2} of a bare server, 0.6 at least").into())
    } else {
        Ok(())
    }
}

/// A server that does nothing but answer, on a thread of its own, as the mocks have one.
fn bare(body: Bytes) -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let body = body.clone();
                let answer = hyper::service::service_fn(move |_: Request<Incoming>| {
                    let answer = Response::builder()
                        .header("content-type", "application/json")
                        .body(Full::new(body.clone()));
                    async move { Ok::<_, Infallible>(answer.unwrap_or_default()) }
                });
                connections.spawn(
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), answer),
                );
            }
        });
    });
    Ok(addr)
}

type Sender = SendRequest<Full<Bytes>>;

async fn connect(addr: SocketAddr) -> Result<Sender> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let io = TokioIo::new(stream);
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn get(mut sender: Sender) -> Result<Bytes> {
    let request = Request::get("http://controller.example.com/apps/www")
        .header("authorization", BASIC)
        .body(Full::default())?;
    let response = sender.send_request(request).await?;
    if response.status() != 200 {
        return Err(format!("GET /apps/www: {}", response.status()).into());
    }
    Ok(response.into_body().collect().await?.to_bytes())
}

/// How long [`ROUND`] requests take, [`IN_FLIGHT`] at a time.
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
    let start = Instant::now();
    let mocks: Vec<MockController> = (0..MOCKS).map(|_| mock()).collect();
    let started = start.elapsed();
    for mock in &mocks {
        get(connect(mock.addr()).await?).await?;
    }
    println!("{MOCKS} mocks: started in {started:?}, all asked after {:?}", start.elapsed());
    Ok(())
}

async fn leaks() -> Result<()> {
    let mock = mock();
    let sender = connect(mock.addr()).await?;
    // Fills the record of requests, and what the allocator keeps.
    send(&sender, MANY / 10).await?;
    let before = resident();
    send(&sender, MANY).await?;
    let request = Request::get("http://controller.example.com/events")
        .header("authorization", BASIC)
        .header("accept", "text/event-stream")
        .body(Full::default())?;
    let mut stream = sender.clone().send_request(request).await?.into_body();
    let mut comments = 0;
    for _ in 0..3600 {
        mock.advance(Duration::from_secs(1));
        mock.settled().await;
        while let Ok(Some(frame)) =
            tokio::time::timeout(Duration::from_millis(1), stream.frame()).await
        {
            comments += frame?.data_ref().map_or(0, |data| usize::from(data.starts_with(b":")));
        }
    }
    let (Some(before), Some(after)) = (before, resident()) else {
        eprintln!("    no memory figures on this system");
        return Ok(());
    };
    println!(
        "{MANY} requests and an hour of a stream ({comments} comments): {before} to {after} KiB"
    );
    if after > before + SLACK { Err("the mock leaks".into()) } else { Ok(()) }
}

/// The memory of this process, in KiB.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
