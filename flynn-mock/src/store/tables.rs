//! The tables of the cluster.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::{
    AcmeConfig, App, Artifact, Backup, Certificate, Deployment, DomainMigration, Formation, Job,
    ManagedCertificate, PersonalToken, Provider, Release, Resource, Role, Route, ScaleRequest,
    Sink, Tenancy, User, Volume,
};

/// Text that the database refuses. It also stands for invalid UTF-8.
pub(crate) const NO_TEXT: &str = "\0";

/// The reason why a lookup finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The row does not exist.
    NoRow,
    /// The database refuses the name: it is not text.
    NotText,
}

/// Returns whether Go's `omitempty` leaves the value out.
pub(crate) fn empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Counts of processes by type.
pub(crate) type Counts = BTreeMap<String, i64>;

/// Returns the sum of the counts, including negative ones, as the server computes it.
pub(crate) fn total(counts: &Counts) -> i64 {
    counts.values().fold(0, |sum, n| sum.saturating_add(*n))
}

/// Strings by name: env, meta.
pub(crate) type Strings = BTreeMap<String, String>;
/// Placement tags by process type; a type can have `null`.
pub(crate) type Tags = BTreeMap<String, Option<Strings>>;

/// The content of the cluster's database, in the order of creation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) apps: Vec<App>,
    pub(crate) releases: Vec<Release>,
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) formations: Vec<Formation>,
    pub(crate) scale_requests: Vec<ScaleRequest>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) routes: Vec<Route>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) managed_certificates: Vec<ManagedCertificate>,
    pub(crate) acme: AcmeConfig,
    pub(crate) providers: Vec<Provider>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) migrations: Vec<DomainMigration>,
    pub(crate) backups: Vec<Backup>,
    pub(crate) users: Vec<User>,
    pub(crate) personal_tokens: Vec<PersonalToken>,
    pub(crate) roles: Vec<Role>,
    /// Suspended accounts.
    pub(crate) suspended: BTreeSet<String>,
    pub(crate) tenancy: Tenancy,
}

impl Tables {
    /// Returns the app with this id or name.
    pub(crate) fn app(&self, id_or_name: &str) -> Result<&App, Absent> {
        is_text(id_or_name)?;
        let mut alive = self.apps.iter().filter(|app| !app.deleted);
        alive
            .clone()
            .find(|app| app.id == id_or_name)
            .or_else(|| alive.find(|app| app.name == id_or_name))
            .ok_or(Absent::NoRow)
    }

    pub(crate) fn app_mut(&mut self, id: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| app.id == id && !app.deleted)
    }

    /// Returns the release with this id.
    pub(crate) fn release(&self, id: &str) -> Result<&Release, Absent> {
        self.releases
            .iter()
            .find(|release| release.id == id && !release.deleted)
            .ok_or(Absent::NoRow)
    }

    /// Returns the app's current release.
    pub(crate) fn app_release(&self, app: &App) -> Result<&Release, Absent> {
        self.release(&app.release)
    }

    pub(crate) fn artifact(&self, id: &str) -> Result<&Artifact, Absent> {
        self.artifacts
            .iter()
            .find(|artifact| artifact.id == id && !artifact.deleted)
            .ok_or(Absent::NoRow)
    }

    /// Returns the formation of an app's release.
    pub(crate) fn formation(&self, app: &str, release: &str) -> Result<&Formation, Absent> {
        self.formations
            .iter()
            .find(|f| f.app == app && f.release == release && !f.deleted)
            .ok_or(Absent::NoRow)
    }

    /// Returns a value of the env of an app's process: the process's own, otherwise the release's.
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

/// Refuses text that the database does not accept.
pub(crate) fn is_text(text: &str) -> Result<(), Absent> {
    if text.contains(NO_TEXT) { Err(Absent::NotText) } else { Ok(()) }
}

/// Returns the items, newest first.
pub(crate) fn newest_first<'a, T: 'a, K: Ord>(
    items: impl Iterator<Item = &'a T>,
    key: impl Fn(&T) -> K,
) -> Vec<&'a T> {
    let mut list: Vec<&T> = items.collect();
    // For equal times, the later row counts as newer.
    list.reverse();
    list.sort_by_key(|item| std::cmp::Reverse(key(item)));
    list
}
