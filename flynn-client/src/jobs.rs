//! Jobs: list, run (detached or attached), wait, kill.
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
//! Use input and output concurrently:
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
//! println!("{} is {}", job.id, jobs.get(&job.id).await?.state);
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::client::Client;
use crate::error::{Error, Pending};
use crate::events::EventType;
use crate::ids::{AppId, HostId, JobId, ReleaseId, VolumeId};
use crate::json::null_is_default;
use crate::operation::accepted::{Accepted, Begun};
use crate::operation::{self, Progress};
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Repeat, Request, Spec};

mod new;

pub use crate::attached::{
    Attached, AttachedExit, AttachedInput, AttachedOutput, AttachedReader, CollectOutput,
    CollectedOutput, Control, DriveAttached, ExitStatus,
};
pub(crate) use new::lost;
pub use new::{NewJob, RUN_ID, RunAttached, RunJob};

string_enum! {
    /// The state of a job.
    JobState {
        /// Not placed on a host yet.
        Pending = "pending",
        /// Cannot be placed.
        Blocked = "blocked",
        /// The host is starting it.
        Starting = "starting",
        /// Running.
        Up = "up",
        /// Being stopped.
        Stopping = "stopping",
        /// Ended, successfully or not.
        Down = "down",
        /// The old form of `down`: it ended with a failure.
        Crashed = "crashed",
        /// The old form of `down`: it could not be started.
        Failed = "failed",
    }
}

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Job {
    /// The id, `host-uuid`; empty while the job is pending.
    #[serde(skip_serializing_if = "JobId::is_empty")]
    pub id: JobId,
    /// The UUID, which is never empty.
    pub uuid: String,
    /// The host; empty while the job is pending.
    #[serde(skip_serializing_if = "HostId::is_empty")]
    pub host_id: HostId,
    /// The app's id.
    #[serde(rename = "app", skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// The release.
    #[serde(rename = "release", skip_serializing_if = "ReleaseId::is_empty")]
    pub release_id: ReleaseId,
    /// The process type; empty for one-off jobs, which are `runner` or `console` on the fork.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub process_type: String,
    /// The name that the server chose, such as `web.4821` (the fork).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The state.
    #[serde(skip_serializing_if = "JobState::is_empty")]
    pub state: JobState,
    /// The program and its arguments.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The volumes.
    #[serde(
        rename = "volumes",
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub volume_ids: Vec<VolumeId>,
    /// Metadata.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// The exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i32>,
    /// The reason why the host could not run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_error: Option<String>,
    /// The time of its next restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<Timestamp>,
    /// The number of restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<i32>,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

impl Job {
    /// Returns whether it has ended.
    pub fn is_down(&self) -> bool {
        matches!(self.state, JobState::Down | JobState::Crashed | JobState::Failed)
    }

    /// Returns whether it has ended with an exit status other than 0, or its host could not run it.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, JobState::Crashed | JobState::Failed)
            || self.is_down()
                && (self.host_error.is_some() || self.exit_status.is_some_and(|status| status != 0))
    }
}

/// A stream of an attached job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum JobStream {
    /// Standard output; with a terminal, all output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The log of the container's init process.
    InitLog,
}

/// Output of an attached job, or its end.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobOutput {
    /// The job has written this data, in pieces of any length.
    Data {
        /// The stream.
        stream: JobStream,
        /// The bytes.
        data: Bytes,
    },
    /// The job will not write to this stream any more.
    End {
        /// The stream.
        stream: JobStream,
    },
    /// The job has ended. This is the last item.
    Exit {
        /// The exit status, as in [`Job::exit_status`]; 0 means success.
        status: i32,
    },
}

/// Shows only the length of the output, since it can contain secrets.
impl fmt::Debug for JobOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data { stream, data } => write!(f, "Data({stream:?}, [{} bytes])", data.len()),
            Self::End { stream } => write!(f, "End({stream:?})"),
            Self::Exit { status } => write!(f, "Exit({status})"),
        }
    }
}

/// The jobs of one app; returned by [`AppHandle::jobs`].
#[derive(Clone, Debug)]
pub struct Jobs {
    app: AppHandle,
}

impl AppHandle {
    /// Accesses the jobs of the app.
    pub fn jobs(&self) -> Jobs {
        Jobs { app: self.clone() }
    }
}

impl Client {
    /// Lists the jobs of all apps that are pending, starting, up or stopping: `GET /active-jobs`.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn active_jobs(&self) -> Request<Vec<Job>> {
        Request::list(self, Spec::get("/active-jobs", []))
    }
}

