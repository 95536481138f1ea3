//! Replays one run, from its first request to its last, against a freshly bootstrapped mock whose clock follows the
//! recorded one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use anyhow::Result;
use flynn_mock::{MockController, NextId};
use jiff::{SignedDuration, Timestamp};

use super::cluster::{self, NextProvision};
use super::compare::{self, Differences, Numbers};
use super::missing::{self, Missing, Operator};
use super::objects::Objects;
use super::recording::{Closed, Exchange, Run};
use super::request::{self, Keys};
use super::wire::Connection;
use super::{attach, report};

/// The duration in milliseconds from which a request stays open while later ones run.
const LONG: i64 = 1000;

/// The real time that the mock may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The real time after which an answer counts as waiting for the clock.
const GLANCE: Duration = Duration::from_millis(100);

/// The time by which the mock's last event of a stream may be late, since the recorded client left when it came. The
/// clock advances in steps.
const GRACE: SignedDuration = SignedDuration::from_millis(1500);
const STEP: SignedDuration = SignedDuration::from_millis(10);

/// The time by which the mock may create an object earlier than the recorded server.
const SOON: SignedDuration = SignedDuration::from_millis(500);

/// The end of streams when the recorded server was shut down.
const SHUT_DOWN: &str = "event: error\ndata: controller: shutting down\n\n";

/// A run in progress.
struct Driver<'a> {
    run: &'a Run,
    mock: MockController,
    runtime: tokio::runtime::Runtime,
    keys: Keys,
    provision: NextProvision,
    /// The ids that the mock has not received yet, and when the objects were created.
    ids: VecDeque<(Timestamp, NextId)>,
    missing: VecDeque<Missing<'a>>,
    numbers: Numbers,
    open: Vec<Open<'a>>,
    /// The differences of each exchange.
    results: Vec<Differences>,
}

/// A request whose answer has not ended.
struct Open<'a> {
    /// Its place in the run.
    n: usize,
    exchange: &'a Exchange,
    connection: Connection,
}

impl Open<'_> {
    /// Returns whether the client closed the stream after more lines than have arrived.
    fn lacks_events(&self) -> bool {
        let arrived = self.connection.reply().map_or(0, |reply| reply.text().lines().count());
        let wanted = self.exchange.response_body.lines().count();
        self.exchange.closed == Closed::Client && arrived < wanted
    }
}

/// Replays a run. One of the `others` may contain its beginning.
pub(crate) fn run(run: &Run, others: &[Run]) -> Result<Vec<report::Outcome>> {
    let beginning = missing::beginning(run, others).unwrap_or_default();
    let Some(first) = beginning.iter().chain(&run.exchanges).next() else { return Ok(vec![]) };
    let (objects, provision) = (Objects::of(run), NextProvision::default());
    let keys = Keys::of(run, &objects);
    let mut driver = Driver {
        run,
        mock: cluster::start(run, first.time, &objects, &keys, &provision),
        runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        keys,
        provision,
        ids: objects.ids_after(first.time),
        missing: missing::missing(run, &objects),
        numbers: Numbers::default(),
        open: Vec::new(),
        results: vec![vec!["not compared".to_owned()]; run.exchanges.len()],
    };
    driver.keys.status = driver.operator().env("status", "AUTH_KEY");
    driver.begin(&beginning)?;
    for (n, exchange) in run.exchanges.iter().enumerate() {
        driver.send(n, exchange)?;
    }
    driver.finish_until(Timestamp::MAX)?;
    Ok(report::outcomes(run, driver.results))
}

