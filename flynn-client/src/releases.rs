//! Releases: immutable sets of artifacts, env and processes.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::apps::NewApp;
//! use flynn_client::releases::{NewRelease, ProcessType};
//!
//! let www = flynn.apps().create(NewApp::named("www")).await?;
//! let release = NewRelease::of_app(&www.id)
//!     .env("GREETING", "hello")
//!     .process("web", ProcessType::running(["/bin/web"]));
//! let release = flynn.releases().create(release).await?;
//! flynn.app("www").deploy(&release.id).await?.wait().await?;
//! assert_eq!(flynn.releases().get(&release.id).await?.processes["web"].args, ["/bin/web"]);
//! assert_eq!(flynn.app("www").releases().await?.len(), 1);
//! assert_eq!(flynn.app("www").release().await?.env["GREETING"], "hello");
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::apps::AppHandle;
use crate::client::Client;
use crate::env::Env;
use crate::ids::{AppId, ArtifactId, ReleaseId};
use crate::json::{Json, is_default, is_false, null_is_default};
use crate::timestamp::Timestamp;
use crate::transport::{Repeat, Request, Spec};

/// A release. Made once, never changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Release {
    /// Id, a UUID.
    #[serde(skip_serializing_if = "ReleaseId::is_empty")]
    pub id: ReleaseId,
    /// The app it belongs to; empty before v20161214.1.
    #[serde(skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// What jobs run, lowest layer first.
    #[serde(
        rename = "artifacts",
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub artifact_ids: Vec<ArtifactId>,
    /// Variables of all processes.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_default")]
    pub env: Env,
    /// Free pairs; `git=true` marks what a push has made.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// Kinds of processes by name, such as `web`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub processes: BTreeMap<String, ProcessType>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The first artifact again, for old clients; only on reads.
    #[serde(rename = "artifact", skip_serializing_if = "ArtifactId::is_empty")]
    pub legacy_artifact_id: ArtifactId,
}

impl Release {
    /// Whether a git push made it. Its commands are started through `/runner/init`.
    pub fn is_git_deploy(&self) -> bool {
        self.meta.get("git").is_some_and(|value| value == "true")
    }
}

/// How jobs of one kind are run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "as the wire has it")]
pub struct ProcessType {
    /// Program and arguments.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Variables of this process alone; they win over the release's.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_default")]
    pub env: Env,
    /// Ports that a job listens on.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// Volumes that a job is given.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeRequest>,
    /// One job on every host for each one asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub omni: bool,
    /// In the network of the host.
    #[serde(skip_serializing_if = "is_false")]
    pub host_network: bool,
    /// In the process namespace of the host.
    #[serde(skip_serializing_if = "is_false")]
    pub host_pid_namespace: bool,
    /// The service that says when a job is up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Started again by the host after a reboot.
    #[serde(skip_serializing_if = "is_false")]
    pub resurrect: bool,
    /// Limits by name: `cpu` (milli-CPU), `memory` and `temp_disk` (bytes), `max_fd`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, ResourceLimit>,
    /// Mounts from the host.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Json>,
    /// Profiles, such as `zfs`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// Linux capabilities beyond the defaults.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub linux_capabilities: Vec<String>,
    /// Devices that a job may use.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub allowed_devices: Vec<Json>,
    /// Control groups may be written.
    #[serde(skip_serializing_if = "is_false")]
    pub writeable_cgroups: bool,
    /// Old form of `args`, appended to them by the server at every creation.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Old form of `args`, put in their place by the server at every creation.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Old form of one volume at `/data`.
    #[serde(skip_serializing_if = "is_false")]
    pub data: bool,
}

impl ProcessType {
    /// A process that runs this program with these arguments.
    pub fn running<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

/// A port that a job listens on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Port {
    /// Number; 0: the host picks one and says it in `PORT`.
    pub port: u16,
    /// `tcp` or `udp`.
    pub proto: String,
    /// The service that the port is announced as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
}

/// A service in discovery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Service {
    /// Name, such as `www-web`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Made when it does not exist.
    #[serde(skip_serializing_if = "is_false")]
    pub create: bool,
    /// How jobs are found to be alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Json>,
}

/// A volume that a job is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct VolumeRequest {
    /// Where it is mounted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Destroyed with the job.
    #[serde(skip_serializing_if = "is_false")]
    pub delete_on_stop: bool,
}

/// What a job is promised and what it may take, in the unit of the resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ResourceLimit {
    /// Promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<i64>,
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

