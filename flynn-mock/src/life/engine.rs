//! The cluster: its tables, its clock and its background work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use crate::dialect::Dialect;
use crate::life::domain::Migration;
use crate::life::oneoff::Running;
use crate::life::outside::{Callbacks, Given, Question};
use crate::life::races::RaceState;
use crate::life::rollout::Rollout;
use crate::life::work::Queue;
use crate::life::{Options, Output, Pace, Token, TokenList};
use crate::store::{EventLog, Health, Ids, Line, NextId, Tables, Time};

/// A mocked cluster. Its `Debug` does not show the content.
pub(crate) struct Engine {
    pub(crate) options: Options,
    /// The differences from other releases.
    pub(crate) dialect: &'static Dialect,
    pub(crate) now: Timestamp,
    /// The latest time of the database.
    pub(crate) last: Time,
    pub(crate) version: u64,
    pub(crate) ids: Ids,
    /// Ids for the next objects, when the object under way is created, and the hosts of jobs.
    pub(crate) next_ids: Vec<NextId>,
    pub(crate) given_time: Option<Time>,
    pub(crate) given_hosts: BTreeMap<String, String>,
    pub(crate) tables: Tables,
    pub(crate) events: EventLog,
    pub(crate) queue: Queue,
    pub(crate) rollouts: Vec<Rollout>,
    pub(crate) migrations: Vec<Migration>,
    pub(crate) programs: BTreeMap<String, Running>,
    pub(crate) callbacks: Callbacks,
    /// The external question of the current request, and its answers so far.
    pub(crate) question: Option<Question>,
    pub(crate) given: Vec<Given>,
    pub(crate) asked: usize,
    /// One-off jobs whose output does not go to the log.
    pub(crate) quiet_jobs: BTreeSet<String>,
    pub(crate) log: Vec<Line>,
    pub(crate) last_line: Timestamp,
    /// The number of times that all streams were ended, with the last message.
    pub(crate) generation: u64,
    pub(crate) farewell: String,
    /// Services that do not report the usual health.
    pub(crate) services: BTreeMap<String, Health>,
    pub(crate) shutting_down: bool,
    pub(crate) tokens: TokenList,
    /// Hosts that do not answer.
    pub(crate) unreachable: BTreeSet<String>,
    /// Jobs whose use of the CPU was measured before.
    pub(crate) measured: BTreeSet<String>,
    pub(crate) races: RaceState,
    /// The earliest time at which an open stream must be polled even if nothing has changed.
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
    /// Creates a newly bootstrapped cluster.
    pub(crate) fn new(options: Options) -> Self {
        let mut engine = Self {
            dialect: options.age.dialect(),
            now: options.start,
            last: Time::default(),
            version: 0,
            ids: Ids::new(options.seed),
            next_ids: options.next_ids.clone(),
            given_time: None,
            given_hosts: BTreeMap::new(),
            tables: Tables::default(),
            events: EventLog::default(),
            queue: Queue::default(),
            rollouts: Vec::new(),
            migrations: Vec::new(),
            programs: BTreeMap::new(),
            callbacks: Callbacks::default(),
            question: None,
            given: Vec::new(),
            asked: 0,
            quiet_jobs: BTreeSet::new(),
            log: Vec::new(),
            last_line: Timestamp::MIN,
            generation: 0,
            farewell: String::new(),
            services: BTreeMap::new(),
            shutting_down: false,
            tokens: TokenList::default(),
            unreachable: BTreeSet::new(),
            measured: BTreeSet::new(),
            races: RaceState::new(options.races, options.seed),
            next_wake: None,
            options,
        };
        engine.bootstrap();
        engine
    }

    /// Runs all background work if the pace is [`Pace::AtOnce`].
    pub(crate) fn settle_at_once(&mut self) {
        if self.options.pace == Pace::AtOnce {
            self.run_due(self.now);
        }
    }

    /// Returns the time of the database: each transaction begins later than every one before.
    pub(crate) fn time(&mut self) -> Time {
        let given = self.given_time.take();
        let next = Time::new(self.now).max(self.last.next());
        self.last = given.filter(|at| *at > self.last).unwrap_or(next);
        self.last
    }

