//! One run from its first request to its last, against one freshly bootstrapped mock whose clock
//! follows the recorded one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flynn_mock::{ClusterCertificate, Crash, MockController, Pace, ProviderCall, Provision};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::attach;
use super::compare::{self, Differences};
use super::credentials;
use super::events;
use super::gap;
use super::judge::{self, Asked, Exchanged};
use super::missed::Missed;
use super::names::Names;
use super::recording::{Closed, Exchange, Run};
use super::rewrite::{self, Keys};
use super::shell::Shell;
use super::wire::Connection;
use super::{Result, report};

/// The cluster was bootstrapped shortly before the first recorded request.
const BEFORE: SignedDuration = SignedDuration::from_secs(2);

/// Why backups of some recorded clusters fail: their controllers cannot reach themselves by name.
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
    run: &'a Run,
    mock: MockController,
    runtime: tokio::runtime::Runtime,
    names: Names,
    keys: Keys,
    missed: Missed,
    /// What the next provider that is asked answers: the recorded ones were stand-ins.
    provision: Arc<Mutex<Option<Provision>>>,
    open: Vec<Open<'a>>,
    over: Vec<Exchanged<'a>>,
    asked: Asked,
}

/// A request whose answer is not over.
struct Open<'a> {
    /// The scenario and the place in it; none of a prelude, which is not judged.
    at: Option<(usize, usize)>,
    exchange: &'a Exchange,
    connection: Connection,
    /// What an attached job sent.
    attached: Option<Vec<u8>>,
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
    let provision = Arc::new(Mutex::new(None));
    let builder = MockController::builder()
        .bootstrapped(domain(run))
        .server(run.age)
        .key(keys.first.clone())
        .clock(start)
        .tick(SignedDuration::ZERO)
        .pace(Pace::Timed)
        .crash(crash(run))
        .provider_apis({
            let answer = Arc::clone(&provision);
            move |_, errand, _| match errand {
                ProviderCall::Provision(_) => lock(&answer).take(),
                _ => Some(Provision::default()),
            }
        })
        .certificates([recorded_certificate(run)])
        .programs(|command| match Shell::of(command) {
            Some(shell) => Box::new(shell),
            None => command.default_program(),
        });
    let builder = if backups_fail(run) { builder.backup_error(UNREACHABLE) } else { builder };
    let mock = builder.start_blocking();
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
    let mut driver = Driver {
        run,
        mock,
        runtime,
        names: Names::default(),
        keys,
        missed: Missed::of(run),
        provision,
        open: Vec::new(),
        over: Vec::new(),
        asked: Asked::new(),
    };
    gap::bridge_status_key(&driver.mock, &driver.keys)?;
    for exchange in &prelude {
        driver.finish_until(exchange.time)?;
        driver.send(None, exchange)?;
    }
    if let (false, Some(first)) = (prelude.is_empty(), run.exchanges().next()) {
        driver.finish_until(first.time)?;
        // Another run's ids: this one has its own.
        driver.names = Names::default();
        driver.asked.clear();
    }
    for (s, scenario) in run.scenarios.iter().enumerate() {
        for (n, exchange) in scenario.exchanges.iter().enumerate() {
            driver.make_missed(exchange.time)?;
            driver.finish_until(exchange.time)?;
            driver.send(Some((s, n)), exchange)?;
        }
    }
    driver.finish_until(Timestamp::MAX)?;
    let mut results: Vec<Vec<Option<Differences>>> =
        run.scenarios.iter().map(|s| vec![None; s.exchanges.len()]).collect();
    let verdict = judge::judge(&driver.over, &driver.asked);
    for (exchanged, differences) in driver.over.iter().zip(verdict) {
        let (scenario, n) = exchanged.at;
        if let Some(slot) = results.get_mut(scenario).and_then(|list| list.get_mut(n)) {
            *slot = Some(differences);
        }
    }
    Ok(report::outcomes(run, results))
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

