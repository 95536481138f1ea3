//! Starts the mock for a run: a cluster like the recorded one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flynn_mock::{ClusterCertificate, Crash, MockController, Pace, ProviderCall, Provision};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::recording::{Exchange, Run};
use super::request::Keys;
use super::shell::Shell;
use super::shown::{Shown, documents};

/// The time from the bootstrap of a cluster to its first recorded request, unless a document shows it.
const BEFORE: SignedDuration = SignedDuration::from_secs(2);

/// The duration of a bootstrap.
const BOOTSTRAP: SignedDuration = SignedDuration::from_millis(1400);

/// The reason why backups of some recorded clusters fail: their controllers cannot reach themselves by name.
const UNREACHABLE: &str = "error getting controller app details: no route to controller.discoverd";

/// The answer of the next provider that is called. The recorded providers were stand-ins.
#[derive(Clone, Debug, Default)]
pub struct NextProvision(Arc<Mutex<Option<Provision>>>);

impl NextProvision {
    fn lock(&self) -> MutexGuard<'_, Option<Provision>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the answer of the provider that this exchange called.
    pub fn set(&self, exchange: &Exchange) {
        *self.lock() = provision(exchange);
    }
}

fn provision(exchange: &Exchange) -> Option<Provision> {
    let resource: Value = serde_json::from_str(&exchange.response_body).ok()?;
    let env = resource.get("env")?.as_object()?.iter();
    Some(Provision {
        external_id: resource.get("external_id")?.as_str()?.to_owned(),
        env: env.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect(),
    })
}

/// Starts the mock; `first` is the time of the first request.
pub fn start(
    run: &Run,
    first: Timestamp,
    shown: &Shown,
    keys: &Keys,
    provision: &NextProvision,
) -> MockController {
    let bootstrapped = shown.first().and_then(|time| time.checked_add(BOOTSTRAP).ok());
    let latest = first.saturating_sub(BEFORE).unwrap_or(first);
    let start = bootstrapped.map_or(latest, |time| time.min(latest));
    let answer = provision.clone();
    let mut builder = MockController::builder()
        .bootstrapped(domain(run))
        .server(run.age)
        .key(keys.first.clone())
        .clock(start)
        .tick(SignedDuration::ZERO)
        .pace(Pace::Timed)
        .crash(crash(run))
        .ids_from(shown.documents_at(first))
        .next_ids(shown.ids_at(first))
        .provider_apis(move |_, errand, _| match errand {
            ProviderCall::Provision(_) => answer.lock().take(),
            _ => Some(Provision::default()),
        })
        .certificates(certificates(run))
        .programs(|command| match Shell::of(command) {
            Some(shell) => Box::new(shell),
            None => command.default_program(),
        });
    let hosts = shown.hosts();
    if !hosts.is_empty() {
        builder = builder.hosts(hosts);
    }
    let mut backups = run.exchanges().filter(|exchange| exchange.path.starts_with("/backup"));
    let empty = |body: &str| !body.is_empty() && body.bytes().all(|byte| byte == 0);
    if backups.any(|backup| empty(&backup.response_body)) {
        builder = builder.backup_error(UNREACHABLE);
    }
    builder.start_blocking()
}

/// The domain that the recorded cluster was bootstrapped with.
fn domain(run: &Run) -> String {
    let until_quote = |text: &str, start: &str| {
        let (_, rest) = text.split_once(start)?;
        rest.split('"').next().map(str::to_owned)
    };
    let of_host = run.exchanges().find_map(|exchange| {
        exchange.host.split(':').next()?.strip_prefix("controller.").map(str::to_owned)
    });
    let mut bodies = run.exchanges().map(|exchange| exchange.response_body.as_str());
    let of_env = || bodies.find_map(|body| until_quote(body, "\"DEFAULT_ROUTE_DOMAIN\":\""));
    // An app's first route is its name under the domain.
    let of_route = || {
        let mut sent = run.exchanges().map(|exchange| &exchange.request_body);
        sent.find_map(|body| {
            let app: Value = serde_json::from_str(body).ok()?;
            let start = format!("\"domain\":\"{}.", app.get("name")?.as_str()?);
            run.exchanges().find_map(|exchange| until_quote(&exchange.response_body, &start))
        })
    };
    of_host.or_else(of_env).or_else(of_route).unwrap_or_else(|| "example.com".to_owned())
}

/// Returns the certificates of the recorded cluster, from the start and after each migration, as far as the run shows
/// them.
fn certificates(run: &Run) -> Vec<ClusterCertificate> {
    let before = || run.exchanges().take_while(|exchange| exchange.path != "/domain");
    let answer = |path| before().find(|exchange| exchange.path == path && exchange.status == 200);
    let routes = answer("/apps/controller/routes").map(|exchange| &exchange.response_body);
    let routes: Value = routes.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let read = |document: &Value, ca_cert: &str| {
        let field =
            |name| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        ClusterCertificate {
            ca_cert: ca_cert.to_owned(),
            cert: field("cert"),
            key: field("key"),
            pin: field("pin"),
        }
    };
    let first = routes.pointer("/0/certificate").cloned().unwrap_or_default();
    let ca_cert = answer("/ca-cert").map(|e| e.response_body.clone()).unwrap_or_default();
    let mut all = vec![read(&first, &ca_cert)];
    let mut made: BTreeMap<String, Value> = BTreeMap::new();
    for document in run.exchanges().flat_map(documents) {
        let events = document.as_array().cloned().unwrap_or_else(|| vec![document]);
        for event in events {
            let Some(migration) = event.pointer("/data/domain_migration") else { continue };
            let at = migration.get("created_at").and_then(Value::as_str).unwrap_or_default();
            if let Some(certificate) = migration.get("tls_cert") {
                made.insert(at.to_owned(), certificate.clone());
            }
        }
    }
    all.extend(
        made.values().map(|made| {
            read(made, made.get("ca_cert").and_then(Value::as_str).unwrap_or_default())
        }),
    );
    all
}

/// Returns the way in which the stand-in hosts of a run let jobs crash, as far as the run shows it.
fn crash(run: &Run) -> Crash {
    let shows = |text: &str| run.exchanges().any(|exchange| exchange.response_body.contains(text));
    if shows("\"exit_status\":1") && !shows("\"host_error\"") {
        Crash::Exit
    } else {
        Crash::HostError
    }
}
