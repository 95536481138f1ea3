//! A bootstrapped cluster, with the objects that a real bootstrap of each release creates.
//!
//! The manifests next to this file list the system apps with their artifacts, releases, formations, routes, providers
//! and resources, in the order of a bootstrap and as recorded from real clusters. They also describe how the first jobs
//! start, several at a time. `{{..}}` is a placeholder for a value that differs between clusters.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde::Deserialize;

use crate::life::manifest::changed;
use crate::life::recorded::learn;
use crate::life::{ClusterCertificate, Engine, Pace, formation_request};
use crate::store::{
    App, Artifact, Counts, JobState, NextId, Provider, Release, Resource, Route, Time,
};
use crate::wire::Fail;

/// One entry of a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    App(App),
    Artifact(Artifact),
    Release(Box<Release>),
    /// Sets the release of an app.
    Current {
        app: String,
        release: String,
    },
    Provider(Provider),
    Resource(Resource),
    Formation {
        app: String,
        release: String,
        processes: Counts,
    },
    Route(Box<Route>),
    /// A job of a formation is pending.
    Pending(Pending),
    /// A host starts it.
    Starting {
        job: String,
        host: String,
    },
    /// It writes its first log lines.
    Logged {
        job: String,
    },
    Up {
        job: String,
    },
}

#[derive(Deserialize)]
struct Pending {
    job: String,
    app: String,
    release: String,
    #[serde(rename = "type")]
    kind: String,
    host: String,
}

/// The time between the start of the bootstrap and the first request.
const BEFORE: SignedDuration = SignedDuration::from_millis(1400);

/// The time between two of its entries.
const BETWEEN: SignedDuration = SignedDuration::from_millis(5);

impl Engine {
    /// Fills the empty cluster.
    pub(crate) fn bootstrap(&mut self) {
        let manifest = changed(self.dialect.manifest, self.dialect.manifest_changes);
        let domain = self.options.domain.clone();
        let made = self.issue_certificate(&domain);
        let key = self.options.key.clone().unwrap_or_else(|| self.ids.hex(32));
        let set = self.next_ids.clone();
        let text = self.fill_in(&manifest, &set, &domain, &key, &made);
        // The manifests are part of the crate, and a test parses them.
        let entries: Vec<Entry> = serde_json::from_str(&text).unwrap_or_default();
        self.now = self.options.start.checked_sub(BEFORE).unwrap_or(self.options.start);
        let pace = std::mem::replace(&mut self.options.pace, Pace::Timed);
        let delays = std::mem::take(&mut self.options.delays);
        self.options.delays.route_event = SignedDuration::ZERO;
        for entry in entries {
            // The entries of a manifest never conflict.
            let _ = self.make(entry);
            self.now = self.now.checked_add(BETWEEN).unwrap_or(self.now);
        }
        if self.dialect.managed_certificates {
            let at = self.time();
            self.tables.acme.created_at = Some(at);
            self.tables.acme.updated_at = Some(at);
        }
        if self.dialect.auth_route {
            self.add_auth_route();
        }
        // Has no effect, unless the options name other hosts than the manifest.
        while self.step() {}
        self.take_times(&set);
        (self.options.pace, self.options.delays) = (pace, delays);
        self.now = self.options.start;
    }

    /// Gives the controller its second route, with the certificate of the first.
    fn add_auth_route(&mut self) {
        let first = self.tables.routes.iter().find(|route| route.service == "controller");
        let Some(first) = first.cloned() else { return };
        let copy = Route {
            domain: format!("auth.{}", self.options.domain),
            certificate: self.certificate_of(&first).cloned(),
            id: String::new(),
            ..first
        };
        // The name has no route yet.
        let _ = self.add_route(copy, false);
    }

    /// Gives the bootstrapped objects the times that are set.
    fn take_times(&mut self, set: &[NextId]) {
        for next in set {
            let time = |name| next.field(name)?.as_str()?.parse::<Time>().ok();
            let created = next.time().map(Time::new).or_else(|| time("created_at"));
            let updated = time("updated_at");
            let tables = &mut self.tables;
            for row in tables.jobs.iter_mut().filter(|row| row.uuid == next.id()) {
                row.created_at = created.or(row.created_at);
                row.updated_at = updated.or(row.updated_at);
            }
            for row in tables.apps.iter_mut().filter(|row| row.id == next.id()) {
                row.created_at = created.or(row.created_at);
            }
            for row in tables.releases.iter_mut().filter(|row| row.id == next.id()) {
                row.created_at = created.or(row.created_at);
            }
            for row in tables.volumes.iter_mut().filter(|row| row.id == next.id()) {
                row.created_at = created.or(row.created_at);
                row.updated_at = updated.or(row.updated_at);
            }
        }
    }

