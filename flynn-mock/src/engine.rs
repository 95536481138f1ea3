//! The pure engine: a request and the clock in, an answer and events out.
//!
//! No I/O, no runtime, no wall clock. The server calls [`Engine::advance`] with its time before
//! each request, [`Engine::handle`] with the request, and sleeps until [`Engine::next_due`] or the
//! next change of [`Engine::version`]. Open streams are cursors, polled with
//! [`Engine::next_frames`] after each change.
//!
//! A resource is one file: its wire document, which is also what the state holds, and its calls.
//! `routing` finds the call, `wire` is Go's JSON, `work` the queue of what is under way, and
//! `scheduler`, `rollout`, `domain` and `deletion` are the life that moves on by itself.
//!
//! # Where it differs from recorded clusters
//!
//! `replay` sends what clients sent to real controllers to a fresh mock and compares every answer.
//! Nothing is left of 1171 answers.
//!
//! Where a real server leaves a choice to chance, the mock always chooses the same: which of several
//! jobs that started together is stopped, crashes or is heard of first; which of two schema errors
//! is reported; whether the 2021 server has the schema of an app's update whole (here never, as on
//! most of its starts); which port a TCP route gets that leaves it to the router (here the lowest
//! free one).
//!
//! Deliberately simpler: a deployment by `sirenia` or `discoverd-meta` is carried out like
//! `one-by-one`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ::http::{Method, StatusCode};
use jiff::Timestamp;

pub use crate::api::providers::{Errand, ProviderApis, Provision};
pub use crate::api::streams::{Cursor, Frames};
pub use crate::life::options::{
    Certifier, ClusterCertificate, Crash, Delays, Options, Pace, ServerAge, StartOrder,
};
pub use crate::life::program::{Attach, Command, Input, Output, Program, Programs};
pub use crate::life::races::Races;
pub use crate::wire::http::{Answer, Body, Request};

use crate::api::auth;
use crate::api::events::EventLog;
use crate::api::logs::Line;
use crate::api::status::Health;
use crate::calls;
use crate::life::domain::Migration;
use crate::life::oneoff::Running;
use crate::life::races::RaceState;
use crate::life::rollout::Rollout;
use crate::life::work::Queue;
use crate::store::ids::Ids;
use crate::store::state::State;
use crate::wire::{self, Fail, Time};

/// A mocked cluster. Its `Debug` shows nothing of what it holds.
pub struct Engine {
    pub(crate) options: Options,
    pub(crate) now: Timestamp,
    /// The latest time that the database has given out.
    pub(crate) last: Time,
    pub(crate) version: u64,
    pub(crate) ids: Ids,
    pub(crate) state: State,
    pub(crate) events: EventLog,
    pub(crate) queue: Queue,
    pub(crate) rollouts: Vec<Rollout>,
    pub(crate) migrations: Vec<Migration>,
    pub(crate) programs: BTreeMap<String, Running>,
    /// One-off jobs whose output does not go to the log.
    pub(crate) quiet_jobs: BTreeSet<String>,
    pub(crate) log: Vec<Line>,
    pub(crate) last_line: Timestamp,
    /// How often all streams were ended, and what they were told last.
    pub(crate) generation: u64,
    pub(crate) farewell: String,
    /// Services that do not report the usual health.
    pub(crate) services: BTreeMap<String, Health>,
    pub(crate) shutting_down: bool,
    pub(crate) races: RaceState,
    /// When the first of the open streams wants to be polled although nothing has changed.
    pub(crate) next_wake: Option<Timestamp>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("age", &self.options.age)
            .field("now", &self.now)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// A freshly bootstrapped cluster.
    pub fn new(options: Options) -> Self {
        let mut engine = Self {
            now: options.start,
            last: Time::default(),
            version: 0,
            ids: Ids::new(options.seed),
            state: State::default(),
            events: EventLog::default(),
            queue: Queue::default(),
            rollouts: Vec::new(),
            migrations: Vec::new(),
            programs: BTreeMap::new(),
            quiet_jobs: BTreeSet::new(),
            log: Vec::new(),
            last_line: Timestamp::MIN,
            generation: 0,
            farewell: String::new(),
            services: BTreeMap::new(),
            shutting_down: false,
            races: RaceState::new(options.races, options.seed),
            next_wake: None,
            options,
        };
        engine.bootstrap();
        engine
    }

    /// Answers a request at the present time of the clock.
    pub fn handle(&mut self, request: &Request) -> Answer {
        let mut answer = self.dispatch(request);
        auth::allow_origin(self.options.age, request, &mut answer);
        self.settle_at_once();
        answer
    }

    /// At the pace [`Pace::AtOnce`] everything that was set off is done at once.
    fn settle_at_once(&mut self) {
        if self.options.pace == Pace::AtOnce {
            self.run_due(self.now);
        }
    }

    /// Finds the app that the host's route leads to.
    fn dispatch(&mut self, request: &Request) -> Answer {
        let service = match self.state.route_for(&request.host, &request.path) {
            Some(route) => route.service.as_str(),
            // An address, or a name without a domain, is the controller's own.
            None if is_bare(&request.host) => "controller",
            None => return Answer::full(StatusCode::NOT_FOUND, TEXT, "Not Found\n"),
        };
        match service {
            "controller" => self.controller(request),
            "status-web" => self.status_app(request),
            _ => Answer::full(StatusCode::SERVICE_UNAVAILABLE, TEXT, "Service Unavailable\n"),
        }
    }

