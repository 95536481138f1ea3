//! Jobs: list, run (detached or attached), kill.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! let job = flynn.app("blobstore").jobs().run(["exit", "3"]).attached().await?;
//! let output = job.output().await?; // until the job has ended
//! assert_eq!(output.exit_status, 3);
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::env::Env;
use crate::ids::{AppId, ArtifactId, HostId, JobId, ReleaseId, VolumeId};
use crate::json::{is_default, is_false, null_is_default};
use crate::releases::ResourceLimit;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;

string_enum! {
    /// What a job is doing.
    JobState {
        /// Not placed on a host yet.
        Pending = "pending",
        /// Cannot be placed.
        Blocked = "blocked",
        /// The host is starting it.
        Starting = "starting",
        /// It runs.
        Up = "up",
        /// It is being ended.
        Stopping = "stopping",
        /// It has ended, well or not.
        Down = "down",
        /// Old form of `down`: it ended by itself, not well.
        Crashed = "crashed",
        /// Old form of `down`: it could not be started.
        Failed = "failed",
    }
}

/// A job as the controller keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Job {
    /// `host-uuid`; empty while the job is pending.
    #[serde(skip_serializing_if = "JobId::is_empty")]
    pub id: JobId,
    /// The UUID, which a job always has.
    pub uuid: String,
    /// The host; empty while the job is pending.
    #[serde(skip_serializing_if = "HostId::is_empty")]
    pub host_id: HostId,
    /// The app's id.
    #[serde(rename = "app", skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// The release it runs.
    #[serde(rename = "release", skip_serializing_if = "ReleaseId::is_empty")]
    pub release_id: ReleaseId,
    /// The kind of process; empty for one-off jobs.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub type_name: String,
    /// What it is doing.
    #[serde(skip_serializing_if = "JobState::is_empty")]
    pub state: JobState,
    /// Program and arguments.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Its volumes.
    #[serde(
        rename = "volumes",
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub volume_ids: Vec<VolumeId>,
    /// Free pairs.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i32>,
    /// Why the host could not run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_error: Option<String>,
    /// When it is to be started again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<Timestamp>,
    /// How often it was started again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<i32>,
    /// When it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

impl Job {
    /// Whether it has ended, well or not.
    pub fn is_down(&self) -> bool {
        matches!(self.state, JobState::Down | JobState::Crashed | JobState::Failed)
    }

    /// Whether it has ended with an exit status other than 0, or its host could not run it.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, JobState::Crashed | JobState::Failed)
            || self.is_down()
                && (self.host_error.is_some() || self.exit_status.is_some_and(|status| status != 0))
    }
}

/// A one-off job to be run, as the wire has it; [`Jobs::run`] makes one.
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

/// Where output of an attached job comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobStream {
    /// Standard output; with a terminal, all output.
    Stdout,
    /// Standard error.
    Stderr,
    /// What the container's init process says.
    InitLog,
}

/// Something that an attached job did.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobOutput {
    /// It wrote this. Pieces are as they came, not lines.
    Data {
        /// Where to.
        stream: JobStream,
        /// What.
        data: Bytes,
    },
    /// It will write no more there.
    End {
        /// Where.
        stream: JobStream,
    },
    /// It ended; this is the last output.
    Exit {
        /// 0 when all went well.
        status: u32,
    },
}

/// Output can hold secrets, so only its length shows.
impl fmt::Debug for JobOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data { stream, data } => write!(f, "Data({stream:?}, [{} bytes])", data.len()),
            Self::End { stream } => write!(f, "End({stream:?})"),
            Self::Exit { status } => write!(f, "Exit({status})"),
        }
    }
}

#[cfg(feature = "client")]
pub use crate::attached::{
    Attached, AttachedInput, AttachedOutput, CollectOutput, CollectedOutput,
};
#[cfg(feature = "client")]
pub use calls::{Jobs, RunAttached, RunJob};

#[cfg(feature = "client")]
mod calls {
    use std::time::Duration;

