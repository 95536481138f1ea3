//! Running a one-off job.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::attached::Attached;
use crate::env::Env;
use crate::error::Error;
use crate::ids::{ArtifactId, ReleaseId};
use crate::jobs::{Job, Jobs};
use crate::json::{is_default, is_false, null_is_default};
use crate::releases::{Release, ResourceLimit};
use crate::transport::{Deadline, Repeat, Request, Spec, operation, upgrade};

/// A one-off job to be run, as the wire has it; [`Jobs::run`](crate::jobs::Jobs::run) makes one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NewJob {
    /// The release that it runs.
    #[serde(rename = "release", skip_serializing_if = "ReleaseId::is_empty")]
    pub release_id: ReleaseId,
    /// Artifacts instead of the release's.
    #[serde(
        rename = "artifacts",
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub artifact_ids: Vec<ArtifactId>,
    /// Whether the release's variables are set.
    #[serde(skip_serializing_if = "is_false")]
    pub release_env: bool,
    /// Program and arguments.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Variables of its own.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_default")]
    pub env: Env,
    /// Free pairs.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// Whether it has a terminal.
    #[serde(skip_serializing_if = "is_false")]
    pub tty: bool,
    /// Width of the terminal.
    #[serde(rename = "tty_columns", skip_serializing_if = "is_default")]
    pub columns: u16,
    /// Height of the terminal.
    #[serde(rename = "tty_lines", skip_serializing_if = "is_default")]
    pub lines: u16,
    /// Whether its output stays out of the app's log.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_log: bool,
    /// Limits by name, see [`ProcessType::resources`](crate::releases::ProcessType::resources).
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, ResourceLimit>,
    /// Where it may be placed: `background`, `system` or `user`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub partition: String,
    /// Profiles, such as `zfs`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// The kind of process whose mounts it is given.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mounts_from: String,
}
impl Jobs {
    /// Runs a program with the current release and its variables: `POST /apps/:a/jobs`.
    ///
    /// Awaiting it starts the job detached; [`attached`](RunJob::attached) keeps hold of its input and output.
    pub fn run<A: Into<String>>(&self, args: impl IntoIterator<Item = A>) -> RunJob {
        RunJob {
            app: self.app.clone(),
            job: NewJob {
                args: args.into_iter().map(Into::into).collect(),
                release_env: true,
                ..NewJob::default()
            },
            log: None,
            timeout: None,
        }
    }
}

/// A one-off job to be run; made by [`Jobs::run`].
///
/// Awaiting it gives what the server says of a job that it has just asked for: ids, release and arguments.
/// `state` and times are empty there; [`Jobs::get`] reads them later.
///
/// # Errors
/// Not found, when the app or the release does not exist.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct RunJob {
    app: AppHandle,
    job: NewJob,
    log: Option<bool>,
    timeout: Option<Duration>,
}

impl RunJob {
    /// Another release than the current one.
    pub fn release(mut self, id: impl Into<ReleaseId>) -> Self {
        self.job.release_id = id.into();
        self
    }

    /// Whether the release's variables are set; they are unless told.
    pub fn release_env(mut self, set: bool) -> Self {
        self.job.release_env = set;
        self
    }

    /// Sets a variable for the job.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.job.env.insert(name.into(), value.into());
        self
    }

    /// Adds one pair of meta data.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.job.meta.insert(key.into(), value.into());
        self
    }

    /// Gives it a terminal of this size.
    pub fn tty(mut self, lines: u16, columns: u16) -> Self {
        self.job.tty = true;
        self.job.lines = lines;
        self.job.columns = columns;
        self
    }

    /// Limits a resource, such as `memory` in bytes.
    pub fn resource(mut self, name: impl Into<String>, limit: ResourceLimit) -> Self {
        self.job.resources.insert(name.into(), limit);
        self
    }

    /// Runs on this artifact instead of the release's; further ones are layers above. v2016 ignores it.
    pub fn artifact(mut self, id: impl Into<ArtifactId>) -> Self {
        self.job.artifact_ids.push(id.into());
        self
    }

    /// Which share of a host it runs in: `background`, `system` or `user`. Servers that do not know
    /// shares ignore it.
    pub fn partition(mut self, name: impl Into<String>) -> Self {
        self.job.partition = name.into();
        self
    }

    /// Gives it a privilege: `zfs`, `kvm` or `loop`. Servers that do not know them ignore it.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.job.profiles.push(name.into());
        self
    }

    /// Gives it the mounts of this kind of process.
    pub fn mounts_from(mut self, process: impl Into<String>) -> Self {
        self.job.mounts_from = process.into();
        self
    }

    /// Whether its output goes to the app's log. Unless told, that of detached jobs does, that of attached
    /// ones does not.
    pub fn log(mut self, log: bool) -> Self {
        self.log = Some(log);
        self
    }

    /// Keeps hold of its input and output.
    ///
    /// The frames were never recorded from a real controller; written from the server's source and the
    /// facts seen.
    pub fn attached(self) -> RunAttached {
        RunAttached { timeout: self.timeout, hold: HOLD, run: self }
    }

    async fn run(self, deadline: Deadline) -> Result<Job, Error> {
        let app = self.app.clone();
        let spec = self.spec(true, deadline).await?;
        Request::json(&app.client, spec).within(deadline).await
    }

    async fn spec(mut self, log: bool, deadline: Deadline) -> Result<Spec, Error> {
        if self.job.args.is_empty() {
            return Err(Error::invalid_input("there is no program to run"));
        }
        let release: Release = if self.job.release_id.is_empty() {
            self.app.release().within(deadline).await?
        } else {
            self.app.client.releases().get(&self.job.release_id).within(deadline).await?
        };
        let starts_in_runner = self.job.args.first().is_some_and(|program| program == RUNNER);
        if release.is_git_deploy() && !starts_in_runner {
            self.job.args.insert(0, RUNNER.to_owned());
        }
        self.job.release_id = release.id;
        self.job.disable_log = !self.log.unwrap_or(log);
        Ok(Spec::post("/apps/{app}/jobs", [self.app.app.as_str()], Repeat::Never).body(&self.job))
    }
}

operation!(RunJob => Job);

/// What starts programs in the images that a push makes; v2016 adds it by itself, later servers do not.
const RUNNER: &str = "/runner/init";

/// A job to be run attached; made by [`RunJob::attached`].
///
/// # Errors
/// Not found, when the app or the release does not exist.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct RunAttached {
    run: RunJob,
    hold: Duration,
    timeout: Option<Duration>,
}

/// How long the first frame of input is held back: 5 ms were always enough.
const HOLD: Duration = Duration::from_millis(20);

impl RunAttached {
    /// Holds back the first input (data, its end, a signal, a resize) for this long after the job was attached;
    /// 20 ms by default, zero sends it at once.
    ///
    /// Controllers discard what arrives together with the request, and the job then reads the end of its input.
    /// Of jobs that were written to at once, 1 to 33 % lost their input that way; with 5 ms none did. Output is not
    /// affected and not delayed.
    pub fn hold_input(mut self, time: Duration) -> Self {
        self.hold = time;
        self
    }

    async fn run(self, deadline: Deadline) -> Result<Attached, Error> {
        let client = self.run.app.client.clone();
        let spec = self.run.spec(false, deadline).await?;
        let connection = upgrade(&client, spec, deadline).await?;
        Ok(Attached::new(connection, self.hold))
    }
}

operation!(RunAttached => Attached);
