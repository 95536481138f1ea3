//! A server that plays a script, one step per request on any connection; or that chooses the
//! step by the request.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flynn_client::{Client, ClientBuilder, RetryPolicy};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The reaction to one request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends these bytes and keeps the connection.
    Send(String),
    /// Sends the first bytes, then the second bytes this number of times, with this time between them. Keeps the
    /// connection.
    Trickle(String, &'static str, u32, Duration),
    /// Sends these bytes and closes the connection.
    SendAndClose(String),
    /// Closes the connection without an answer.
    Drop,
    /// Never answers.
    Hang,
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: impl AsRef<str>) -> Step {
    answer(status, "Content-Type: application/json\r\n", body)
}

/// An answer with these header lines.
pub(crate) fn answer(status: u16, headers: &str, body: impl AsRef<str>) -> Step {
    let body = body.as_ref();
    Step::Send(format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// An event stream that ends after these bytes.
pub(crate) fn events(body: &str) -> Step {
    Step::SendAndClose(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n{body}"
    ))
}

/// An event stream that stays open and silent after these bytes.
pub(crate) fn open_events(body: &str) -> Step {
    Step::Send(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n{body}"
    ))
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    /// `GET /apps`, query included.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap().trim_end_matches(" HTTP/1.1")
    }

    /// `GET /apps`, without the query.
    pub(crate) fn call(&self) -> &str {
        self.line().split_once('?').map_or(self.line(), |(call, _)| call)
    }

    /// The query, percent-encoded.
    pub(crate) fn query(&self) -> &str {
        self.line().split_once('?').map_or("", |(_, query)| query)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    #[expect(dead_code, reason = "ends the server when dropped")]
    task: Task,
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The reaction to a request.
type Choose = Arc<dyn Fn(&Seen) -> Step + Send + Sync>;

impl Server {
    /// Plays the steps in the order in which requests arrive. Further requests are dropped.
    pub(crate) async fn play(steps: impl IntoIterator<Item = Step>) -> Self {
        let steps = Mutex::new(steps.into_iter().collect::<VecDeque<_>>());
        let next = move |_: &Seen| steps.lock().unwrap().pop_front().unwrap_or(Step::Drop);
        Self::answering(next).await
    }

    /// Reacts to each request with the step that `choose` returns.
    pub(crate) async fn answering(choose: impl Fn(&Seen) -> Step + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (choose, log): (Choose, _) = (Arc::new(choose), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // What is written arrives at once. A paused clock would not wait for it.
                stream.set_nodelay(true).unwrap();
                connections.spawn(serve(stream, Arc::clone(&choose), Arc::clone(&log)));
            }
        });
        Self { address, seen, task: Task(task) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a client with quick retries.
    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        let quick =
            RetryPolicy::default().delays(Duration::from_millis(1), Duration::from_millis(2));
        Client::builder(self.url()).key("the-key").no_proxy().retry(quick)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The request lines, in order.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.line().to_owned()).collect()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    choose: Choose,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    while let Some(request) = read(&mut stream).await {
        let step = choose(&request);
        seen.lock().unwrap().push(request);
        match step {
            Step::Send(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
            Step::Trickle(bytes, more, times, pause) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                for _ in 0..times {
                    tokio::time::sleep(pause).await;
                    let _ = stream.write_all(more.as_bytes()).await;
                }
            }
            Step::SendAndClose(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
            }
            Step::Hang => std::future::pending().await,
            Step::Drop => return,
        }
    }
}

/// Reads one request, or `None` at the end of the connection.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes).unwrap();
    let mut seen = Seen { head, body: String::new() };
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    seen.body = String::from_utf8(body).unwrap();
    Some(seen)
}
