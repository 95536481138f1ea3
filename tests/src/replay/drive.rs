//! One run from its first request to its last, against one freshly bootstrapped mock whose clock
//! follows the recorded one.

use std::time::Duration;

use flynn_mock::{MockController, Pace};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::compare::{self, Differences};
use super::events;
use super::gap;
use super::names::Names;
use super::recording::{Closed, Exchange, Run};
use super::rewrite::{self, Keys};
use super::wire::{Connection, Reply};
use super::{Result, report};

/// The cluster was bootstrapped shortly before the first recorded request.
const BEFORE: SignedDuration = SignedDuration::from_secs(2);

/// Why backups of the recorded clusters fail: their controllers cannot reach themselves by name.
const UNREACHABLE: &str = "error getting controller app details: no route to controller.discoverd";

/// A request that takes longer stays open while later ones run.
const LONG: i64 = 1000;

/// How long the mock may take, in real time, for what it answers at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it may take to show that it does not answer at once.
const GLANCE: Duration = Duration::from_millis(100);

/// A client that waited for an event closed its stream when the event came. The mock's clock runs
/// on for so long to let it come, in steps.
const GRACE: SignedDuration = SignedDuration::from_millis(1500);
const STEP: SignedDuration = SignedDuration::from_millis(10);

/// How streams end when the recorded server was shut down, as the one of the mock then is.
const SHUT_DOWN: &str = "event: error\ndata: controller: shutting down\n\n";

/// A run in progress.
struct Driver<'a> {
    mock: MockController,
    runtime: tokio::runtime::Runtime,
    names: Names,
    keys: Keys,
    open: Vec<Open<'a>>,
    outcomes: Vec<Vec<Option<Differences>>>,
}

/// A request whose answer is not over.
struct Open<'a> {
    /// The scenario and the place in it; none of a prelude, which is not judged.
    at: Option<(usize, usize)>,
    exchange: &'a Exchange,
    connection: Connection,
}

/// Replays a run. `others` are the other runs, of which one may be its prelude.
///
/// # Errors
/// When the mock cannot be reached.
pub fn run(run: &Run, others: &[Run]) -> Result<Vec<report::Outcome>> {
    let prelude = gap::prelude(run, others);
    let Some(first) = prelude.iter().chain(run.exchanges()).next() else { return Ok(Vec::new()) };
    let keys = Keys::of(prelude.iter().chain(run.exchanges()));
    let start = first.time.saturating_sub(BEFORE).map_err(|e| e.to_string())?;
    let mock = MockController::builder()
        .bootstrapped(domain(run))
        .server(run.age)
        .key(keys.first.clone())
        .clock(start)
        .tick(SignedDuration::ZERO)
        .pace(Pace::Timed)
        // A stand-in cluster has no discoverd.
        .backup_error(UNREACHABLE)
        .start_blocking();
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
    let outcomes = run.scenarios.iter().map(|s| vec![None; s.exchanges.len()]).collect();
    let mut driver =
        Driver { mock, runtime, names: Names::default(), keys, open: Vec::new(), outcomes };
    for exchange in &prelude {
        driver.finish_until(exchange.time)?;
        driver.send(None, exchange)?;
    }
    if let (false, Some(first)) = (prelude.is_empty(), run.exchanges().next()) {
        driver.finish_until(first.time)?;
        // Another run's ids: this one has its own.
        driver.names = Names::default();
    }
    for (s, scenario) in run.scenarios.iter().enumerate() {
        for (n, exchange) in scenario.exchanges.iter().enumerate() {
            driver.finish_until(exchange.time)?;
            driver.send(Some((s, n)), exchange)?;
        }
    }
    driver.finish_until(Timestamp::MAX)?;
    Ok(report::outcomes(run, driver.outcomes))
}

/// The domain that the recorded cluster was bootstrapped with.
fn domain(run: &Run) -> String {
    let of_host = run.exchanges().find_map(|exchange| {
        let host = exchange.host.split(':').next()?;
        host.strip_prefix("controller.").map(str::to_owned)
    });
    let of_env = || {
        run.exchanges().find_map(|exchange| {
            let (_, rest) = exchange.response_body.split_once("\"DEFAULT_ROUTE_DOMAIN\":\"")?;
            rest.split('"').next().map(str::to_owned)
        })
    };
    // An app's first route is its name under the domain.
    let of_route = || {
        run.exchanges().find_map(|exchange| {
            let app: Value = serde_json::from_str(&exchange.request_body).ok()?;
            let name = app.get("name")?.as_str()?;
            let start = format!("\"domain\":\"{name}.");
            run.exchanges().find_map(|exchange| {
                let (_, rest) = exchange.response_body.split_once(&start)?;
                rest.split('"').next().map(str::to_owned)
            })
        })
    };
    of_host.or_else(of_env).or_else(of_route).unwrap_or_else(|| "example.com".to_owned())
}

