//! Formations and scale requests.

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::{Map, json as value};

use crate::life::Engine;
use crate::life::work::Step;
use crate::store::{
    App, Artifact, Counts, Formation, Release, ScaleRequest, ScaleState, Tags, Time, empty,
};
use crate::wire::Fail;

/// A formation with its app, release and artifacts in full, in the order of the real server.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ExpandedFormation {
    #[serde(skip_serializing_if = "empty")]
    app: Option<App>,
    #[serde(skip_serializing_if = "empty")]
    release: Option<Release>,
    /// The image, in releases with exactly one.
    #[serde(skip_serializing_if = "empty")]
    artifact: Option<Artifact>,
    /// The other artifacts of such a release.
    #[serde(skip_serializing_if = "empty")]
    file_artifacts: Vec<Option<Artifact>>,
    #[serde(skip_serializing_if = "empty")]
    artifacts: Vec<Option<Artifact>>,
    #[serde(skip_serializing_if = "empty")]
    processes: Option<Counts>,
    #[serde(skip_serializing_if = "empty")]
    tags: Option<Tags>,
    pub(crate) updated_at: Time,
    #[serde(skip_serializing_if = "empty")]
    deleted: bool,
    #[serde(skip_serializing_if = "empty")]
    pending_scale_request: Option<ScaleRequest>,
    /// An image in a backup, which a restore on an old cluster expects.
    #[serde(rename = "artifact", skip_serializing_if = "empty")]
    deprecated_image: Option<Artifact>,
}

impl ExpandedFormation {
    /// Returns what a backup contains of it.
    pub(crate) fn in_backup(self, layered_images: bool) -> Self {
        let docker = || Artifact { kind: "docker".to_owned(), ..Artifact::default() };
        Self {
            app: self.app,
            release: self.release,
            artifact: self.artifact,
            file_artifacts: self.file_artifacts,
            processes: self.processes,
            deprecated_image: layered_images.then(docker),
            ..Self::default()
        }
    }
}

/// Returns the scale request for a `PUT` or `DELETE` of a formation. Without processes, all jobs stop.
pub(crate) fn formation_request(
    app: &str,
    release: &Release,
    processes: Option<Counts>,
    tags: Option<Tags>,
) -> ScaleRequest {
    let zero = || release.processes.keys().map(|typ| (typ.clone(), 0)).collect();
    ScaleRequest {
        app: app.to_owned(),
        release: release.id.clone(),
        new_processes: Some(Some(processes.unwrap_or_else(zero))),
        new_tags: Some(tags),
        ..ScaleRequest::default()
    }
}

impl Engine {
    /// Returns a formation with its app, release and artifacts in full.
    pub(crate) fn expanded(&self, formation: &Formation) -> ExpandedFormation {
        let app = self.tables.apps.iter().find(|app| app.id == formation.app);
        let release = self.tables.releases.iter().find(|r| r.id == formation.release);
        let ids = release.map(|release| release.artifacts.as_slice()).unwrap_or_default();
        let artifacts = ids.iter().map(|id| self.tables.artifact(id).ok().cloned());
        let mut expanded = ExpandedFormation {
            app: app.cloned(),
            release: release.map(Release::stored),
            artifacts: artifacts.collect(),
            processes: formation.processes.clone().filter(|counts| !counts.is_empty()),
            tags: formation.tags.clone().filter(|tags| !tags.is_empty()),
            updated_at: formation.updated_at.unwrap_or_default(),
            deleted: formation.deleted,
            // The query does not read the time of the last change, and ignores `null`.
            pending_scale_request: self.pending_scale_request(formation).map(|request| {
                ScaleRequest {
                    new_processes: request.new_processes.clone().filter(Option::is_some),
                    new_tags: request.new_tags.clone().filter(Option::is_some),
                    updated_at: None,
                    ..request.clone()
                }
            }),
            ..ExpandedFormation::default()
        };
        if !self.dialect.layered_images {
            let mut artifacts = std::mem::take(&mut expanded.artifacts).into_iter();
            expanded.artifact = artifacts.next().flatten();
            expanded.file_artifacts = artifacts.collect();
        } else if let Some(release) = &mut expanded.release {
            // It is shown as a release of the formation's app, even if it belongs to another one.
            release.app_id.clone_from(&formation.app);
        }
        expanded
    }

