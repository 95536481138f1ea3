//! The log of an app.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use futures_util::TryStreamExt;
//!
//! for line in flynn.app("controller").log().lines(10).await? {
//!     println!("{line}");
//! }
//!
//! let mut follow = flynn.app("controller").log().lines(1).follow().await?;
//! let line = follow.try_next().await?.expect("a followed log ends only with an error");
//! assert!(!line.job_id.is_empty());
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! A watch reconnects and resumes, and marks where lines may be missing:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::logs::LogItem;
//!
//! let mut log = flynn.app("controller").log().lines(1).watch();
//! while let Some(item) = log.next().await {
//!     match item? {
//!         LogItem::Line(line) => println!("{}", line.msg),
//!         LogItem::Gap(_) => eprintln!("lines may be missing here"),
//!         _ => {}
//!     }
//! #   break;
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::error::{Error, ErrorKind};
use crate::ids::{HostId, JobId};
use crate::json::{LIST, decode_object};
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{
    Accept, Connect, Deadline, EventSource, Kind, Limits, Parser, Request, Spec, operation,
    stream_next,
};

mod watch;

use watch::Chunk;
pub use watch::{Gap, LogItem, LogWatch};

string_enum! {
    /// The stream of a job that a line was written to.
    LogStream {
        /// Standard output.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
        /// Messages of the container's init process.
        Init = "init",
    }
}

/// One line of an app's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LogLine {
    /// The host that the job ran on.
    #[serde(skip_serializing_if = "HostId::is_empty")]
    pub host_id: HostId,
    /// The id of the job, `host-uuid`.
    #[serde(skip_serializing_if = "JobId::is_empty")]
    pub job_id: JobId,
    /// The line without its line end. An app may log secrets.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub msg: String,
    /// The job's process type; empty for one-off jobs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub process_type: String,
    /// The source; `app`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The stream that it was written to.
    #[serde(skip_serializing_if = "LogStream::is_empty")]
    pub stream: LogStream,
    /// The time when the host received it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// One line of text: time, process type, job and message. The message is not escaped.
impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(time) = &self.timestamp {
            write!(f, "{time} ")?;
        }
        write!(f, "{}[{}]: {}", self.process_type, self.job_id, self.msg)
    }
}

impl AppHandle {
    /// Reads the app's log: `GET /apps/:a/log`, standard output and standard error by default.
    ///
    /// Reads the log as an event stream, because only that distinguishes the end of the log from a lost connection.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist. A job that does not exist has an
    /// empty log.
    pub fn log(&self) -> ReadLog {
        ReadLog {
            app: self.clone(),
            lines: None,
            job: None,
            process_type: None,
            streams: vec![LogStream::Stdout, LogStream::Stderr],
            limits: Limits::default(),
        }
    }
}

/// Reads a log; returned by [`AppHandle::log`]. Awaiting it returns the lines that the cluster still has.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ReadLog {
    app: AppHandle,
    lines: Option<u32>,
    job: Option<JobId>,
    process_type: Option<String>,
    streams: Vec<LogStream>,
    limits: Limits,
}

impl ReadLog {
    /// Limits old lines to the last `count`. By default, all old lines are read, but [`follow`](Self::follow) and
    /// [`watch`](Self::watch) start without old lines.
    pub fn lines(mut self, count: u32) -> Self {
        self.lines = Some(count);
        self
    }

    /// Selects the lines of one job.
    pub fn job(mut self, id: impl Into<JobId>) -> Self {
        self.job = Some(id.into());
        self
    }

    /// Selects the lines of jobs of this process type; the type of one-off jobs is empty.
    pub fn process_type(mut self, process_type: impl Into<String>) -> Self {
        self.process_type = Some(process_type.into());
        self
    }

    /// Selects the lines of these streams.
    pub fn streams(mut self, streams: impl IntoIterator<Item = LogStream>) -> Self {
        self.streams = streams.into_iter().collect();
        self
    }

    /// Streams the old lines, for logs that are too long for memory.
    pub fn stream(&self) -> FollowLog {
        FollowLog { log: self.clone(), follow: false, idle: None }
    }

    /// Streams new lines as they are written, on one connection.
    ///
    /// Starts with old lines only if you set [`lines`](Self::lines). If the connection is lost or the server stops, the
    /// stream ends with an error; [`watch`](Self::watch) reconnects instead.
    pub fn follow(&self) -> FollowLog {
        FollowLog { log: self.clone(), follow: true, idle: None }
    }

