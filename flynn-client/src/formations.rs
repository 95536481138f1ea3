//! Formations: the number of jobs of each process type that a release runs.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! let controller = flynn.app("controller");
//! let release = controller.release().await?;
//! let formation = controller.formations().get(&release.id).await?;
//! assert!(formation.processes["web"] > 0);
//!
//! let expanded = controller.formations().expanded(&release.id).await?;
//! println!("{} artifacts", expanded.all_artifacts().count());
//!
//! for running in flynn.formations().active().await? {
//!     println!("{} {:?}", running.app.unwrap_or_default().name, running.processes);
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::apps::{App, AppHandle};
use crate::artifacts::Artifact;
use crate::client::Client;
use crate::document::{self, merge};
use crate::error::Error;
use crate::ids::{AppId, ReleaseId};
use crate::json::{is_false, null_is_default};
use crate::object_stream::{Object, WatchAll};
use crate::releases::Release;
use crate::scale::ScaleRequest;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Limits, Repeat, Request, Spec, operation};

/// Counts by process type. The server accepts negative counts.
pub type Processes = BTreeMap<String, i64>;

/// The host tags that jobs require, by process type.
pub type Tags = BTreeMap<String, BTreeMap<String, String>>;

/// The number of jobs of each process type that a release runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Formation {
    /// The app's id.
    #[serde(rename = "app")]
    pub app_id: AppId,
    /// The release.
    #[serde(rename = "release")]
    pub release_id: ReleaseId,
    /// The counts by process type; for an `omni` type, jobs per host. The answer to a PUT contains only the sent
    /// counts.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub processes: Processes,
    /// The tags by process type.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Tags,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// A formation with the objects that it refers to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ExpandedFormation {
    /// The app; absent in the marker that ends the backlog of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<App>,
    /// The release, including its env.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// The release's artifacts (later servers).
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// The release's image (servers of 2016).
    #[serde(rename = "artifact", skip_serializing_if = "Option::is_none")]
    pub image_artifact: Option<Artifact>,
    /// The release's files (servers of 2016).
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub file_artifacts: Vec<Artifact>,
    /// Counts by process type.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub processes: Processes,
    /// Tags by process type.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Tags,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// True if it was deleted (streams only).
    #[serde(skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// The running scale request, if there is one (later servers).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_scale_request: Option<ScaleRequest>,
}

impl ExpandedFormation {
    /// Returns all artifacts of the release, from servers of any age.
    pub fn all_artifacts(&self) -> impl Iterator<Item = &Artifact> {
        self.image_artifact.iter().chain(&self.file_artifacts).chain(&self.artifacts)
    }
}

impl Object for ExpandedFormation {
    fn key(&self) -> String {
        let id = |id: Option<&str>| id.unwrap_or_default().to_owned();
        let app = id(self.app.as_ref().map(|app| app.id.as_str()));
        if app.is_empty() { app } else { app + &id(self.release.as_ref().map(|it| it.id.as_str())) }
    }

    fn changed_at(&self) -> Option<&Timestamp> {
        self.updated_at.as_ref()
    }
}

const ONE: &str = "/apps/{app}/formations/{release}";

/// The formations of all apps; returned by [`Client::formations`].
#[derive(Clone, Debug)]
pub struct Formations {
    client: Client,
}

/// The formations of an app; returned by [`AppHandle::formations`].
#[derive(Clone, Debug)]
pub struct AppFormations {
    app: AppHandle,
}

impl Client {
    /// Accesses the formations of the cluster.
    pub fn formations(&self) -> Formations {
        Formations { client: self.clone() }
    }
}

impl AppHandle {
    /// Accesses the formations of the app, one per release.
    pub fn formations(&self) -> AppFormations {
        AppFormations { app: self.clone() }
    }
}

impl Formations {
    /// Lists all formations that have jobs, last changed first: `GET /formations?active=true`.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn active(&self) -> Request<Vec<ExpandedFormation>> {
        Request::list(&self.client, Spec::get("/formations", []).query("active", "true"))
    }

    /// Streams the existing formations, then every change: `GET /formations` as a stream.
    pub fn stream(&self) -> WatchAll<ExpandedFormation> {
        WatchAll::new(&self.client, "/formations")
    }
}