    fn pending_scale_request(&self, formation: &Formation) -> Option<&ScaleRequest> {
        self.tables.scale_requests.iter().rev().find(|request| {
            request.app == formation.app
                && request.release == formation.release
                && request.state == ScaleState::Pending
        })
    }

    /// Deletes a formation as clients do, with a `scale` event.
    pub(crate) fn remove_formation(&mut self, app: &str, release: &str) -> Result<(), Fail> {
        let row = self.tables.formation(app, release)?.clone();
        if self.dialect.scale_requests {
            let release = self.tables.release(release)?.clone();
            let request = formation_request(app, &release, None, row.tags);
            self.add_scale_request(request, true)?;
        } else {
            let at = self.time();
            self.drop_formation(at, app, release, None);
            self.scale_event(at, app, release, None, row.processes.as_ref());
        }
        Ok(())
    }

    /// Marks a formation deleted. The scheduler is notified soon, or after the given time.
    pub(crate) fn drop_formation(
        &mut self,
        at: Time,
        app: &str,
        release: &str,
        hears_in: Option<SignedDuration>,
    ) {
        let row = self
            .tables
            .formations
            .iter_mut()
            .find(|f| f.app == app && f.release == release && !f.deleted);
        if let Some(row) = row {
            row.deleted = true;
            row.processes = None;
            row.updated_at = Some(at);
            match hears_in.filter(|_| self.dialect.scale_requests) {
                None => self.schedule_reconcile(app, release),
                Some(wait) => {
                    let (app, release) = (app.to_owned(), release.to_owned());
                    self.later(wait, Step::Reconcile { app, release });
                }
            }
        }
    }

    /// Replaces the whole formation, as the 2016 server does.
    pub(crate) fn replace_formation(
        &mut self,
        app: &str,
        release: &str,
        processes: Option<Counts>,
        tags: Option<Tags>,
    ) -> Result<Formation, Fail> {
        let unknown = self.unknown_types(release, processes.as_ref())?;
        if !unknown.is_empty() {
            return Err(Fail::invalid(format!(
                "Requested formation includes process types that do not exist in release. \
                 Invalid process types: [{}]",
                unknown.join(", ")
            )));
        }
        let before = self.tables.formation(app, release).ok().and_then(|f| f.processes.clone());
        let at = self.time();
        self.scale_event(at, app, release, processes.as_ref(), before.as_ref());
        let formation = self.store_formation(at, app, release, processes, tags);
        self.schedule_reconcile(app, release);
        Ok(formation)
    }

    /// Returns the process types that the release does not have.
    fn unknown_types(&self, release: &str, counts: Option<&Counts>) -> Result<Vec<String>, Fail> {
        let release = self.tables.release(release)?;
        let types = counts.into_iter().flat_map(|counts| counts.keys());
        Ok(types.filter(|typ| !release.processes.contains_key(*typ)).cloned().collect())
    }

    fn store_formation(
        &mut self,
        at: Time,
        app: &str,
        release: &str,
        processes: Option<Counts>,
        tags: Option<Tags>,
    ) -> Formation {
        let formation = Formation {
            app: app.to_owned(),
            release: release.to_owned(),
            processes,
            tags,
            created_at: Some(at),
            updated_at: Some(at),
            deleted: false,
        };
        let mut rows = self.tables.formations.iter_mut();
        if let Some(row) = rows.find(|f| f.app == app && f.release == release) {
            *row = Formation { created_at: row.created_at, ..formation };
            return row.clone();
        }
        self.tables.formations.push(formation.clone());
        formation
    }

    /// Appends the `scale` event of a change of a formation.
    fn scale_event(
        &mut self,
        at: Time,
        app: &str,
        release: &str,
        processes: Option<&Counts>,
        before: Option<&Counts>,
    ) {
        let mut data = Map::new();
        data.insert("release".to_owned(), release.into());
        if !self.dialect.scale_requests || processes.is_some() {
            data.insert("processes".to_owned(), value!(processes));
        }
        if let Some(before) = before.filter(|before| !before.is_empty()) {
            data.insert("prev_processes".to_owned(), value!(before));
        }
        self.event(at, app, "scale", &format!("{app}:{release}"), &data);
    }