    use super::{Job, NewJob};
    use crate::apps::AppHandle;
    use crate::attached::Attached;
    use crate::client::Client;
    use crate::error::Error;
    use crate::ids::{ArtifactId, JobId, ReleaseId};
    use crate::releases::{Release, ResourceLimit};
    use crate::transport::{Deadline, Repeat, Request, Spec, operation, upgrade};

    /// Jobs of one app; made by [`AppHandle::jobs`].
    #[derive(Clone, Debug)]
    pub struct Jobs {
        app: AppHandle,
    }

    impl AppHandle {
        /// Jobs of the app.
        pub fn jobs(&self) -> Jobs {
            Jobs { app: self.clone() }
        }
    }

    impl Client {
        /// Jobs of all apps that are pending, starting, up or stopping: `GET /active-jobs`.
        ///
        /// # Errors
        /// Those of every call, see [`ErrorKind`](crate::ErrorKind).
        pub fn active_jobs(&self) -> Request<Vec<Job>> {
            Request::list(self, Spec::get("/active-jobs", []))
        }
    }

    impl Jobs {
        /// All jobs that the app ever had, the newest first: `GET /apps/:a/jobs`.
        ///
        /// # Errors
        /// Not found, when there is no such app.
        pub fn list(&self) -> Request<Vec<Job>> {
            Request::list(&self.app.client, Spec::get("/apps/{app}/jobs", [self.app.app.as_str()]))
        }

        /// One job, by `host-uuid` or UUID: `GET /apps/:a/jobs/:j`.
        ///
        /// Never recorded with success from a real controller; written from the server's source.
        ///
        /// # Errors
        /// Not found, when there is no such job.
        pub fn get(&self, id: impl Into<JobId>) -> Request<Job> {
            let id = id.into();
            Request::json(&self.app.client, Spec::get(ONE, [self.app.app.as_str(), id.as_str()]))
        }

        /// One job, or `None`.
        ///
        /// # Errors
        /// Those of every call, see [`ErrorKind`](crate::ErrorKind).
        pub fn get_opt(&self, id: impl Into<JobId>) -> Request<Option<Job>> {
            let id = id.into();
            Request::optional(
                &self.app.client,
                Spec::get(ONE, [self.app.app.as_str(), id.as_str()]),
            )
        }

        /// Writes a job's record, as schedulers do: `PUT /apps/:a/jobs/:j`. It starts and ends nothing.
        ///
        /// Never recorded with success from a real controller; written from the server's source.
        ///
        /// # Errors
        /// A validation error for a state that the server does not know.
        pub fn put(&self, job: &Job) -> Request<Job> {
            let id = if job.id.is_empty() { job.uuid.as_str() } else { job.id.as_str() };
            let spec = Spec::put(ONE, [self.app.app.as_str(), id], Repeat::Safe);
            Request::json(&self.app.client, spec.body(job))
        }

        /// Ends a job: `DELETE /apps/:a/jobs/:j`. One that belongs to a formation is replaced.
        ///
        /// Never recorded with success from a real controller; written from the server's source.
        ///
        /// # Errors
        /// Not found; a validation error while the job has no host.
        pub fn kill(&self, id: impl Into<JobId>) -> Request<()> {
            let id = id.into();
            let segments = [self.app.app.as_str(), id.as_str()];
            Request::unit(&self.app.client, Spec::delete(ONE, segments, Repeat::Delete))
        }

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

    const ONE: &str = "/apps/{app}/jobs/{job}";

    /// A one-off job to be run; made by [`Jobs::run`].
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
            RunAttached { timeout: self.timeout, run: self }
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
            Ok(Spec::post("/apps/{app}/jobs", [self.app.app.as_str()], Repeat::Never)
                .body(&self.job))
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
        timeout: Option<Duration>,
    }

    impl RunAttached {
        async fn run(self, deadline: Deadline) -> Result<Attached, Error> {
            let client = self.run.app.client.clone();
            let spec = self.run.spec(false, deadline).await?;
            upgrade(&client, spec, deadline).await.map(Attached::new)
        }
    }

    operation!(RunAttached => Attached);
}
