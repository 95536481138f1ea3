//! Replays one run, from its first request to its last, against a freshly bootstrapped mock whose clock follows the
//! recorded one.

use std::collections::VecDeque;
use std::time::Duration;

use flynn_mock::{MockController, NextId};
use jiff::{SignedDuration, Timestamp};

use super::attach;
use super::cluster::{self, NextProvision};
use super::compare::{self, Differences, Exchanged, Numbers};
use super::missing::{self, Missing, Renamed};
use super::recording::{Closed, Exchange, Run};
use super::request::{self, Keys};
use super::shown::Shown;
use super::wire::Connection;
use super::{Result, report};

/// The duration in milliseconds above which a request stays open while later ones run.
const LONG: i64 = 1000;

/// The real time that the mock may take for an answer that does not wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// The real time after which an answer counts as waiting.
const GLANCE: Duration = Duration::from_millis(100);

/// The time by which the mock's clock advances, in steps, until an awaited event arrives. The recorded client closed
/// its stream when the event came.
const GRACE: SignedDuration = SignedDuration::from_millis(1500);
const STEP: SignedDuration = SignedDuration::from_millis(10);

/// The time by which the mock may be earlier than the recorded server.
const SOON: SignedDuration = SignedDuration::from_millis(500);

/// The end of streams when the recorded server was shut down. The mock is shut down too.
const SHUT_DOWN: &str = "event: error\ndata: controller: shutting down\n\n";

/// A run in progress.
struct Driver<'a> {
    run: &'a Run,
    mock: MockController,
    /// The ids that the mock has not received yet.
    ids: VecDeque<(Timestamp, NextId)>,
    runtime: tokio::runtime::Runtime,
    keys: Keys,
    provision: NextProvision,
    numbers: Numbers,
    open: Vec<Open<'a>>,
    /// The differences, by scenario and place in it.
    results: Vec<Vec<Option<Differences>>>,
}

/// A request whose answer has not ended.
struct Open<'a> {
    at: (usize, usize),
    exchange: &'a Exchange,
    connection: Connection,
    /// The data that an attached job sent.
    attached: Option<Vec<u8>>,
}

/// Replays a run. One of the `others` may contain its beginning.
///
/// # Errors
/// Fails if the mock cannot be reached.
pub fn run(run: &Run, others: &[Run]) -> Result<Vec<report::Outcome>> {
    let beginning = missing::beginning(run, others);
    let Some(first) = beginning.iter().chain(run.exchanges()).next() else { return Ok(Vec::new()) };
    let (keys, shown, provision) = (Keys::of(run), Shown::of(run), NextProvision::default());
    let mock = cluster::start(run, first.time, &shown, &keys, &provision);
    missing::status_key(&mock, &keys)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
    let results = run.scenarios.iter().map(|s| vec![None; s.exchanges.len()]).collect();
    let (numbers, open, ids) = (Numbers::default(), Vec::new(), shown.ids_after(first.time));
    let mut driver = Driver { run, mock, ids, runtime, keys, provision, numbers, open, results };
    driver.begin(&beginning)?;
    let mut missing = Missing::of(run);
    for (s, scenario) in run.scenarios.iter().enumerate() {
        for (n, exchange) in scenario.exchanges.iter().enumerate() {
            while let Some(at) = missing.next_before(exchange.time) {
                driver.finish_until(at)?;
                driver.advance_to(at);
                driver.look()?;
                missing.make_next(&driver.mock, &driver.keys.first)?;
            }
            driver.finish_until(exchange.time)?;
            driver.send((s, n), exchange)?;
        }
    }
    driver.finish_until(Timestamp::MAX)?;
    Ok(report::outcomes(run, driver.results))
}

impl<'a> Driver<'a> {
    /// Sends the requests that lead to the beginning of the run. Nothing is compared.
    fn begin(&mut self, beginning: &[Exchange]) -> Result<()> {
        let mut renamed = Renamed::default();
        for exchange in beginning.iter().filter(|exchange| exchange.closed == Closed::Eof) {
            self.advance_to(exchange.time);
            let request = renamed.request(exchange);
            let bytes = request::bytes(&request, &self.keys, None, &self.numbers);
            let mut connection = Connection::send(self.mock.addr(), &bytes)?;
            connection
                .wait(if exchange.duration_ms < LONG { PATIENCE } else { GLANCE }, |reply| {
                    reply.ended
                })?;
            let own = connection.reply().map(|reply| reply.text()).unwrap_or_default();
            let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
            renamed.learn(&read(&exchange.response_body), &read(&own));
        }
        Ok(())
    }