    /// Streams new lines and reconnects. Starts with old lines only if you set [`lines`](Self::lines).
    ///
    /// The server cannot resume a log, so a new connection reads the last 1,000 lines ([`overlap`](LogWatch::overlap))
    /// and skips up to the last line seen, which it recognizes by time, host, job and text. If that line is not among
    /// them, the watch yields a [`LogItem::Gap`] first.
    pub fn watch(&self) -> LogWatch {
        LogWatch::of(self.clone())
    }

    fn spec(&self, follow: bool) -> Spec {
        let streams: Vec<_> = self.streams.iter().map(LogStream::as_str).collect();
        Spec::get("/apps/{app}/log", [self.app.app.as_str()])
            .query_opt("follow", follow.then_some("true"))
            .query_id("job_id", self.job.as_ref())
            .query_opt("lines", self.lines)
            .query_opt("process_type", self.process_type.as_ref())
            .query_opt("stream_types", (!streams.is_empty()).then(|| streams.join(",")))
    }

    async fn run(self, deadline: Deadline) -> Result<Vec<LogLine>, Error> {
        let spec = self.spec(false).accept(Accept::Events);
        Request::new(&self.app.client, spec, |_, body| lines(&body?)).within(deadline).await
    }
}

/// Parses the lines of a whole log.
fn lines(body: &[u8]) -> Result<Vec<LogLine>, Error> {
    let mut parser = Parser::new(body.len());
    parser.push(body);
    let mut lines = Vec::new();
    while let Some(message) = parser.next()? {
        match message.kind {
            Kind::Item => {}
            Kind::Error => {
                let text = String::from_utf8_lossy(parser.data(&message));
                return Err(Error::new(ErrorKind::Stream, text));
            }
            Kind::Foreign => continue,
        }
        let chunk: Chunk = decode_object(parser.data(&message), LIST)?;
        match chunk.data {
            Some(line) => lines.push(line),
            None if chunk.event == "eof" => return Ok(lines),
            None => {}
        }
    }
    if lines.is_empty() && !body.is_empty() {
        return Err(Error::new(ErrorKind::Decode, "the answer is not an event stream"));
    }
    Err(no_end())
}

fn no_end() -> Error {
    Error::new(ErrorKind::Connection, "the log ended without its end mark")
}

operation!(ReadLog => Vec<LogLine>);

/// Opens a log as a stream. Awaiting it returns the [`LogLines`] once the server has accepted.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct FollowLog {
    log: ReadLog,
    follow: bool,
    idle: Option<Duration>,
}

impl FollowLog {
    /// Limits the time until the server accepts. The stream itself has no limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.log.limits.timeout = Some(timeout);
        self
    }

    /// Ends the stream with a timeout error if nothing arrives for this long, not even a keep-alive. The server sends a
    /// keep-alive every 30 s.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle = Some(timeout);
        self
    }

    async fn open(self, deadline: Deadline) -> Result<LogLines, Error> {
        let mut connect =
            Connect::new(&self.log.app.client, self.log.spec(self.follow)).within(deadline);
        if let Some(idle) = self.idle {
            connect = connect.idle_timeout(idle);
        }
        Ok(LogLines { source: connect.await?, follow: self.follow, done: false })
    }
}

impl IntoFuture for FollowLog {
    type Output = Result<LogLines, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let deadline = self.log.limits.deadline();
        Box::pin(self.open(deadline))
    }
}

/// The lines of one connection. Dropping it closes the connection.
pub struct LogLines {
    source: EventSource<Chunk>,
    follow: bool,
    done: bool,
}

stream_next!(LogLines => LogLine);

impl Stream for LogLines {
    type Item = Result<LogLine, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while !this.done {
            match ready!(Pin::new(&mut this.source).poll_next(cx)) {
                Some(Ok(Chunk { data: Some(line), .. })) => return Poll::Ready(Some(Ok(line))),
                // A followed log has no regular end.
                Some(Ok(chunk)) => this.done = chunk.event == "eof" && !this.follow,
                Some(Err(error)) => {
                    this.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    this.done = true;
                    return Poll::Ready(Some(Err(if this.follow {
                        Error::new(ErrorKind::Connection, "the server ended the log")
                    } else {
                        no_end()
                    })));
                }
            }
        }
        Poll::Ready(None)
    }
}

impl fmt::Debug for LogLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLines").field("follow", &self.follow).finish_non_exhaustive()
    }
}