    /// Replaces the placeholders in double braces.
    fn fill_in(
        &mut self,
        manifest: &str,
        set: &[NextId],
        domain: &str,
        key: &str,
        made: &ClusterCertificate,
    ) -> String {
        // Within a JSON string the line ends of PEM are escaped.
        let pem = |text: &str| text.trim_end().replace('\n', "\\n");
        let mut known: BTreeMap<String, String> =
            [("domain", domain.to_owned()), ("key", key.to_owned())]
                .map(|(name, value)| (name.to_owned(), value))
                .into();
        learn(manifest, set, &mut known);
        for (name, own) in [
            ("cert", pem(&made.cert)),
            ("tls_key", pem(&made.key)),
            ("ca_cert", made.ca_cert.replace('\n', "\\n")),
        ] {
            known.entry(name.to_owned()).or_insert(own);
        }
        for (name, host) in &known {
            let job = name.strip_prefix("host ").and_then(|id| known.get(id));
            self.given_hosts.extend(job.map(|job| (job.clone(), host.clone())));
        }
        let mut text = String::with_capacity(manifest.len());
        let mut rest = manifest;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").unwrap_or((after, ""));
            text += before;
            let value = known.entry(name.to_owned()).or_insert_with(|| self.made_up(name));
            text += value;
            rest = after;
        }
        text + rest
    }

    /// Returns a generated value for `id ..`, `hex DIGITS ..` and `base64 ..`.
    fn made_up(&mut self, name: &str) -> String {
        let mut words = name.split(' ');
        match (words.next(), words.next()) {
            (Some("hex"), Some(digits)) => self.ids.hex(digits.parse().unwrap_or(32)),
            (Some("base64"), _) => STANDARD.encode(self.ids.key()),
            _ => self.ids.uuid(),
        }
    }

    fn make(&mut self, entry: Entry) -> Result<(), Fail> {
        match entry {
            Entry::App(app) => self.add_app(app).map(|_| ()),
            Entry::Artifact(artifact) => self.add_artifact(artifact).map(|_| ()),
            Entry::Release(release) => self.add_release(*release).map(|_| ()),
            Entry::Current { app, release } => self.set_release(&app, &release),
            Entry::Provider(provider) => self.add_provider(provider).map(|_| ()),
            Entry::Resource(resource) => self.add_resource(resource).map(|_| ()),
            Entry::Route(route) => self.add_route(*route, false).map(|_| ()),
            Entry::Formation { app, release, processes } => {
                if !self.dialect.scale_requests {
                    let made = self.replace_formation(&app, &release, Some(processes), None);
                    return made.map(|_| ());
                }
                let release = self.tables.release(&release)?.clone();
                let request = formation_request(&app, &release, Some(processes), None);
                self.add_scale_request(request, false).map(|_| ())
            }
            Entry::Pending(Pending { job, app, release, kind, host }) => {
                if self.options.hosts.contains(&host) || self.given_host(&job).is_some() {
                    let job = self.pending_job(job, &app, &release, &kind);
                    self.store_job(job);
                }
                Ok(())
            }
            Entry::Starting { job, host } => {
                let host = self.given_host(&job).unwrap_or(host);
                if let Some(job) = self.job_row(&job, &[JobState::Pending]) {
                    self.place_on(host, job);
                }
                Ok(())
            }
            Entry::Logged { job } => {
                if let Some(job) = self.job_row(&job, &[JobState::Starting]) {
                    self.log_start(&job);
                }
                Ok(())
            }
            Entry::Up { job } => {
                if let Some(job) = self.job_row(&job, &[JobState::Starting]) {
                    self.come_up(job);
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ServerAge;
    use crate::life::Options;

    #[test]
    fn manifests_parse_and_fill_the_cluster() {
        for (age, apps) in
            [(ServerAge::V2016, 15), (ServerAge::V2021, 16), (ServerAge::Fork2026September, 11)]
        {
            let mut options = Options::new(age, "example.com");
            options.seed = 7;
            let engine = Engine::new(options);
            assert_eq!(engine.tables.apps.len(), apps);
            assert_eq!(engine.domain(), "example.com");
            let up = |job: &&crate::store::Job| job.state == JobState::Up;
            assert_eq!(engine.tables.jobs.iter().filter(up).count(), engine.tables.jobs.len());
            let with_release = engine.tables.apps.iter().filter(|a| !a.release.is_empty()).count();
            assert_eq!(with_release, apps);
            assert!(engine.certificate(Some("controller.example.com")).is_some());
            assert!(engine.certificate(Some("nothing.example.com")).is_none());
        }
    }

    #[test]
    fn september_changes_the_manifest() {
        let engine = Engine::new(Options::new(ServerAge::Fork2026September, "example.com"));
        let apps: Vec<&str> = engine.tables.apps.iter().map(|app| app.name.as_str()).collect();
        assert!(!apps.contains(&"dashboard") && !apps.contains(&"redis"), "{apps:?}");
        let app = |name| engine.tables.app(name).unwrap();
        assert_eq!(app("router").strategy, "one-down-one-up");
        assert_eq!(app("postgres").deploy_timeout, 300);
        assert!(app("postgres").is_datastore());
        assert_eq!(
            engine.tables.provider("platform-postgres").map(|p| p.url.as_str()),
            Ok("http://postgres-api.discoverd/databases")
        );
        let env = |app: &str, process: &str, name: &str| {
            engine.tables.env(app, process, name).map(str::to_owned)
        };
        assert_eq!(env("router", "app", "AUTH_KEY"), engine.keys().first().cloned());
        assert_eq!(env("status", "web", "CONTROLLER_KEY"), engine.keys().first().cloned());
        assert!(env("gitreceive", "app", "SLUGBUILDER_24_IMAGE_ID").is_some());
        assert_eq!(env("gitreceive", "app", "SLUGBUILDER_14_IMAGE_ID"), None);
        let image = |artifact: &Artifact| artifact.uri.contains("redis");
        assert!(!engine.tables.artifacts.iter().any(image));
    }

    #[test]
    fn other_hosts_run_as_many_jobs() {
        for (age, jobs, omni) in [(ServerAge::V2016, 39, 4), (ServerAge::V2021, 41, 4)] {
            for hosts in [1, 3, 5] {
                let mut options = Options::new(age, "example.com");
                options.hosts = (1..=hosts).map(|n| format!("host{n}")).collect();
                let engine = Engine::new(options);
                let up = engine.tables.jobs.iter().filter(|job| job.state == JobState::Up).count();
                assert_eq!(up, jobs - omni * 3 + omni * hosts, "{age:?} on {hosts} hosts");
                assert_eq!(up, engine.tables.jobs.len());
            }
        }
    }
}