/// What the provider answered whom this exchange asked.
fn provided(exchange: &Exchange) -> Option<Provision> {
    let resource: Value = serde_json::from_str(&exchange.response_body).ok()?;
    let env = resource.get("env")?.as_object()?.iter();
    Some(Provision {
        external_id: resource.get("external_id")?.as_str()?.to_owned(),
        env: env.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The certificates that a run shows its cluster to have had from the start.
fn recorded_certificate(run: &Run) -> ClusterCertificate {
    let before = || run.exchanges().take_while(|exchange| exchange.path != "/domain");
    let answer = |path| before().find(|exchange| exchange.path == path && exchange.status == 200);
    let routes = answer("/apps/controller/routes").map(|exchange| &exchange.response_body);
    let routes: Value = routes.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let field = |name| routes.pointer(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    ClusterCertificate {
        ca_cert: answer("/ca-cert").map(|e| e.response_body.clone()).unwrap_or_default(),
        cert: field("/0/certificate/cert"),
        key: field("/0/certificate/key"),
        ..ClusterCertificate::default()
    }
}

/// Whether a backup of this cluster is an empty tar.
fn backups_fail(run: &Run) -> bool {
    let mut backups = run.exchanges().filter(|exchange| {
        exchange.path.starts_with("/backup") && !exchange.response_body.is_empty()
    });
    backups.any(|backup| backup.response_body.bytes().all(|byte| byte == 0))
}

/// How the stand-in hosts of a run let jobs crash: what it shows of one.
fn crash(run: &Run) -> Crash {
    let shows = |text: &str| run.exchanges().any(|exchange| exchange.response_body.contains(text));
    if shows("\"exit_status\":1") && !shows("\"host_error\"") {
        Crash::Exit
    } else {
        Crash::HostError
    }
}

impl<'a> Driver<'a> {
    /// Sends a request; what is not answered at once stays open.
    fn send(&mut self, at: Option<(usize, usize)>, exchange: &'a Exchange) -> Result<()> {
        *lock(&self.provision) = provided(exchange);
        gap::bridge_health(&self.mock, exchange);
        gap::bridge_key(&self.mock, exchange, &self.keys)?;
        gap::bridge_certificate(&self.mock, exchange, &self.keys, &mut self.names)?;
        self.mock.advance_to(exchange.time);
        self.look()?;
        let token = credentials::token(self.run, exchange, &self.names);
        self.keys.token = token.map(|token| self.mock.issue_token(token));
        let bytes = rewrite::request(exchange, &mut self.names, &self.keys);
        self.asked.extend(judge::asked_about(exchange, &self.names));
        let mut connection = Connection::send(self.mock.addr(), &bytes)?;
        let long = exchange.closed == Closed::Client || exchange.duration_ms >= LONG;
        let patience = if long { GLANCE } else { PATIENCE };
        let stream = exchange.closed == Closed::Client;
        let done = connection.wait(patience, |reply| stream || reply.ended)?;
        let mut attached = None;
        if connection.reply().is_some_and(|reply| reply.status == 101) {
            let mock = &self.mock;
            let start = exchange.time;
            attached = Some(attach::play(exchange, &mut connection, |after| {
                mock.advance_to(start.saturating_add(after).map_err(|e| e.to_string())?);
                Ok(())
            })?);
        }
        let open = Open { at, exchange, connection, attached };
        if (done || open.connection.is_closed()) && !stream {
            self.keep(&open);
        } else {
            self.open.push(open);
        }
        Ok(())
    }

    /// Makes what missing requests made before `time`.
    fn make_missed(&mut self, time: Timestamp) -> Result<()> {
        while let Some(at) = self.missed.next_before(time) {
            self.finish_until(at)?;
            self.mock.advance_to(at);
            self.look()?;
            self.missed.make_next(&self.mock, &self.keys.first, &mut self.names)?;
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
            self.keep(&open);
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

    /// Keeps an answer that is over; what it shows is bound for later requests.
    fn keep(&mut self, open: &Open<'a>) {
        let reply = open.connection.reply();
        let closed = open.connection.is_closed();
        let exchanged = Exchanged {
            at: open.at.unwrap_or_default(),
            exchange: open.exchange,
            reply,
            closed,
            attached: open.attached.clone(),
        };
        judge::compare_one(&exchanged, &mut self.names);
        if open.at.is_some() {
            self.over.push(exchanged);
        }
    }
}
