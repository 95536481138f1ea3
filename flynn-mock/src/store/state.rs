//! The tables of the cluster.

use std::collections::BTreeMap;

use crate::api::apps::App;
use crate::api::artifacts::Artifact;
use crate::api::backup::Backup;
use crate::api::deployments::Deployment;
use crate::api::formations::{Formation, ScaleRequest};
use crate::api::jobs::Job;
use crate::api::providers::Provider;
use crate::api::releases::Release;
use crate::api::resources::Resource;
use crate::api::routes::Route;
use crate::api::sinks::Sink;
use crate::api::volumes::Volume;
use crate::calls::NO_TEXT;
use crate::life::certificates::Certificate;
use crate::life::domain::DomainMigration;
use crate::wire::Fail;

/// Counts of processes by type.
pub(crate) type Counts = BTreeMap<String, i64>;

/// How many processes that is; negative counts count too, as the server adds them up.
pub(crate) fn total(counts: &Counts) -> i64 {
    counts.values().fold(0, |sum, n| sum.saturating_add(*n))
}

/// Strings by name: env, meta.
pub(crate) type Strings = BTreeMap<String, String>;
/// Placement tags by process type; a type can have `null`.
pub(crate) type Tags = BTreeMap<String, Option<Strings>>;

/// Everything that the cluster's database holds, in the order of creation.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) apps: Vec<App>,
    pub(crate) releases: Vec<Release>,
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) formations: Vec<Formation>,
    pub(crate) scale_requests: Vec<ScaleRequest>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) routes: Vec<Route>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) providers: Vec<Provider>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) migrations: Vec<DomainMigration>,
    pub(crate) backups: Vec<Backup>,
}

impl State {
    /// The app with this id or name.
    pub(crate) fn app(&self, id_or_name: &str) -> Result<&App, Fail> {
        is_text(id_or_name)?;
        let mut alive = self.apps.iter().filter(|app| !app.deleted);
        alive
            .clone()
            .find(|app| app.id == id_or_name)
            .or_else(|| alive.find(|app| app.name == id_or_name))
            .ok_or(Fail::NotFound)
    }

    pub(crate) fn app_mut(&mut self, id: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| app.id == id && !app.deleted)
    }

    /// The release with this id.
    pub(crate) fn release(&self, id: &str) -> Result<&Release, Fail> {
        self.releases
            .iter()
            .find(|release| release.id == id && !release.deleted)
            .ok_or(Fail::NotFound)
    }

    /// The release that the app runs.
    pub(crate) fn app_release(&self, app: &App) -> Result<&Release, Fail> {
        self.release(&app.release)
    }

    pub(crate) fn artifact(&self, id: &str) -> Result<&Artifact, Fail> {
        self.artifacts
            .iter()
            .find(|artifact| artifact.id == id && !artifact.deleted)
            .ok_or(Fail::NotFound)
    }

    /// The formation of an app's release.
    pub(crate) fn formation(&self, app: &str, release: &str) -> Result<&Formation, Fail> {
        self.formations
            .iter()
            .find(|f| f.app == app && f.release == release && !f.deleted)
            .ok_or(Fail::NotFound)
    }

    /// A value of the env of an app's process: the process's own, else the release's.
    pub(crate) fn env(&self, app: &str, process: &str, name: &str) -> Option<&str> {
        let release = self.app_release(self.app(app).ok()?).ok()?;
        release
            .processes
            .get(process)
            .and_then(|process| process.env.get(name))
            .or_else(|| release.env.get(name))
            .map(String::as_str)
    }
}

/// The database refuses to look for what is no text.
pub(crate) fn is_text(text: &str) -> Result<(), Fail> {
    if text.contains(NO_TEXT) { Err(Fail::database()) } else { Ok(()) }
}

/// The items newest first.
pub(crate) fn newest_first<'a, T: 'a, K: Ord>(
    items: impl Iterator<Item = &'a T>,
    key: impl Fn(&T) -> K,
) -> Vec<&'a T> {
    let mut list: Vec<&T> = items.collect();
    // Of equal times the later row counts as newer.
    list.reverse();
    list.sort_by_key(|item| std::cmp::Reverse(key(item)));
    list
}
