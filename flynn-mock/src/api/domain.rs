//! The cluster's domain, and its migration.

use http::StatusCode;

use serde_json::json as value;

use crate::api::answer::{Answer, Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::life::work::Task;
use crate::store::{DomainMigration, TlsCert};
use crate::wire::{Fail, decode, decode_map};

/// `GET /ca-cert`
#[allow(clippy::unnecessary_wraps, reason = "a handler")]
pub(crate) fn ca_certificate(engine: &mut Engine, _: &Call<'_>) -> Reply {
    let cert = engine.tables.env("controller", "web", "CA_CERT").unwrap_or_default().to_owned();
    Ok(Answer::full(StatusCode::OK, "application/x-x509-ca-cert", cert))
}

/// `PUT /domain`
pub(crate) fn migrate(engine: &mut Engine, call: &Call<'_>) -> Reply {
    if decode_map(engine.dialect.bodies, call.request)?.is_none() {
        return Err(Fail::Broken);
    }
    let mut migration: DomainMigration = decode(engine.dialect.bodies, call.request)?;
    let current = engine.route_domain();
    if migration.old_domain != current {
        return Err(Fail::invalid(format!(
            "Can't migrate from \"{}\" when currently using \"{current}\"",
            migration.old_domain
        )));
    }
    let router = engine.tables.app("router")?;
    let env = &engine.tables.app_release(router)?.env;
    let text = |name: &str| env.get(name).cloned().unwrap_or_default();
    migration.old_tls_cert =
        Some(TlsCert { cert: text("TLSCERT"), key: text("TLSKEY"), ..TlsCert::default() });
    let at = engine.time();
    migration.id = engine.new_id("domain_migration", &value!({}));
    migration.created_at = Some(at);
    engine.tables.migrations.push(migration.clone());
    engine.migration_event(at, &migration, None);
    let id = migration.id.clone();
    engine.enqueue(Task::MigrateDomain { migration: id, failures: 0 });
    json(&migration)
}