impl<'a> Driver<'a> {
    fn operator(&self) -> Operator<'_> {
        Operator { mock: &self.mock, runtime: &self.runtime }
    }

    /// Sends the requests that lead to the beginning of the run, with the mock's ids instead of the other run's. Nothing
    /// is compared.
    fn begin(&mut self, beginning: &[Exchange]) -> Result<()> {
        let ids = |text: &str| -> Vec<String> {
            let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
            words.filter(|word| word.len() == 36).map(str::to_owned).collect()
        };
        let mut own: BTreeMap<String, String> = BTreeMap::new();
        for exchange in beginning.iter().filter(|exchange| exchange.closed == Closed::Eof) {
            self.move_clock(exchange.time)?;
            let request = request::text(exchange, &self.keys, None, &self.numbers);
            let request = own.iter().fold(request, |text, (id, own)| text.replace(id, own));
            let mut connection = Connection::send(self.mock.addr(), &request)?;
            connection.wait(patience(exchange), |reply| reply.ended)?;
            let answer = connection.reply().map(|reply| reply.text()).unwrap_or_default();
            for (id, new) in ids(&exchange.response_body).into_iter().zip(ids(&answer)) {
                own.entry(id).or_insert(new);
            }
        }
        Ok(())
    }

    /// Sends a request. It stays open if it is not answered at once.
    fn send(&mut self, n: usize, exchange: &'a Exchange) -> Result<()> {
        while self.missing.front().is_some_and(|missing| missing.at < exchange.time) {
            let Some(missing) = self.missing.pop_front() else { break };
            self.advance_to(missing.at)?;
            self.operator().repeat(&missing, self.run.age);
        }
        self.advance_to(exchange.time)?;
        if let Ok(mut next) = self.provision.lock() {
            *next = cluster::provision(exchange);
        }
        self.operator().prepare(exchange, &self.keys);
        let token = request::token(self.run, exchange).map(|token| self.mock.issue_token(token));
        let request = request::text(exchange, &self.keys, token.as_deref(), &self.numbers);
        let mut connection = Connection::send(self.mock.addr(), &request)?;
        let stream = exchange.closed == Closed::Client;
        let upgrade = exchange.closed == Closed::Upgrade;
        connection.wait(patience(exchange), |reply| {
            stream || reply.ended || (upgrade && reply.status == 101)
        })?;
        if upgrade && connection.reply().is_some_and(|reply| reply.status == 101) {
            attach::play(exchange, &mut connection, |after| {
                self.mock.advance_to(exchange.time.saturating_add(after)?);
                Ok(())
            })?;
        }
        let open = Open { n, exchange, connection };
        let ended = open.connection.reply().is_some_and(|reply| reply.ended);
        if !stream && (ended || upgrade || open.connection.is_closed()) {
            self.compare(&open);
        } else {
            self.open.push(open);
        }
        Ok(())
    }

    /// Moves the clock to `time`, and stops at the end of each open request.
    fn finish_until(&mut self, time: Timestamp) -> Result<()> {
        loop {
            let ends = self.open.iter().enumerate().map(|(n, open)| (open.exchange.end(), n));
            let Some((end, n)) = ends.min().filter(|(end, _)| *end <= time) else { return Ok(()) };
            self.move_clock(end)?;
            let ends_streams = |open: &Open<'_>| open.exchange.response_body.ends_with(SHUT_DOWN);
            if self.open.get(n).is_some_and(ends_streams) {
                self.mock.end_streams();
            }
            let latest = end.saturating_add(GRACE)?;
            while self.mock.now() < latest && self.open.get(n).is_some_and(Open::lacks_events) {
                self.move_clock(self.mock.now().saturating_add(STEP)?)?;
            }
            let mut open = self.open.swap_remove(n);
            if open.exchange.closed == Closed::Eof {
                open.connection.wait(PATIENCE, |reply| reply.ended)?;
            }
            self.compare(&open);
        }
    }

    /// Moves the clock, and finishes the open requests that end by then.
    fn advance_to(&mut self, time: Timestamp) -> Result<()> {
        self.finish_until(time)?;
        self.move_clock(time)
    }

    /// Moves the clock, and gives the mock the ids of the objects that are created by then.
    fn move_clock(&mut self, time: Timestamp) -> Result<()> {
        let soon = time.saturating_add(SOON).unwrap_or(time);
        let due = self.ids.partition_point(|(born, _)| *born <= soon);
        self.mock.next_ids(self.ids.drain(..due).map(|(_, id)| id));
        self.mock.advance_to(time);
        // The next request may name the numbers of events of open streams.
        if !self.open.is_empty() {
            self.runtime.block_on(self.mock.settled());
        }
        for open in &mut self.open {
            open.connection.read()?;
            if let Some(reply) = open.connection.reply().filter(|_| open.exchange.is_event_stream())
            {
                compare::body(open.exchange, &reply.text(), &mut self.numbers);
            }
        }
        Ok(())
    }

    fn compare(&mut self, open: &Open<'_>) {
        if let Some(result) = self.results.get_mut(open.n) {
            *result = compare::answer(open.exchange, &open.connection, &mut self.numbers);
        }
    }
}

/// Returns the real time that the mock may take for its first answer.
fn patience(exchange: &Exchange) -> Duration {
    let waits = exchange.closed == Closed::Client || exchange.duration_ms >= LONG;
    if waits { GLANCE } else { PATIENCE }
}