impl<'a> Driver<'a> {
    /// Sends a request; what is not answered at once stays open.
    fn send(&mut self, at: Option<(usize, usize)>, exchange: &'a Exchange) -> Result<()> {
        gap::bridge_key(&self.mock, exchange, &self.keys)?;
        gap::bridge_certificate(&self.mock, exchange, &self.keys, &mut self.names)?;
        self.mock.advance_to(exchange.time);
        self.look()?;
        let bytes = rewrite::request(exchange, &mut self.names, &self.keys);
        let mut connection = Connection::send(self.mock.addr(), &bytes)?;
        let long = exchange.closed == Closed::Client || exchange.duration_ms >= LONG;
        let patience = if long { GLANCE } else { PATIENCE };
        let stream = exchange.closed == Closed::Client;
        let done = connection.wait(patience, |reply| stream || reply.ended)?;
        let open = Open { at, exchange, connection };
        if (done || open.connection.is_closed()) && !stream {
            self.judge(&open);
        } else {
            self.open.push(open);
        }
        Ok(())
    }

    /// Moves the clock to `time` through the ends of what is open.
    fn finish_until(&mut self, time: Timestamp) -> Result<()> {
        loop {
            let ends = self.open.iter().enumerate().map(|(n, open)| (open.exchange.end(), n));
            let Some((end, n)) = ends.min().filter(|(end, _)| *end <= time) else { return Ok(()) };
            self.mock.advance_to(end);
            self.look()?;
            let mut open = self.open.swap_remove(n);
            if open.exchange.response_body.ends_with(SHUT_DOWN) {
                self.mock.end_streams();
            }
            self.wait_for_the_last_event(&mut open)?;
            if open.exchange.closed == Closed::Eof {
                open.connection.wait(PATIENCE, |reply| reply.ended)?;
            }
            self.judge(&open);
        }
    }

    /// Takes what the open streams have sent by now; their events may name objects that later
    /// requests use.
    fn look(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        self.runtime.block_on(self.mock.settled());
        for open in &mut self.open {
            open.connection.drain()?;
            let Some(reply) = open.connection.reply() else { continue };
            if !open.exchange.is_event_stream() {
                continue;
            }
            let recorded = events::frames(&open.exchange.response_body).data;
            let mock = events::frames(&reply.text()).data;
            for (a, b) in recorded.iter().zip(&mock) {
                let mark = self.names.mark();
                let mut differences = Differences::new();
                compare::json(a, b, "", &mut self.names, &mut differences);
                if !differences.is_empty() {
                    self.names.rollback(mark);
                    break;
                }
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

    /// Compares an answer that is over.
    fn judge(&mut self, open: &Open<'_>) {
        let exchange = open.exchange;
        let differences = match open.connection.reply() {
            Some(reply) => self.compare(exchange, &reply, open.connection.is_closed()),
            None if open.connection.is_closed() => vec!["the mock broke the connection".to_owned()],
            None => vec!["the mock does not answer".to_owned()],
        };
        let Some((scenario, n)) = open.at else { return };
        if let Some(slot) = self.outcomes.get_mut(scenario).and_then(|list| list.get_mut(n)) {
            *slot = Some(differences);
        }
    }

    fn compare(&mut self, exchange: &Exchange, reply: &Reply, closed: bool) -> Differences {
        let body = reply.text();
        self.learn_name(exchange, &body);
        let mut differences = compare::head(exchange, reply, &mut self.names);
        if reply.status != exchange.status || exchange.method == "HEAD" {
            return differences;
        }
        match exchange.closed {
            Closed::Eof if !reply.ended => differences.push("the mock does not end it".to_owned()),
            Closed::Client if reply.ended || closed => {
                differences.push("the mock ends it by itself".to_owned());
            }
            _ => {}
        }
        differences.extend(if exchange.is_event_stream() {
            events::compare(&exchange.response_body, &body, &mut self.names)
        } else {
            compare::body(&exchange.response_body, &body, &mut self.names)
        });
        differences
    }

    /// An app without a name gets one made up.
    fn learn_name(&mut self, exchange: &Exchange, body: &str) {
        if exchange.method != "POST" || exchange.path != "/apps" {
            return;
        }
        let name = |text: &str| {
            let document: Value = serde_json::from_str(text).ok()?;
            document.get("name")?.as_str().map(str::to_owned)
        };
        let asked = name(&exchange.request_body).unwrap_or_default();
        if let (true, Some(recorded), Some(mock)) =
            (asked.is_empty(), name(&exchange.response_body), name(body))
        {
            self.names.bind_word(&recorded, &mock);
        }
    }
}