impl ResourceLimit {
    /// The same amount promised and as the limit.
    pub fn exactly(amount: i64) -> Self {
        Self { request: Some(amount), limit: Some(amount) }
    }
}

/// A release to be made.
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
pub struct NewRelease {
    #[serde(skip_serializing_if = "AppId::is_empty")]
    app_id: AppId,
    #[serde(rename = "artifacts", skip_serializing_if = "Vec::is_empty")]
    artifact_ids: Vec<ArtifactId>,
    #[serde(skip_serializing_if = "is_default")]
    env: Env,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    meta: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    processes: BTreeMap<String, ProcessType>,
}

impl NewRelease {
    /// A release of this app, whose *id* is needed: with a name the server answers 500.
    pub fn of_app(app: impl Into<AppId>) -> Self {
        Self { app_id: app.into(), ..Self::default() }
    }

    /// Adds an artifact on top of those added before.
    pub fn artifact(mut self, artifact: impl Into<ArtifactId>) -> Self {
        self.artifact_ids.push(artifact.into());
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Adds one pair of meta data.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// Adds a kind of process.
    pub fn process(mut self, name: impl Into<String>, process: ProcessType) -> Self {
        self.processes.insert(name.into(), process);
        self
    }
}
/// All releases; made by [`Client::releases`].
#[derive(Clone, Debug)]
pub struct Releases {
    client: Client,
}

impl Client {
    /// Releases of all apps.
    pub fn releases(&self) -> Releases {
        Releases { client: self.clone() }
    }
}

impl Releases {
    /// Every release, the newest first: `GET /releases`.
    ///
    /// # Errors
    /// Those of every call, see [`ErrorKind`](crate::ErrorKind).
    pub fn list(&self) -> Request<Vec<Release>> {
        Request::list(&self.client, Spec::get("/releases", []))
    }

    /// One release: `GET /releases/:r`.
    ///
    /// # Errors
    /// Not found, when there is no such release.
    pub fn get(&self, id: impl Into<ReleaseId>) -> Request<Release> {
        Request::json(&self.client, one(&id.into()))
    }

    /// One release, or `None` when there is no such release.
    ///
    /// # Errors
    /// Those of every call, see [`ErrorKind`](crate::ErrorKind).
    pub fn get_opt(&self, id: impl Into<ReleaseId>) -> Request<Option<Release>> {
        Request::optional(&self.client, one(&id.into()))
    }

    /// Makes a release, which runs nowhere until it is deployed: `POST /releases`.
    ///
    /// # Errors
    /// A server error when the app or an artifact does not exist (500, with `retry: true` although
    /// it never heals), a validation error for an empty name of a variable.
    pub fn create(&self, release: NewRelease) -> Request<Release> {
        Request::json(&self.client, Spec::post("/releases", [], Repeat::Never).body(release))
    }
}

fn one(id: &ReleaseId) -> Spec {
    Spec::get("/releases/{release}", [id.as_str()])
}

impl AppHandle {
    /// The current release: `GET /apps/:a/release`.
    ///
    /// # Errors
    /// Not found, when the app does not exist or has no release yet.
    pub fn release(&self) -> Request<Release> {
        Request::json(&self.client, self.release_spec())
    }

    /// The current release, or `None` when there is none, or no such app.
    ///
    /// # Errors
    /// Those of every call, see [`ErrorKind`](crate::ErrorKind).
    pub fn release_opt(&self) -> Request<Option<Release>> {
        Request::optional(&self.client, self.release_spec())
    }

    pub(crate) fn release_spec(&self) -> Spec {
        Spec::get("/apps/{app}/release", [self.app.as_str()])
    }

    /// Releases of the app, the newest first: `GET /apps/:a/releases`. v2016 lists only those with a
    /// formation.
    ///
    /// # Errors
    /// Not found, when there is no such app.
    pub fn releases(&self) -> Request<Vec<Release>> {
        Request::list(&self.client, Spec::get("/apps/{app}/releases", [self.app.as_str()]))
    }

    /// Makes a release the current one *without* deploying it: `PUT /apps/:a/release`. Running jobs stay as
    /// they are; [`deploy`](Self::deploy) is what is wanted nearly always.
    ///
    /// # Errors
    /// A validation error when there is no such release.
    pub fn set_release(&self, id: impl Into<ReleaseId>) -> Request<Release> {
        let id = id.into();
        let mut spec = Spec::put("/apps/{app}/release", [self.app.as_str()], Repeat::Safe);
        if id.is_empty() {
            spec.refuse("the id of the release is empty");
        }
        Request::json(&self.client, spec.body(json!({ "id": id })))
    }
}
