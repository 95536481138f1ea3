//! The pure engine: a request and the clock in, an answer and events out.
//!
//! No I/O, no runtime, no wall clock. The server calls [`Engine::advance`] with its time before
//! each request, [`Engine::handle`] with the request, and sleeps until [`Engine::next_due`] or the
//! next change of [`Engine::version`]. Open streams are cursors, polled with
//! [`Engine::next_frames`] after each change.

mod http;
mod options;
mod program;
mod streams;

use jiff::Timestamp;

pub use self::http::{Answer, Body, Request};
pub use self::options::{Certifier, ClusterCertificate, Delays, Options, Pace, ServerAge};
pub use self::program::{Attach, Command, Input, Output, Program, Programs};
pub use self::streams::{Cursor, Frames};

/// A mocked cluster.
#[derive(Debug)]
pub struct Engine {
    options: Options,
    now: Timestamp,
    version: u64,
}

impl Engine {
    /// A freshly bootstrapped cluster.
    pub fn new(options: Options) -> Self {
        Self { now: options.start, options, version: 0 }
    }

    /// Answers a request at the present time of the clock.
    pub fn handle(&mut self, request: &Request) -> Answer {
        self.version += 1;
        let _ = request;
        Answer::empty(::http::StatusCode::NOT_FOUND)
    }

    /// Moves the clock to `now` (never back) and, unless the pace is [`Pace::ByHand`], runs what
    /// is due by then.
    pub fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// When the next step is due; `None` when nothing is under way.
    pub fn next_due(&self) -> Option<Timestamp> {
        None
    }

    /// Runs the next step, moving the clock to its time; `false` when nothing is under way.
    pub fn step(&mut self) -> bool {
        false
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Grows with every change that a stream could see.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What the stream has to send now.
    pub fn next_frames(&mut self, cursor: &mut Cursor) -> Frames {
        match cursor.kind {
            streams::Kind::Silent => Frames::default(),
        }
    }

    /// Ends every open stream with an error frame, as a controller does that shuts down.
    pub fn end_streams(&mut self, message: &str) {
        let _ = message;
        self.version += 1;
    }

    /// Records what an attached job wrote, for the app's log.
    pub fn job_output(&mut self, job: &str, output: &Output) {
        let _ = (job, output);
    }

    /// Records that an attached job has ended.
    pub fn job_exited(&mut self, job: &str, status: i32) {
        let _ = (job, status);
    }

    /// The controller's present keys, the first one first.
    pub fn keys(&self) -> Vec<String> {
        self.options.key.iter().cloned().collect()
    }

    /// The cluster's present domain, `DEFAULT_ROUTE_DOMAIN` of the controller.
    pub fn domain(&self) -> String {
        self.options.domain.clone()
    }

    /// The certificate and key (PEM) that the router presents for this server name; `None` when no
    /// route has the name (the real router then sends the TLS alert `internal_error`).
    pub fn certificate(&self, server_name: Option<&str>) -> Option<(String, String)> {
        let _ = server_name;
        None
    }

    /// The body of a `GET` of the controller with the cluster's key, parsed; `None` unless it is 200.
    pub fn read(&mut self, target: &str) -> Option<serde_json::Value> {
        let answer = self.handle(&Request::new(::http::Method::GET, target));
        serde_json::from_slice(answer.bytes()).ok()
    }
}
