//! Starts the mock as a cluster like the recorded one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flynn_mock::{ClusterCertificate, Crash, MockController, Pace, ProviderCall, Provision};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::objects::Objects;
use super::recording::{Exchange, Run};
use super::request::Keys;
use super::shell::Shell;

/// The time between the end of a bootstrap and the first request.
const BEFORE: SignedDuration = SignedDuration::from_secs(2);

/// The reason why backups of some recorded clusters fail: their controllers cannot reach themselves by name.
const UNREACHABLE: &str = "error getting controller app details: no route to controller.discoverd";

/// The answer of the next provider that is called. The recorded providers were stand-ins.
#[derive(Clone, Debug, Default)]
pub(crate) struct NextProvision(Arc<Mutex<Option<Provision>>>);

impl NextProvision {
    fn lock(&self) -> MutexGuard<'_, Option<Provision>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the answer to the one that the provider gave during this exchange.
    pub(crate) fn set(&self, exchange: &Exchange) {
        let resource: Value = serde_json::from_str(&exchange.response_body).unwrap_or_default();
        let env = resource.get("env").and_then(|env| serde_json::from_value(env.clone()).ok());
        let external_id = resource.get("external_id").and_then(Value::as_str).map(str::to_owned);
        let answer = external_id.zip(env);
        *self.lock() = answer.map(|(external_id, env)| Provision { external_id, env });
    }
}

/// Starts the mock; `first` is the time of the first request.
pub(crate) fn start(
    run: &Run,
    first: Timestamp,
    objects: &Objects,
    keys: &Keys,
    provision: &NextProvision,
) -> MockController {
    let answer = provision.clone();
    let shows = |text: &str| run.exchanges().any(|exchange| exchange.response_body.contains(text));
    let exits = shows("\"exit_status\":1") && !shows("\"host_error\"");
    let mut builder = MockController::builder()
        .bootstrapped(domain(run))
        .server(run.age)
        .key(keys.first.clone())
        .clock(first.saturating_sub(BEFORE).unwrap_or(first))
        .tick(SignedDuration::ZERO)
        .pace(Pace::Timed)
        .crash(if exits { Crash::Exit } else { Crash::HostError })
        .ids_from(objects.documents_at(first))
        .next_ids(objects.ids_at(first))
        .provider_apis(move |_, call, _| match call {
            ProviderCall::Provision(_) => answer.lock().take(),
            _ => Some(Provision::default()),
        })
        .certificates(certificates(run))
        .programs(|command| match Shell::of(command) {
            Some(shell) => Box::new(shell),
            None => command.default_program(),
        });
    if !objects.hosts().is_empty() {
        builder = builder.hosts(objects.hosts());
    }
    let empty = |body: &str| !body.is_empty() && body.bytes().all(|byte| byte == 0);
    let mut backups = run.exchanges().filter(|exchange| exchange.path.starts_with("/backup"));
    if backups.any(|backup| empty(&backup.response_body)) {
        builder = builder.backup_error(UNREACHABLE);
    }
    builder.start_blocking()
}

/// Returns the domain with which the recorded cluster was bootstrapped.
fn domain(run: &Run) -> String {
    let of_host = run.exchanges().find_map(|exchange| {
        exchange.host.split(':').next()?.strip_prefix("controller.").map(str::to_owned)
    });
    // An app's first route is its name under the domain.
    let of_route = || {
        run.exchanges().find_map(|exchange| {
            let app: Value = serde_json::from_str(&exchange.request_body).ok()?;
            let start = format!("\"domain\":\"{}.", app.get("name")?.as_str()?);
            let mut answers = run.exchanges().map(|exchange| &exchange.response_body);
            let rest = answers.find_map(|body| Some(body.split_once(&start)?.1))?;
            rest.split('"').next().map(str::to_owned)
        })
    };
    of_host.or_else(of_route).unwrap_or_else(|| "example.com".to_owned())
}

/// Returns the certificates of the recorded cluster: of the bootstrap, and of each migration.
fn certificates(run: &Run) -> Vec<ClusterCertificate> {
    let before = || run.exchanges().take_while(|exchange| exchange.path != "/domain");
    let answer = |path| {
        let mut answers = before().filter(|exchange| exchange.path == path);
        answers
            .find(|exchange| exchange.status == 200)
            .map(|exchange| exchange.response_body.as_str())
    };
    let read = |document: &Value| {
        let field =
            |name| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        ClusterCertificate {
            ca_cert: field("ca_cert"),
            cert: field("cert"),
            key: field("key"),
            pin: field("pin"),
        }
    };
    let routes = answer("/apps/controller/routes").and_then(|body| serde_json::from_str(body).ok());
    let first = routes.as_ref().and_then(|routes: &Value| routes.pointer("/0/certificate"));
    let ca_cert = answer("/ca-cert").unwrap_or_default().to_owned();
    let first = ClusterCertificate { ca_cert, ..read(first.unwrap_or(&Value::Null)) };
    let mut migrations: BTreeMap<String, ClusterCertificate> = BTreeMap::new();
    for document in run.exchanges().flat_map(Exchange::documents) {
        for event in document.as_array().into_iter().flatten().chain([&document]) {
            let Some(migration) = event.pointer("/data/domain_migration") else { continue };
            if let Some(made) = migration.get("tls_cert") {
                migrations.insert(migration["created_at"].to_string(), read(made));
            }
        }
    }
    std::iter::once(first).chain(migrations.into_values()).collect()
}