    /// A request to the controller.
    fn controller(&mut self, request: &Request) -> Answer {
        let age = self.options.age;
        if let Some(answer) = calls::malformed(age, request) {
            return answer;
        }
        if let Some(answer) = auth::preflight(age, request) {
            return answer;
        }
        if self.shutting_down {
            return Fail::Error {
                code: "service_unavailable",
                message: "controller: shutting down".to_owned(),
                detail: None,
                retry: true,
            }
            .into_answer();
        }
        if request.path == "/ping" {
            return Answer::empty(StatusCode::OK);
        }
        if !self.authorized(request) {
            return Answer::empty(StatusCode::UNAUTHORIZED);
        }
        match calls::find(age, request) {
            Some((handler, call)) => handler(self, &call).unwrap_or_else(Fail::into_answer),
            None => calls::not_found(age, request),
        }
    }

    /// The time of the database: each transaction begins later than every one before.
    pub(crate) fn time(&mut self) -> Time {
        self.last = Time::new(self.now).max(self.last.next());
        self.last
    }

    /// Moves the clock to `now` (never back) and, unless the pace is [`Pace::ByHand`], runs what
    /// is due by then.
    pub fn advance(&mut self, now: Timestamp) {
        if self.options.pace != Pace::ByHand {
            self.run_due(now);
        }
        self.now = self.now.max(now);
        if self.next_wake.is_some_and(|wake| wake <= self.now) {
            self.next_wake = None;
            self.version += 1;
        }
    }

    /// When the next step is due; `None` when nothing is under way.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.next_step_due()
    }

    /// Runs the next step, moving the clock to its time; `false` when nothing is under way.
    pub fn step(&mut self) -> bool {
        self.run_next(Timestamp::MAX)
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Grows with every change that a stream could see, and with every step that is planned.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Ends every open stream with an error frame, as a controller does that shuts down.
    pub fn end_streams(&mut self, message: &str) {
        self.generation += 1;
        message.clone_into(&mut self.farewell);
        self.version += 1;
    }

    /// While it shuts down, the controller answers every request with `service_unavailable`.
    pub fn set_shutting_down(&mut self, on: bool) {
        self.shutting_down = on;
    }

    /// Makes the status app report a service, such as `postgres`, as healthy or not.
    pub fn set_healthy(&mut self, service: &str, healthy: bool) {
        let version = self.services.get(service).map(|known| known.version.clone());
        let mut health = Health::new(healthy);
        health.version = version.unwrap_or(health.version);
        self.services.insert(service.to_owned(), health);
    }

    /// Makes the status app report this version of a service; none of one that cannot be reached.
    pub fn set_service_version(&mut self, service: &str, version: Option<&str>) {
        let health = self.services.entry(service.to_owned()).or_insert_with(|| Health::new(true));
        health.version = version.map(str::to_owned);
    }

    /// Records what an attached job wrote, for the app's log.
    pub fn job_output(&mut self, job: &str, output: &Output) {
        self.log_output(job, output);
    }

    /// Records that an attached job's program has exited; when the job will be down, unless it is.
    pub fn job_exited(&mut self, job: &str, status: i32) -> Option<Timestamp> {
        let down = self.exit_one_off(job, status);
        self.settle_at_once();
        down
    }

    /// The exit status of a job that is down; `None` until it is.
    pub fn job_ended(&self, job: &str) -> Option<i32> {
        let job = self.state.jobs.iter().find(|row| row.uuid == job)?;
        job.is_down().then(|| job.exit_status.unwrap_or_default())
    }

    /// The controller's present keys, the first one first.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.state.env("controller", "web", "AUTH_KEY").unwrap_or_default();
        keys.split(',').map(str::to_owned).collect()
    }

    /// How many bytes of a body it reads: one more tells that a body is too large.
    pub fn most_read(&self) -> usize {
        wire::most_read(self.options.age)
    }

    /// The cluster's present domain, `DEFAULT_ROUTE_DOMAIN` of the controller.
    pub fn domain(&self) -> String {
        self.route_domain()
    }

    /// The certificate and key (PEM) that the router presents for this server name; `None` when no
    /// route has the name (the real router then sends the TLS alert `internal_error`).
    pub fn certificate(&self, server_name: Option<&str>) -> Option<(String, String)> {
        self.presented(server_name?)
    }

    /// The body of a `GET` of the controller with the cluster's key, parsed; `None` unless it is
    /// 200.
    pub fn read(&mut self, target: &str) -> Option<serde_json::Value> {
        let json = ::http::HeaderValue::from_static("application/json");
        let request = Request::new(Method::GET, target).header(::http::header::ACCEPT, json);
        let (handler, call) = calls::find(self.options.age, &request)?;
        let answer = handler(self, &call).ok()?;
        serde_json::from_slice(answer.bytes()).ok()
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

/// Whether a host is an address or a name without a domain.
fn is_bare(host: &str) -> bool {
    !host.contains('.') || host.parse::<std::net::IpAddr>().is_ok()
}
