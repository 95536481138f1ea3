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

mod change;
mod create;
mod edit;
mod merge;
mod preview;

pub use crate::release_diff::{ChangeKind, FieldChange, ReleaseDiff};
pub use change::ChangeRelease;
pub use preview::{ReleaseChange, ReleasePreview};

/// A release. It is immutable; see [`AppHandle::change_release`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Release {
    /// The id, a UUID.
    #[serde(skip_serializing_if = "ReleaseId::is_empty")]
    pub id: ReleaseId,
    /// The app's id; empty before v20161214.1.
    #[serde(skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// The artifacts that its jobs run, lowest layer first.
    #[serde(
        rename = "artifacts",
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub artifact_ids: Vec<ArtifactId>,
    /// The environment variables of all process types.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_default")]
    pub env: Env,
    /// Metadata; `git=true` marks a release that was created by a git push.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// Process types by name, such as `web`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub processes: BTreeMap<String, ProcessType>,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The first artifact again, for old clients. Only set on reads.
    #[serde(rename = "artifact", skip_serializing_if = "ArtifactId::is_empty")]
    pub legacy_artifact_id: ArtifactId,
}

impl Release {
    /// Returns whether it was created by a git push. Its commands are started by `/runner/init`.
    pub fn is_git_deploy(&self) -> bool {
        self.meta.get("git").is_some_and(|value| value == "true")
    }
}

/// The settings of the jobs of a process type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "as the wire has it")]
pub struct ProcessType {
    /// The program and its arguments.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The environment variables of this process type, which override the release's.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_default")]
    pub env: Env,
    /// Ports that a job listens on.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// Volumes of each job.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeRequest>,
    /// Runs the given number of jobs on every host.
    #[serde(skip_serializing_if = "is_false")]
    pub omni: bool,
    /// Uses the network of the host.
    #[serde(skip_serializing_if = "is_false")]
    pub host_network: bool,
    /// Uses the process namespace of the host.
    #[serde(skip_serializing_if = "is_false")]
    pub host_pid_namespace: bool,
    /// The service in discovery that shows when a job is up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// The host restarts its jobs after a reboot.
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
    /// Makes control groups writable.
    #[serde(skip_serializing_if = "is_false")]
    pub writeable_cgroups: bool,
    /// The command of the Procfile that it was created from, for display (the fork).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// The runtime profile by its name (the fork).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub runtime: String,
    /// The old form of `args`. On every creation, the server appends it to `args`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// The old form of `args`. On every creation, the server replaces `args` with it.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The old form of one volume at `/data`.
    #[serde(skip_serializing_if = "is_false")]
    pub data: bool,
}

impl ProcessType {
    /// Creates a process type that runs this program with these arguments.
    pub fn running<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Creates a process type that serves HTTP on port 8080 (also in `PORT`), like that of a git push.
    ///
    /// Its service has no name yet: [`ChangeRelease::process`] names it `<app>-<process type>`, the default service of
    /// the app's routes. Otherwise, name it with [`service`](Self::service).
    pub fn web<A: Into<String>>(args: impl IntoIterator<Item = A>) -> Self {
        let check = Some(json!({ "type": "tcp" }).into());
        let service = Service { name: String::new(), create: true, check };
        let port = Port { port: 8080, proto: "tcp".to_owned(), service: Some(service) };
        Self { ports: vec![port], ..Self::running(args) }
    }

    /// Sets the name of its service and of the services of its ports.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        for port in &mut self.ports {
            if let Some(service) = &mut port.service {
                service.name.clone_from(&self.service);
            }
        }
        self
    }

    /// Sets a variable of this process type.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    fn services(&mut self) -> impl Iterator<Item = &mut Service> {
        self.ports.iter_mut().filter_map(|port| port.service.as_mut())
    }

    pub(crate) fn has_unnamed_service(&mut self) -> bool {
        self.services().any(|service| service.name.is_empty())
    }

    /// Sets the name of services without a name.
    pub(crate) fn name_services(&mut self, name: &str) {
        for service in self.services().filter(|service| service.name.is_empty()) {
            name.clone_into(&mut service.name);
        }
        if self.service.is_empty() {
            name.clone_into(&mut self.service);
        }
    }
}

/// A port that a job listens on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Port {
    /// The number; for 0, the host picks one and sets `PORT`.
    pub port: u16,
    /// `tcp` or `udp`.
    pub proto: String,
    /// The service in discovery that announces the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
}