    /// Moves the clock, and gives the mock the ids of the objects that are created by then.
    fn advance_to(&mut self, time: Timestamp) {
        let soon = time.saturating_add(SOON).unwrap_or(time);
        while self.ids.front().is_some_and(|(born, _)| *born <= soon) {
            self.mock.next_ids(self.ids.pop_front().map(|(_, id)| id));
        }
        self.mock.advance_to(time);
    }

    /// Sends a request. It stays open if it is not answered at once.
    fn send(&mut self, at: (usize, usize), exchange: &'a Exchange) -> Result<()> {
        self.provision.set(exchange);
        missing::health(&self.mock, exchange);
        missing::key(&self.mock, exchange, &self.keys)?;
        missing::certificate(&self.mock, exchange, &self.keys)?;
        self.advance_to(exchange.time);
        self.look()?;
        let token = request::token(self.run, exchange).map(|token| self.mock.issue_token(token));
        let bytes = request::bytes(exchange, &self.keys, token.as_deref(), &self.numbers);
        let mut connection = Connection::send(self.mock.addr(), &bytes)?;
        let stream = exchange.closed == Closed::Client;
        let patience = if stream || exchange.duration_ms >= LONG { GLANCE } else { PATIENCE };
        let done = connection.wait(patience, |reply| stream || reply.ended)?;
        let mut attached = None;
        if connection.reply().is_some_and(|reply| reply.status == 101) {
            let (mock, start) = (&self.mock, exchange.time);
            attached = Some(attach::play(exchange, &mut connection, |after| {
                mock.advance_to(start.saturating_add(after).map_err(|e| e.to_string())?);
                Ok(())
            })?);
        }
        let open = Open { at, exchange, connection, attached };
        if (done || open.connection.is_closed()) && !stream {
            self.compare(open);
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
            self.advance_to(end);
            self.look()?;
            let mut open = self.open.swap_remove(n);
            if open.exchange.response_body.ends_with(SHUT_DOWN) {
                self.mock.end_streams();
            }
            self.wait_for_the_last_event(&mut open)?;
            if open.exchange.closed == Closed::Eof {
                open.connection.wait(PATIENCE, |reply| reply.ended)?;
            }
            self.compare(open);
        }
    }

    /// Reads what the open streams have sent by now, because later requests may name their events by number.
    fn look(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        self.runtime.block_on(self.mock.settled());
        for open in &mut self.open {
            open.connection.drain()?;
            let Some(reply) = open.connection.reply() else { continue };
            if open.exchange.is_event_stream() {
                let recorded = &open.exchange.response_body;
                drop(compare::stream(recorded, &reply.text(), &mut self.numbers));
            }
        }
        Ok(())
    }

    fn wait_for_the_last_event(&mut self, open: &mut Open<'_>) -> Result<()> {
        let wanted = open.exchange.response_body.lines().count();
        let mut spent = SignedDuration::ZERO;
        while open.exchange.closed == Closed::Client
            && spent < GRACE
            && open.connection.reply().is_some_and(|reply| reply.text().lines().count() < wanted)
        {
            let time = self.mock.now().saturating_add(STEP).map_err(|e| e.to_string())?;
            self.mock.advance_to(time);
            spent = spent.saturating_add(STEP);
            self.runtime.block_on(self.mock.settled());
            open.connection.drain()?;
        }
        Ok(())
    }

    /// Compares a finished answer.
    fn compare(&mut self, open: Open<'_>) {
        let Open { at: (scenario, n), exchange, connection, attached } = open;
        let (reply, closed) = (connection.reply(), connection.is_closed());
        let over = Exchanged { exchange, reply, closed, attached };
        let differences = compare::exchange(&over, &mut self.numbers);
        if let Some(slot) = self.results.get_mut(scenario).and_then(|list| list.get_mut(n)) {
            *slot = Some(differences);
        }
    }
}