    /// Moves the clock to `now` (never back). Unless the pace is [`Pace::ByHand`], runs all steps that are due by then.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        if self.options.pace != Pace::ByHand {
            self.run_due(now);
        }
        if !self.callbacks.hold() {
            self.now = self.now.max(now);
        }
        if self.next_wake.is_some_and(|wake| wake <= self.now) {
            self.next_wake = None;
            self.version += 1;
        }
    }

    /// Returns the time of the next step; `None` if nothing is running.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        // While a program runs, its output comes first.
        if self.callbacks.hold() { None } else { self.next_step_due() }
    }

    /// Runs the next step and moves the clock to its time. Returns `false` if nothing is running.
    pub(crate) fn step(&mut self) -> bool {
        self.run_next(Timestamp::MAX)
    }

    /// Returns the pace of background work.
    pub(crate) fn pace(&self) -> Pace {
        self.options.pace
    }

    /// Sets the pace of background work. Steps that are already planned keep their times.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.options.pace = pace;
        self.version += 1;
    }

    /// Returns the time of the clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns a version, which increases with every change that a stream could see and with every planned step.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Ends every open stream with an error frame, as a controller does when it shuts down.
    pub(crate) fn end_streams(&mut self, message: &str) {
        self.generation += 1;
        message.clone_into(&mut self.farewell);
        self.version += 1;
    }

    /// Sets whether a host answers the controller.
    pub(crate) fn set_host_reachable(&mut self, host: &str, reachable: bool) {
        if reachable {
            self.unreachable.remove(host);
        } else {
            self.unreachable.insert(host.to_owned());
        }
    }

    pub(crate) fn is_reachable(&self, host: &str) -> bool {
        !self.unreachable.contains(host)
    }

    /// Issues a token and returns its text.
    pub(crate) fn issue_token(&mut self, token: Token) -> String {
        let text = format!("eyJhbGciOiJFUzI1NiJ9.{}.{}", self.ids.hex(64), self.ids.hex(64));
        self.tokens.0.insert(text.clone(), token);
        text
    }

    /// Sets whether the controller is shutting down and answers every request with `service_unavailable`.
    pub(crate) fn set_shutting_down(&mut self, on: bool) {
        self.shutting_down = on;
    }

    /// Sets whether the status app reports a service, such as `postgres`, as healthy.
    pub(crate) fn set_healthy(&mut self, service: &str, healthy: bool) {
        let version = self.services.get(service).map(|known| known.version.clone());
        let mut health = Health::new(healthy);
        health.version = version.unwrap_or(health.version);
        self.services.insert(service.to_owned(), health);
    }

    /// Makes the status app report this version of a service; `None` for a service that cannot be reached.
    pub(crate) fn set_service_version(&mut self, service: &str, version: Option<&str>) {
        let health = self.services.entry(service.to_owned()).or_insert_with(|| Health::new(true));
        health.version = version.map(str::to_owned);
    }

    /// Records the output of an attached job in the app's log.
    pub(crate) fn job_output(&mut self, job: &str, output: &Output) {
        self.log_output(job, output);
    }

    /// Records that an attached job's program has exited. Returns the time when the job will be down, unless it already
    /// is.
    pub(crate) fn job_exited(&mut self, job: &str, status: i32) -> Option<Timestamp> {
        let down = self.exit_one_off(job, status);
        self.settle_at_once();
        down
    }

    /// Returns the exit status of a job that is down; `None` until it is.
    pub(crate) fn job_ended(&self, job: &str) -> Option<i32> {
        let job = self.tables.jobs.iter().find(|row| row.uuid == job)?;
        job.is_down().then(|| job.exit_status.unwrap_or_default())
    }

    /// Returns the controller's current keys, the first one first.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.auth_keys().map(str::to_owned).collect()
    }

    /// Returns whether the controller accepts this key.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        self.auth_keys().any(|known| known == key)
    }

    fn auth_keys(&self) -> impl Iterator<Item = &str> {
        let keys = self.tables.env("controller", "web", "AUTH_KEY").unwrap_or_default();
        keys.split(',')
    }

    /// Returns the cluster's current domain, `DEFAULT_ROUTE_DOMAIN` of the controller.
    pub(crate) fn domain(&self) -> String {
        self.route_domain()
    }

    /// Returns the certificate and key (PEM) that the router presents for this server name; `None` if no route has the
    /// name (the real router then sends the TLS alert `internal_error`).
    pub(crate) fn certificate(&self, server_name: Option<&str>) -> Option<(String, String)> {
        self.presented(server_name?)
    }
}
