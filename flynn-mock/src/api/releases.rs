//! Releases: what an app runs, immutable once made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::artifacts::Artifact;
use crate::calls::Call;
use crate::engine::{Answer, Engine, ServerAge};
use crate::life::processes::Process;
use crate::life::work::Task;
use crate::store::ids::is_uuid;
use crate::store::state::{Strings, newest_first};
use crate::wire::{Fail, Reply, Time, decode, decode_grown, empty, json};

/// A release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Release {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) app_id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) artifacts: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) env: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) processes: BTreeMap<String, Process>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    /// The first artifact, for old clients.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) artifact: String,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

impl Release {
    /// Whether it was made by a git push.
    pub(crate) fn is_slug(&self) -> bool {
        self.meta.get("git").is_some_and(|value| value == "true")
    }

    /// The release as it is read back, with the legacy artifact.
    pub(crate) fn stored(&self) -> Value {
        let artifact = self.artifacts.first().cloned().unwrap_or_default();
        serde_json::to_value(Self { artifact, ..self.clone() }).unwrap_or_default()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReleaseId {
    id: String,
}

impl Engine {
    /// `GET /releases`
    pub(crate) fn list_releases(&mut self, _: &Call<'_>) -> Reply {
        self.release_list(|_| true)
    }

    /// `GET /apps/:a/releases`
    pub(crate) fn list_app_releases(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.id.clone();
        let ids: Vec<String> = self.releases_of(&app).iter().map(|r| r.id.clone()).collect();
        self.release_list(|release| ids.contains(&release.id))
    }

    fn release_list(&self, keep: impl Fn(&Release) -> bool) -> Reply {
        let alive = self.state.releases.iter().filter(|r| !r.deleted && keep(r));
        let list = newest_first(alive, |release| release.created_at);
        json(&list.into_iter().map(Release::stored).collect::<Vec<_>>())
    }

    /// The releases of an app, newest first: in 2016 those that ever had a formation of it.
    pub(crate) fn releases_of(&self, app: &str) -> Vec<Release> {
        let belongs = |release: &&Release| match self.options.age {
            ServerAge::V2016 => {
                self.state.formations.iter().any(|f| f.app == app && f.release == release.id)
            }
            ServerAge::V2021 => release.app_id == app,
        };
        let alive = self.state.releases.iter().filter(|r| !r.deleted).filter(belongs);
        newest_first(alive, |release| release.created_at).into_iter().cloned().collect()
    }

    /// `GET /releases/:r`
    pub(crate) fn get_release(&mut self, call: &Call<'_>) -> Reply {
        json(&self.state.release(call.param(0))?.stored())
    }

    /// `GET /apps/:a/release`
    pub(crate) fn get_app_release(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?;
        json(&self.state.app_release(app)?.stored())
    }

    /// `PUT /apps/:a/release`
    pub(crate) fn set_app_release(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.id.clone();
        let release = self.named_release(call)?;
        self.set_release(&app, &release.id)?;
        json(&release.stored())
    }

    /// The release that a body names by `id`.
    pub(crate) fn named_release(&self, call: &Call<'_>) -> Result<Release, Fail> {
        let body: ReleaseId = decode(self.options.age, call.request)?;
        self.state
            .release(&body.id)
            .cloned()
            .map_err(|_| Fail::invalid(format!("could not find release with ID {}", body.id)))
    }

    /// `POST /releases`
    pub(crate) fn create_release(&mut self, call: &Call<'_>) -> Reply {
        let release: Release = decode_grown(self.options.age, call.request, &["app_id"])?;
        json(&self.add_release(release)?)
    }

    /// Adds a release with everything that is filled in.
    pub(crate) fn add_release(&mut self, mut release: Release) -> Result<Release, Fail> {
        let age = self.options.age;
        for process in release.processes.values_mut() {
            process.complete(age);
        }
        if age == ServerAge::V2016 {
            release.app_id.clear();
        }
        if release.id.is_empty() {
            release.id = self.ids.uuid();
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
        self.state.releases.push(Release { artifact: String::new(), ..release.clone() });
        let app = release.app_id.clone();
        self.event(at, &app, "release", &release.id, &release);
        Ok(release)
    }

    /// What the database checks when a release is inserted.
    fn check_release_references(&self, release: &Release) -> Result<(), Fail> {
        let malformed = |id: &String| !is_uuid(id);
        if malformed(&release.id) {
            return Err(Fail::unknown());
        }
        if self.options.age == ServerAge::V2021 {
            if malformed(&release.app_id) {
                return Err(Fail::unknown());
            }
            if !self.state.apps.iter().any(|app| app.id == release.app_id) {
                return Err(Fail::database());
            }
        }
        if self.state.releases.iter().any(|other| other.id == release.id) {
            return Err(Fail::database());
        }
        let mut images = 0;
        for (n, id) in release.artifacts.iter().enumerate() {
            if malformed(id) {
                return Err(Fail::database());
            }
            let artifact = self.state.artifacts.iter().find(|artifact| artifact.id == *id);
            let artifact = artifact.ok_or_else(Fail::database)?;
            if release.artifacts.iter().take(n).any(|other| other == id) {
                return Err(Fail::database());
            }
            images += usize::from(artifact.kind == "docker");
            if self.options.age == ServerAge::V2016 && images != 1 {
                return Err(Fail::field(
                    "artifacts",
                    "must have exactly one artifact of type \"docker\"",
                ));
            }
        }
        Ok(())
    }

    /// `DELETE /apps/:a/releases/:r`
    pub(crate) fn delete_release(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.id.clone();
        let release = self.state.release(call.param(1))?.id.clone();
        // The scheduler hears nothing of a deleted release.
        self.remove_release(&app, &release, false)?;
        Ok(Answer::empty(http::StatusCode::OK))
    }

    /// Deletes a release, its formation (which the scheduler hears of soon or at its next sync) and the artifacts that nothing else refers to.
    pub(crate) fn remove_release(
        &mut self,
        app: &str,
        release: &str,
        soon: bool,
    ) -> Result<(), Fail> {
        let shared: Vec<String> = self
            .state
            .formations
            .iter()
            .filter(|f| f.release == release && f.app != app && !f.deleted)
            .map(|f| f.app.clone())
            .collect();
        if shared.is_empty() && self.state.apps.iter().any(|a| a.release == release) {
            return Err(Fail::invalid("cannot delete current app release"));
        }
        let at = self.time();
        self.drop_formation(at, app, release, soon);
        if !shared.is_empty() {
            let data = deletion("", release, Some(&shared), None);
            self.event(at, app, "release_deletion", release, &data);
            return Ok(());
        }
        let mut artifacts = Vec::new();
        if let Some(row) = self.state.releases.iter_mut().find(|r| r.id == release) {
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

    /// Deletes those of a deleted release's artifacts that nothing else needs; the files of the
    /// blobstore that go with them.
    fn drop_artifacts(&mut self, ids: &[String]) -> Vec<String> {
        // In 2016 the image, which comes first, always stays.
        let skip = usize::from(self.options.age == ServerAge::V2016);
        let mut files = Vec::new();
        for id in ids.iter().skip(skip) {
            let used = self.state.releases.iter().any(|r| !r.deleted && r.artifacts.contains(id));
            let row = self.state.artifacts.iter_mut().find(|a| a.id == *id && !a.deleted);
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

    /// The URLs of the layers that no other artifact has.
    fn exclusive_layers(&self, artifact: &Artifact) -> Vec<String> {
        let shared = |layer: &str| {
            self.state
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

/// The data of a `release_deletion` event.
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
