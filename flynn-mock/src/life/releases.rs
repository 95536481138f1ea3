//! Checks, completes and deletes releases.

use jiff::SignedDuration;
use serde_json::{Value, json as value};

use crate::life::Engine;
use crate::life::processes::complete;
use crate::life::work::Task;
use crate::store::{Artifact, Release, is_uuid, newest_first};
use crate::wire::Fail;

/// Returns the data of a `release_deletion` event.
pub(crate) fn deletion(
    app: &str,
    release: &str,
    remaining: Option<&[String]>,
    files: Option<&[String]>,
) -> Value {
    serde_json::json!({
        "release_deletion": {
            "app": app,
            "release": release,
            "remaining_apps": remaining,
            "deleted_files": files,
        },
        "error": "",
    })
}

impl Engine {
    /// Returns the releases of an app, newest first. In 2016, these are the releases that ever had a formation.
    pub(crate) fn releases_of(&self, app: &str) -> Vec<Release> {
        let belongs = |release: &&Release| {
            if self.dialect.layered_images {
                return release.app_id == app;
            }
            self.tables.formations.iter().any(|f| f.app == app && f.release == release.id)
        };
        let alive = self.tables.releases.iter().filter(|r| !r.deleted).filter(belongs);
        newest_first(alive, |release| release.created_at).into_iter().cloned().collect()
    }

    /// Adds a release with the server's defaults.
    pub(crate) fn add_release(&mut self, mut release: Release) -> Result<Release, Fail> {
        for process in release.processes.values_mut() {
            complete(process, self.dialect);
        }
        if !self.dialect.layered_images {
            release.app_id.clear();
        }
        if release.id.is_empty() {
            let new = match release.app_id.as_str() {
                "" => value!({ "env": release.env }),
                app => value!({ "app_id": app, "env": release.env }),
            };
            release.id = self.new_id("release", &new);
        }
        if release.artifacts.is_empty() && !release.artifact.is_empty() {
            release.artifacts = vec![release.artifact.clone()];
        }
        if let Some(value) = release.env.get("") {
            let message = format!(
                "you can't create an env var with an empty key (tried to set \"\"={value:?})"
            );
            return Err(Fail::field("env", &message));
        }
        if release.env.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(Fail::database());
        }
        self.check_release_references(&release)?;
        let at = self.time();
        release.created_at = Some(at);
        self.tables.releases.push(Release { artifact: String::new(), ..release.clone() });
        let app = release.app_id.clone();
        self.event(at, &app, "release", &release.id, &release);
        Ok(release)
    }

    /// Makes the checks of the database when a release is inserted.
    fn check_release_references(&self, release: &Release) -> Result<(), Fail> {
        let malformed = |id: &String| !is_uuid(id);
        if malformed(&release.id) {
            return Err(Fail::unknown());
        }
        if self.dialect.layered_images {
            if malformed(&release.app_id) {
                return Err(Fail::unknown());
            }
            if !self.tables.apps.iter().any(|app| app.id == release.app_id) {
                return Err(Fail::database());
            }
        }
        if self.tables.releases.iter().any(|other| other.id == release.id) {
            return Err(Fail::database());
        }
        let mut images = 0;
        for (n, id) in release.artifacts.iter().enumerate() {
            if malformed(id) {
                return Err(Fail::database());
            }
            let artifact = self.tables.artifacts.iter().find(|artifact| artifact.id == *id);
            let artifact = artifact.ok_or_else(Fail::database)?;
            if release.artifacts.iter().take(n).any(|other| other == id) {
                return Err(Fail::database());
            }
            images += usize::from(artifact.kind == "docker");
            if !self.dialect.layered_images && images != 1 {
                return Err(Fail::field(
                    "artifacts",
                    "must have exactly one artifact of type \"docker\"",
                ));
            }
        }
        Ok(())
    }

    /// Deletes a release, its formation (see [`drop_formation`](Self::drop_formation)) and the artifacts
    /// that nothing else refers to.
    pub(crate) fn remove_release(
        &mut self,
        app: &str,
        release: &str,
        hears_in: Option<SignedDuration>,
    ) -> Result<(), Fail> {
        let shared: Vec<String> = self
            .tables
            .formations
            .iter()
            .filter(|f| f.release == release && f.app != app && !f.deleted)
            .map(|f| f.app.clone())
            .collect();
        if shared.is_empty() && self.tables.apps.iter().any(|a| a.release == release) {
            return Err(Fail::invalid("cannot delete current app release"));
        }
        let at = self.time();
        self.drop_formation(at, app, release, hears_in);
        if !shared.is_empty() {
            let data = deletion("", release, Some(&shared), None);
            self.event(at, app, "release_deletion", release, &data);
            return Ok(());
        }
        let mut artifacts = Vec::new();
        if let Some(row) = self.tables.releases.iter_mut().find(|r| r.id == release) {
            row.deleted = true;
            artifacts.clone_from(&row.artifacts);
        }
        let files = self.drop_artifacts(&artifacts);
        if files.is_empty() {
            self.event(at, app, "release_deletion", release, &deletion("", release, None, None));
        } else {
            let (app, release) = (app.to_owned(), release.to_owned());
            self.enqueue(Task::CleanUpRelease { app, release, files });
        }
        Ok(())
    }

    /// Deletes the artifacts of a deleted release that nothing else needs. Returns their files in the blobstore.
    fn drop_artifacts(&mut self, ids: &[String]) -> Vec<String> {
        // In 2016, the image, which is the first artifact, always stays.
        let skip = usize::from(!self.dialect.layered_images);
        let mut files = Vec::new();
        for id in ids.iter().skip(skip) {
            let used = self.tables.releases.iter().any(|r| !r.deleted && r.artifacts.contains(id));
            let row = self.tables.artifacts.iter_mut().find(|a| a.id == *id && !a.deleted);
            let Some(artifact) = row.filter(|_| !used) else { continue };
            if artifact.meta.get("flynn.system-image").is_some_and(|v| v == "true") {
                continue;
            }
            artifact.deleted = true;
            let artifact = artifact.clone();
            if artifact.in_blobstore() {
                files.push(artifact.uri.clone());
                files.extend(self.exclusive_layers(&artifact));
            }
        }
        files
    }

    /// Returns the URLs of the layers that no other artifact has.
    fn exclusive_layers(&self, artifact: &Artifact) -> Vec<String> {
        let shared = |layer: &str| {
            self.tables
                .artifacts
                .iter()
                .filter(|other| !other.deleted && other.id != artifact.id)
                .any(|other| other.layers().iter().any(|id| id == layer))
        };
        let layers = artifact.layers();
        layers
            .iter()
            .filter(|layer| !shared(layer))
            .map(|layer| artifact.layer_url_template.replace("{id}", layer))
            .collect()
    }
}