impl Jobs {
    /// Lists all jobs that the app ever had, newest first: `GET /apps/:a/jobs`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn list(&self) -> Request<Vec<Job>> {
        Request::list(&self.app.client, Spec::get("/apps/{app}/jobs", [self.app.app.as_str()]))
    }

    /// Reads a job, by `host-uuid` or UUID: `GET /apps/:a/jobs/:j`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the job does not exist.
    pub fn get(&self, id: impl Into<JobId>) -> Request<Job> {
        let id = id.into();
        Request::json(&self.app.client, Spec::get(ONE, [self.app.app.as_str(), id.as_str()]))
    }

    /// Reads a job, or `None` if the job does not exist.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn get_opt(&self, id: impl Into<JobId>) -> Request<Option<Job>> {
        let id = id.into();
        Request::optional(&self.app.client, Spec::get(ONE, [self.app.app.as_str(), id.as_str()]))
    }

    /// Waits until a job has ended, and returns it with its exit status. An exit status other than 0 is not an error.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// let jobs = flynn.app("blobstore").jobs();
    /// let job = jobs.run(["exit", "3"]).await?;
    /// assert_eq!(jobs.wait(&job.id).await?.exit_status, Some(3));
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Wait`](crate::Wait).
    pub fn wait(&self, id: impl Into<JobId>) -> Request<Job> {
        let handle = JobHandle { jobs: self.clone(), id: id.into() };
        Request::steps("jobs().wait(..)", |deadline| async move {
            operation::wait(&handle, None, deadline).await
        })
    }

    /// Writes a job's record, as schedulers do: `PUT /apps/:a/jobs/:j`. It neither starts nor stops the job.
    ///
    /// # Errors
    /// Fails with [`Validation`](crate::ErrorKind::Validation) for a state that the server does not know.
    pub fn put(&self, job: &Job) -> Request<Job> {
        let id = if job.id.is_empty() { job.uuid.as_str() } else { job.id.as_str() };
        let spec = Spec::put(ONE, [self.app.app.as_str(), id], Repeat::Safe);
        Request::json(&self.app.client, spec.body(job))
    }

    /// Stops a job: `DELETE /apps/:a/jobs/:j`. If the job belongs to a formation, the scheduler starts another one.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the job does not exist; with
    /// [`Validation`](crate::ErrorKind::Validation) while the job has no host; with
    /// [`Server`](crate::ErrorKind::Server) (500) if it has already ended.
    pub fn kill(&self, id: impl Into<JobId>) -> Request<()> {
        let id = id.into();
        let segments = [self.app.app.as_str(), id.as_str()];
        Request::unit(&self.app.client, Spec::delete(ONE, segments, Repeat::Delete))
    }
}

/// A handle to a running job.
#[derive(Clone, Debug)]
struct JobHandle {
    jobs: Jobs,
    id: JobId,
}

impl Accepted for JobHandle {
    type Step = Job;
    type End = Job;
    type Output = Job;

    fn pending(&self) -> Pending {
        Pending::Job { app: self.jobs.app.app.clone(), job: self.id.clone() }
    }

    async fn begin(&self) -> Result<Begun<Self>, Error> {
        let job = match self.jobs.get(&self.id).await {
            Err(error) if error.is_not_found() => return Ok(Begun::Unknown(error)),
            job => job?,
        };
        if job.is_down() {
            return Ok(Begun::Ended(job));
        }
        let events = self.jobs.app.client.events().object_types([EventType::Job]);
        let steps = events.object_id(&job.uuid).past().watch().map(|event| event?.job());
        Ok(Begun::Running(Progress::until(steps, Job::is_down)))
    }

    fn end(job: Job) -> Result<Job, Job> {
        if job.is_down() { Ok(job) } else { Err(job) }
    }

    fn failure(_: &Job) -> Option<&str> {
        None
    }

    async fn ask(&self) -> Result<Option<Job>, Error> {
        Ok(Some(self.jobs.get(&self.id).await?).filter(Job::is_down))
    }

    async fn finish(&self, job: Job, deadline: Deadline) -> Result<Job, Error> {
        // The event also has the outcome, but fewer of the other fields.
        Ok(self.jobs.get(&self.id).within(deadline).await.ok().filter(Job::is_down).unwrap_or(job))
    }
}

const ONE: &str = "/apps/{app}/jobs/{job}";