impl AppFormations {
    /// Lists the formations of the app, newest first: `GET /apps/:a/formations`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn list(&self) -> Request<Vec<Formation>> {
        Request::list(
            &self.app.client,
            Spec::get("/apps/{app}/formations", [self.app.app.as_str()]),
        )
    }

    /// Reads the formation of a release: `GET /apps/:a/formations/:r`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist or the release has no formation.
    pub fn get(&self, release: impl Into<ReleaseId>) -> Request<Formation> {
        Request::json(&self.app.client, self.one(&release.into()))
    }

    /// Reads the formation of a release, or `None` if it has none.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn get_opt(&self, release: impl Into<ReleaseId>) -> Request<Option<Formation>> {
        Request::optional(&self.app.client, self.one(&release.into()))
    }

    /// Reads the formation of the app's current release. It has no processes if nothing was scaled yet.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// let formation = flynn.app("dashboard").formations().current().await?;
    /// assert!(formation.processes["web"] > 0);
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist or has no release.
    pub fn current(&self) -> Request<Formation> {
        let app = self.app.clone();
        Request::steps("formations().current()", |deadline| async move {
            let release_id = app.release().within(deadline).await?.id;
            let found = app.formations().get_opt(&release_id).within(deadline).await?;
            Ok(found.unwrap_or(Formation { release_id, ..Formation::default() }))
        })
    }

    /// Reads the formation of a release with app, release and artifacts:
    /// `GET /apps/:a/formations/:r?expand=true`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist or the release has no formation.
    pub fn expanded(&self, release: impl Into<ReleaseId>) -> Request<ExpandedFormation> {
        Request::json(&self.app.client, self.one(&release.into()).query("expand", "true"))
    }

    fn one(&self, release: &ReleaseId) -> Spec {
        Spec::get(ONE, [self.app.app.as_str(), release.as_str()])
    }

    /// Changes the formation of a release: reads it, sets the given counts and writes everything back (`PUT
    /// /apps/:a/formations/:r`). Prefer [`AppHandle::scale`], which can be awaited and works on every server.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app or release does not exist; with
    /// [`Validation`](crate::ErrorKind::Validation) for process types that the release does not have, or a release
    /// without artifacts.
    pub fn update(&self, release: impl Into<ReleaseId>) -> UpdateFormation {
        UpdateFormation {
            app: self.app.clone(),
            release: release.into(),
            processes: Map::new(),
            tags: Map::new(),
            limits: Limits::default(),
        }
    }

    /// Stops all jobs of a release and deletes its formation: `DELETE /apps/:a/formations/:r`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist or the release has no formation.
    pub fn delete(&self, release: impl Into<ReleaseId>) -> Request<()> {
        let spec =
            Spec::delete(ONE, [self.app.app.as_str(), release.into().as_str()], Repeat::Delete);
        Request::unit(&self.app.client, spec)
    }
}

/// Changes a formation; returned by [`AppFormations::update`].
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct UpdateFormation {
    app: AppHandle,
    release: ReleaseId,
    processes: Map<String, Value>,
    tags: Map<String, Value>,
    limits: Limits,
}

impl UpdateFormation {
    /// Sets the number of jobs of this type; for an `omni` type, the number per host.
    pub fn process(mut self, process_type: impl Into<String>, count: i64) -> Self {
        self.processes.insert(process_type.into(), count.into());
        self
    }

    /// Replaces the host tags of a process type; an empty list clears them.
    pub fn tags<K: Into<String>, V: Into<String>>(
        mut self,
        process_type: impl Into<String>,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.tags.insert(process_type.into(), host_tags(tags));
        self
    }

    /// Sets all changes at once.
    pub(crate) fn all(mut self, processes: Map<String, Value>, tags: Map<String, Value>) -> Self {
        (self.processes, self.tags) = (processes, tags);
        self
    }

    pub(crate) async fn run(self, deadline: Deadline) -> Result<Formation, Error> {
        let client = &self.app.client;
        let segments = [self.app.app.as_str(), self.release.as_str()];
        let read = document::read(client, Spec::get(ONE, segments), deadline).await?;
        let mut document = read.unwrap_or_default();
        // A PUT without counts would stop every job.
        merge(&mut document, "processes", self.processes);
        if !self.tags.is_empty() {
            merge(&mut document, "tags", self.tags);
        }
        // Writing the same counts again changes nothing.
        let write = Spec::put(ONE, segments, Repeat::Safe);
        document::write(client, write, &document, deadline).await
    }
}

operation!(UpdateFormation => Formation);

/// Returns the host tags of a process type in their JSON form.
pub(crate) fn host_tags<K: Into<String>, V: Into<String>>(
    tags: impl IntoIterator<Item = (K, V)>,
) -> Value {
    tags.into_iter().map(|(key, value)| (key.into(), Value::String(value.into()))).collect()
}
