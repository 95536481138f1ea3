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
//!
//! Input and output at the same time, and without holding on to them:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::jobs::JobOutput;
//! use futures_util::TryStreamExt;
//!
//! let jobs = flynn.app("blobstore").jobs();
//! let (mut output, mut input) = jobs.run(["cat"]).attached().await?.split();
//! input.write(b"hello").await?;
//! input.close().await?;
//! while let Some(step) = output.try_next().await? {
//!     match step {
//!         JobOutput::Data { data, .. } => assert_eq!(&data[..], b"hello"),
//!         JobOutput::Exit { status } => assert_eq!(status, 0),
//!         _ => {}
//!     }
//! }
//!
//! let job = jobs.run(["sleep", "3600"]).env("VERBOSE", "1").await?; // detached
//! println!("{} jobs run on the cluster", flynn.active_jobs().await?.len());
//! jobs.kill(&job.id).await?;
//! println!("{} is {}", job.id, jobs.get(&job.id).await?.state);
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::client::Client;
use crate::ids::{AppId, HostId, JobId, ReleaseId, VolumeId};
use crate::json::null_is_default;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Repeat, Request, Spec};

mod new;

pub use crate::attached::{
    Attached, AttachedInput, AttachedOutput, CollectOutput, CollectedOutput,
};
pub use new::{NewJob, RunAttached, RunJob};

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
        /// 0 when all went well; the same as [`Job::exit_status`].
        status: i32,
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
        Request::optional(&self.app.client, Spec::get(ONE, [self.app.app.as_str(), id.as_str()]))
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
}

const ONE: &str = "/apps/{app}/jobs/{job}";