    /// Adds a scale request, cancels the earlier ones and changes the formation.
    pub(crate) fn add_scale_request(
        &mut self,
        mut request: ScaleRequest,
        delete: bool,
    ) -> Result<ScaleRequest, Fail> {
        if request.new_processes.is_none() && request.new_tags.is_none() {
            return Err(Fail::invalid("scale request must have either processes or tags set"));
        }
        let wanted = request.new_processes.clone().flatten();
        let unknown = self.unknown_types(&request.release, wanted.as_ref())?;
        if !unknown.is_empty() {
            return Err(Fail::invalid(format!(
                "requested scale includes process types that do not exist in the release: {}",
                unknown.join(", ")
            )));
        }
        let (app, release) = (request.app.clone(), request.release.clone());
        let before = self.tables.formation(&app, &release).ok().cloned().unwrap_or_default();
        request.id = self.new_id("scale_request", &value!({ "app": app, "release": release }));
        let at = self.time();
        let cancelled = self.cancel_scale_requests(at, &app, &release);
        request.state = ScaleState::Pending;
        request.old_processes = before.processes.clone().unwrap_or_default();
        request.old_tags = before.tags.clone().unwrap_or_default();
        let (mut processes, mut tags) = (before.processes, before.tags);
        let sent_tags = request.new_tags.clone();
        match &request.new_processes {
            None => request.new_processes = Some(processes.clone()),
            Some(new) => processes
                .get_or_insert_default()
                .extend(new.iter().flatten().map(|(typ, n)| (typ.clone(), *n))),
        }
        match &request.new_tags {
            None => request.new_tags = Some(tags.clone()),
            Some(new) => {
                for (typ, values) in new.iter().flatten() {
                    tags.get_or_insert_default().insert(typ.clone(), values.clone());
                }
            }
        }
        if delete {
            self.drop_formation(at, &app, &release, None);
        } else {
            self.store_formation(at, &app, &release, processes, tags);
        }
        (request.created_at, request.updated_at) = (Some(at), Some(at));
        // Later events contain the tags only if they were sent.
        self.tables.scale_requests.push(ScaleRequest { new_tags: sent_tags, ..request.clone() });
        self.event(at, &app, "scale_request", &request.id, &request);
        for old in &cancelled {
            self.event(at, &app, "scale_request_cancelation", &old.id, old);
        }
        let counts = request.new_processes.as_ref().and_then(Option::as_ref);
        self.scale_event(at, &app, &release, counts, Some(&request.old_processes));
        self.schedule_reconcile(&app, &release);
        for old in &cancelled {
            self.note_cancelled(&old.id);
        }
        Ok(request)
    }

    /// Cancels all earlier scale requests of a formation, even completed ones, newest first.
    fn cancel_scale_requests(&mut self, at: Time, app: &str, release: &str) -> Vec<ScaleRequest> {
        let mut cancelled = Vec::new();
        for row in &mut self.tables.scale_requests {
            if row.app == app && row.release == release && row.state != ScaleState::Cancelled {
                row.state = ScaleState::Cancelled;
                row.updated_at = Some(at);
                cancelled.push(row.clone());
            }
        }
        cancelled.reverse();
        cancelled
    }

    /// Completes the pending scale request of a formation, if its jobs match it.
    pub(crate) fn complete_scale_request(&mut self, app: &str, release: &str) {
        if self.is_held_by_rollout(release) {
            return;
        }
        let at = self.time();
        let row = self.tables.scale_requests.iter_mut().rev().find(|row| {
            row.app == app && row.release == release && row.state == ScaleState::Pending
        });
        let Some(row) = row else { return };
        row.state = ScaleState::Complete;
        row.updated_at = Some(at);
        let request = row.clone();
        self.event(at, app, "scale_request", &request.id, &request);
    }
}
