//! Starts the mock as a cluster like the recorded one.

use std::sync::{Arc, Mutex};

use flynn_mock::{ClusterCertificate, Crash, MockController, Pace, ProviderCall, Provision};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::objects::{Object, Objects};
use super::recording::{Exchange, Run};
use super::request::Keys;
use super::shell::Shell;

/// The time between the end of a bootstrap and the first request.
const BEFORE: SignedDuration = SignedDuration::from_secs(2);

/// The reason why backups of some recorded clusters fail: their controllers cannot reach themselves by name.
const UNREACHABLE: &str = "error getting controller app details: no route to controller.discoverd";

/// The answer of the next provider that is called. The recorded providers were stand-ins.
pub(crate) type NextProvision = Arc<Mutex<Option<Provision>>>;

/// Returns the answer that a provider gave during an exchange.
pub(crate) fn provision(exchange: &Exchange) -> Option<Provision> {
    let resource: Value = serde_json::from_str(&exchange.response_body).ok()?;
    let external_id = resource.get("external_id")?.as_str()?.to_owned();
    Some(Provision { external_id, env: serde_json::from_value(resource.get("env")?.clone()).ok()? })
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
    let shows = |shown: fn(&Object) -> bool| objects.of_kind("job").any(shown);
    let exits = shows(|job| job.fields.get("exit_status") == Some(&1.into()))
        && !shows(|job| job.fields.contains_key("host_error"));
    let mut builder = MockController::builder()
        .bootstrapped(domain(run, objects))
        .server(run.age)
        .key(keys.first())
        .clock(first.saturating_sub(BEFORE).unwrap_or(first))
        .tick(SignedDuration::ZERO)
        .pace(Pace::Timed)
        .crash(if exits { Crash::Exit } else { Crash::HostError })
        .next_ids(objects.ids_at(first))
        .provider_apis(move |_, call, _| match call {
            ProviderCall::Provision(_) => answer.lock().ok()?.take(),
            _ => Some(Provision::default()),
        })
        .certificates(certificates(run, first, objects))
        .programs(|command| match Shell::of(command) {
            Some(shell) => Box::new(shell),
            None => command.default_program(),
        });
    if !objects.hosts().is_empty() {
        builder = builder.hosts(objects.hosts());
    }
    let empty = |body: &str| !body.is_empty() && body.bytes().all(|byte| byte == 0);
    let mut backups = run.exchanges.iter().filter(|exchange| exchange.path.starts_with("/backup"));
    if backups.any(|backup| empty(&backup.response_body)) {
        builder = builder.backup_error(UNREACHABLE);
    }
    builder.start_blocking()
}

/// Returns the domain with which the recorded cluster was bootstrapped.
fn domain(run: &Run, objects: &Objects) -> String {
    let host = |exchange: &Exchange| {
        exchange.host.split(':').next()?.strip_prefix("controller.").map(str::to_owned)
    };
    // An app's first route is its name under the domain.
    let of_route = || {
        objects.of_kind("route").find_map(|route| {
            let under = |app: &Object| {
                route.text("domain")?.strip_prefix(app.text("name")?)?.strip_prefix('.')
            };
            objects.of_kind("app").find_map(under).map(str::to_owned)
        })
    };
    run.exchanges
        .iter()
        .find_map(host)
        .or_else(of_route)
        .unwrap_or_else(|| "example.com".to_owned())
}

/// Returns the certificates of the recorded cluster: of the bootstrap, and of each migration.
fn certificates(run: &Run, first: Timestamp, objects: &Objects) -> Vec<ClusterCertificate> {
    let read = |shown: &Map<String, Value>| {
        let [ca_cert, cert, key, pin] = ["ca_cert", "cert", "key", "pin"]
            .map(|name| shown.get(name).and_then(Value::as_str).unwrap_or_default().to_owned());
        ClusterCertificate { ca_cert, cert, key, pin }
    };
    let mut before = run.exchanges.iter().take_while(|exchange| exchange.path != "/domain");
    let ca = before.find(|exchange| exchange.path == "/ca-cert" && exchange.status == 200);
    let ca_cert = ca.map(|exchange| exchange.response_body.clone()).unwrap_or_default();
    let shown = objects.of_kind("certificate").find(|certificate| certificate.born <= first);
    let shown = shown.map(|certificate| read(&certificate.fields)).unwrap_or_default();
    let migrations = objects.of_kind("domain_migration");
    let migrated = migrations.filter_map(|migration| migration.fields.get("tls_cert")?.as_object());
    let bootstrapped = ClusterCertificate { ca_cert, ..shown };
    std::iter::once(bootstrapped).chain(migrated.map(read)).collect()
}