/// A service in discovery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Service {
    /// The name, such as `www-web`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Creates the service if it does not exist.
    #[serde(skip_serializing_if = "is_false")]
    pub create: bool,
    /// The health check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Json>,
}

/// A volume of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct VolumeRequest {
    /// The mount point.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Destroys it with the job.
    #[serde(skip_serializing_if = "is_false")]
    pub delete_on_stop: bool,
    /// Its size in bytes (the fork).
    #[serde(skip_serializing_if = "is_default")]
    pub size: i64,
}

/// The guaranteed and the maximum amount of a resource, in the unit of the resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ResourceLimit {
    /// The guaranteed amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<i64>,
    /// The maximum amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

impl ResourceLimit {
    /// Guarantees this amount, which is also the limit.
    pub fn exactly(amount: i64) -> Self {
        Self { request: Some(amount), limit: Some(amount) }
    }
}

/// A new release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[must_use]
pub struct NewRelease {
    /// The app.
    #[serde(skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// Its artifacts, the lowest layer first.
    #[serde(rename = "artifacts", skip_serializing_if = "Vec::is_empty")]
    pub artifact_ids: Vec<ArtifactId>,
    /// Environment variables of all its processes.
    #[serde(skip_serializing_if = "is_default")]
    pub env: Env,
    /// Metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// Process types by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub processes: BTreeMap<String, ProcessType>,
}

impl NewRelease {
    /// Creates a release of this app. It needs the app's id: for a name the server answers 500.
    pub fn of_app(app: impl Into<AppId>) -> Self {
        Self { app_id: app.into(), ..Self::default() }
    }

    /// Adds an artifact as the top layer.
    pub fn artifact(mut self, artifact: impl Into<ArtifactId>) -> Self {
        self.artifact_ids.push(artifact.into());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Adds metadata.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// Adds a process type.
    pub fn process(mut self, name: impl Into<String>, process: ProcessType) -> Self {
        self.processes.insert(name.into(), process);
        self
    }
}
/// All releases; returned by [`Client::releases`].
#[derive(Clone, Debug)]
pub struct Releases {
    client: Client,
}

impl Client {
    /// Accesses the releases of all apps.
    pub fn releases(&self) -> Releases {
        Releases { client: self.clone() }
    }
}

impl Releases {
    /// Lists all releases, newest first: `GET /releases`.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn list(&self) -> Request<Vec<Release>> {
        Request::list(&self.client, Spec::get("/releases", []))
    }

    /// Reads a release: `GET /releases/:r`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the release does not exist.
    pub fn get(&self, id: impl Into<ReleaseId>) -> Request<Release> {
        Request::json(&self.client, one(&id.into()))
    }

    /// Reads a release, or `None` if the release does not exist.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn get_opt(&self, id: impl Into<ReleaseId>) -> Request<Option<Release>> {
        Request::optional(&self.client, one(&id.into()))
    }
}

fn one(id: &ReleaseId) -> Spec {
    Spec::get("/releases/{release}", [id.as_str()])
}

impl AppHandle {
    /// Reads the current release: `GET /apps/:a/release`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist or has no release yet.
    pub fn release(&self) -> Request<Release> {
        Request::json(&self.client, self.release_spec())
    }

    /// Reads the current release, or `None` if the app does not exist or has no release.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn release_opt(&self) -> Request<Option<Release>> {
        Request::optional(&self.client, self.release_spec())
    }

    pub(crate) fn release_spec(&self) -> Spec {
        Spec::get("/apps/{app}/release", [self.app.as_str()])
    }

    /// Lists the releases of the app, newest first: `GET /apps/:a/releases`. Servers of 2016 list only releases with a
    /// formation.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn releases(&self) -> Request<Vec<Release>> {
        Request::list(&self.client, Spec::get("/apps/{app}/releases", [self.app.as_str()]))
    }

    /// Makes a release the current one *without* deploying it: `PUT /apps/:a/release`. Running jobs do not change, so
    /// you nearly always want [`deploy`](Self::deploy) instead.
    ///
    /// # Errors
    /// Fails with [`Validation`](crate::ErrorKind::Validation) if the release does not exist.
    pub fn set_release(&self, id: impl Into<ReleaseId>) -> Request<Release> {
        let id = id.into();
        let mut spec = Spec::put("/apps/{app}/release", [self.app.as_str()], Repeat::Safe);
        if id.is_empty() {
            spec.refuse("the id of the release is empty");
        }
        Request::json(&self.client, spec.body(json!({ "id": id })))
    }
}
