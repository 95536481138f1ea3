//! Domain migrations.

use serde_json::json as value;

use crate::life::work::{Step, Task};
use crate::life::{ClusterCertificate, Engine};
use crate::store::{
    Absent, DeploymentStatus, DomainMigration, Release, Route, Strings, Time, TlsCert,
};
use crate::wire::Fail;

impl From<ClusterCertificate> for TlsCert {
    fn from(made: ClusterCertificate) -> Self {
        Self { ca_cert: made.ca_cert, cert: made.cert, pin: made.pin, key: made.key }
    }
}

/// A running migration.
#[derive(Clone, Debug)]
pub(crate) struct Migration {
    id: String,
    failures: u32,
    /// The remaining apps to redeploy, in order.
    apps: Vec<&'static str>,
    /// The deployment that it waits for, and whether it is the migration's own.
    waiting: Option<(String, bool)>,
}

impl Engine {
    /// Returns the domain of the controller's release.
    pub(crate) fn route_domain(&self) -> String {
        self.tables.env("controller", "web", "DEFAULT_ROUTE_DOMAIN").unwrap_or_default().to_owned()
    }

    pub(crate) fn migration_event(
        &mut self,
        at: Time,
        migration: &DomainMigration,
        error: Option<&str>,
    ) {
        let data = match error {
            Some(error) => value!({ "domain_migration": migration, "error": error }),
            None => value!({ "domain_migration": migration }),
        };
        self.event(at, "", "domain_migration", &migration.id, &data);
    }

    /// Starts a migration in the worker, for the first time or again.
    pub(crate) fn start_migration(&mut self, id: &str, failures: u32) {
        let domain = match self.tables.migrations.iter().find(|m| m.id == id) {
            Some(row) if row.finished_at.is_none() => row.domain.clone(),
            _ => return,
        };
        let made = self.issue_certificate(&domain);
        if let Some(row) = self.tables.migrations.iter_mut().find(|m| m.id == id) {
            row.tls_cert.get_or_insert_with(|| made.into());
        }
        self.migrations.push(Migration {
            id: id.to_owned(),
            failures,
            apps: self.dialect.migrated_apps.to_vec(),
            waiting: None,
        });
        self.drive_migrations();
    }

    /// Generates certificates for a domain, or placeholders that no TLS stack accepts.
    pub(crate) fn issue_certificate(&mut self, domain: &str) -> ClusterCertificate {
        if let Some(certifier) = &self.options.certifier {
            return certifier.issue(domain);
        }
        let mut pem = |kind: &str| {
            let text = self.ids.hex(60);
            format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
        };
        ClusterCertificate {
            ca_cert: pem("CERTIFICATE"),
            cert: pem("CERTIFICATE"),
            key: pem("PRIVATE KEY"),
            pin: String::new(),
        }
    }

    /// Advances migrations as far as possible.
    pub(crate) fn drive_migrations(&mut self) {
        let mut under_way = std::mem::take(&mut self.migrations);
        under_way.retain_mut(|migration| match self.drive_migration(migration) {
            Ok(done) => !done,
            Err(error) => {
                self.fail_migration(migration, &error);
                false
            }
        });
        self.migrations.append(&mut under_way);
    }

    /// Advances one migration. Returns `true` if it has finished.
    fn drive_migration(&mut self, migration: &mut Migration) -> Result<bool, String> {
        loop {
            if let Some((deployment, own)) = &migration.waiting {
                match self.deployment_outcome(deployment) {
                    None => return Ok(false),
                    Some(DeploymentStatus::Failed) => return Err(self.deployment_error(deployment)),
                    Some(_) if *own => {
                        migration.apps.remove(0);
                    }
                    Some(_) => {}
                }
                migration.waiting = None;
            }
            let Some(app) = migration.apps.first() else { break };
            match self.migrate_app(&migration.id, app)? {
                Some(waiting) => migration.waiting = Some(waiting),
                None => {
                    migration.apps.remove(0);
                }
            }
        }
        self.copy_routes(&migration.id);
        self.finish_migrations(&migration.id);
        Ok(true)
    }

    /// Returns the error in the last event of a failed deployment.
    fn deployment_error(&self, deployment: &str) -> String {
        let failed = self.events.after(0).iter().rev().find(|event| event.object_id == deployment);
        let error = failed.and_then(|event| event.data.get("error")?.as_str());
        error.unwrap_or("deployment failed").to_owned()
    }

    /// Redeploys an app with its new env. Returns the deployment to wait for.
    fn migrate_app(&mut self, id: &str, name: &str) -> Result<Option<(String, bool)>, String> {
        let not_found = |_: Absent| "controller: resource not found".to_owned();
        let app = self.tables.app(name).map_err(not_found)?.clone();
        let busy = self.tables.deployments.iter().rev().find(|d| d.app == app.id);
        if let Some(busy) = busy.filter(|d| d.is_under_way()) {
            return Ok(Some((busy.id.clone(), false)));
        }
        let release = self.tables.app_release(&app).map_err(not_found)?.clone();
        let Some(row) = self.tables.migrations.iter().find(|m| m.id == id) else {
            return Ok(None);
        };
        let cert = row.tls_cert.clone().unwrap_or_default();
        let old_cert = row.old_tls_cert.clone().unwrap_or_default().cert;
        let pairs = match name {
            "router" => vec![("TLSCERT", cert.cert), ("TLSKEY", cert.key)],
            "dashboard" => vec![
                ("DEFAULT_ROUTE_DOMAIN", row.domain.clone()),
                ("CA_CERT", cert.ca_cert),
                ("CONTROLLER_DOMAIN", format!("controller.{}", row.domain)),
                ("URL", format!("https://dashboard.{}", row.domain)),
            ],
            _ => vec![("DEFAULT_ROUTE_DOMAIN", row.domain.clone()), ("CA_CERT", cert.ca_cert)],
        };
        let new: Strings = pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let has = |name: &str| release.env.get(name).map_or("", String::as_str);
        let migrated = if self.dialect.migrates_by_new_values {
            // If any new value is already set, the app counts as migrated.
            new.iter().any(|(name, value)| has(name) == value)
        } else if name == "router" {
            has("TLSCERT") != old_cert
        } else {
            has("DEFAULT_ROUTE_DOMAIN") != row.old_domain
        };
        if migrated {
            return Ok(None);
        }
        let mut env = release.env;
        env.extend(new);
        let fail = |fail: Fail| format!("{fail:?}");
        let release = Release {
            app_id: app.id.clone(),
            artifacts: release.artifacts,
            env,
            meta: release.meta,
            processes: release.processes,
            ..Release::default()
        };
        let release = self.add_release(release).map_err(fail)?;
        let deployment = self.deploy(&app.id, &release.id).map_err(fail)?;
        Ok(Some((deployment.id, true)))
    }

    /// Copies every route of the old domain to the new one. Like the real worker, it loses the path, leader and
    /// keep-alive flags.
    fn copy_routes(&mut self, id: &str) {
        let Some(row) = self.tables.migrations.iter().find(|m| m.id == id).cloned() else { return };
        let old_cert = row.old_tls_cert.unwrap_or_default();
        let new_cert = row.tls_cert.unwrap_or_default();
        let lost = self.migration_loses();
        let parents: Vec<String> =
            self.tables.apps.iter().map(crate::store::App::parent_ref).collect();
        for parent in parents {
            let routes: Vec<Route> = self
                .tables
                .routes
                .iter()
                .rev()
                .filter(|r| !r.deleted && r.parent_ref == parent)
                .map(|r| self.stored_route(r))
                .collect();
            for route in routes.iter().filter(|r| r.kind == "http") {
                let Some(prefix) = route.domain.strip_suffix(row.old_domain.as_str()) else {
                    continue;
                };
                let exists = |other: &Route| {
                    other.domain.starts_with(prefix) && other.domain.ends_with(&row.domain)
                };
                if routes.iter().any(exists) {
                    continue;
                }
                let mut certificate = route.certificate.clone();
                if let Some(own) = &mut certificate
                    && own.cert == old_cert.cert.trim()
                {
                    if lost == Some(route.service == "controller") {
                        continue;
                    }
                    own.cert.clone_from(&new_cert.cert);
                    own.key.clone_from(&new_cert.key);
                }
                let copy = Route {
                    kind: "http".to_owned(),
                    parent_ref: parent.clone(),
                    domain: format!("{prefix}{}", row.domain),
                    sticky: route.sticky,
                    service: route.service.clone(),
                    // 2016 also loses this one.
                    drain_backends: route.drain_backends && self.dialect.migrates_by_new_values,
                    certificate,
                    ..Route::default()
                };
                // A duplicate counts as success.
                let _ = self.add_route(copy, false);
            }
        }
    }

    /// Finishes a migration, which marks all migrations as finished.
    fn finish_migrations(&mut self, id: &str) {
        let at = self.time();
        for row in &mut self.tables.migrations {
            row.finished_at = Some(at);
        }
        let at = self.time();
        if let Some(row) = self.tables.migrations.iter().find(|m| m.id == id).cloned() {
            self.migration_event(at, &row, None);
        }
    }

    /// Reports the failure. The worker retries with increasing delays.
    fn fail_migration(&mut self, migration: &Migration, error: &str) {
        let at = self.time();
        if let Some(row) = self.tables.migrations.iter().find(|m| m.id == migration.id).cloned() {
            self.migration_event(at, &row, Some(error));
        }
        let failures = migration.failures.saturating_add(1);
        let seconds = i64::from(failures).saturating_pow(4).saturating_add(3);
        let task = Task::MigrateDomain { migration: migration.id.clone(), failures };
        self.after(jiff::SignedDuration::from_secs(seconds), Step::Work(task));
    }
}
