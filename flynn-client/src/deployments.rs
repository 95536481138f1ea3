//! Deployments: make a release the running one, and wait until it is.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! # use flynn_client::apps::NewApp;
//! # use flynn_client::releases::NewRelease;
//! # let www = flynn.apps().create(NewApp::named("www")).await?;
//! # let release = flynn.releases().create(NewRelease::of_app(&www.id)).await?;
//! use std::time::Duration;
//!
//! let deployment = flynn.app("www").deploy(&release.id).await?; // accepted
//! match deployment.wait().timeout(Duration::from_secs(120)).await {
//!     Ok(done) => println!("release {} runs", done.new_release_id),
//!     Err(e) if e.is_timeout() => println!("still running, go on with {}", deployment.id),
//!     Err(e) => return Err(e),
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! Watched step by step, by a program that has only the id:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! # use flynn_client::apps::NewApp;
//! # use flynn_client::releases::NewRelease;
//! # let www = flynn.apps().create(NewApp::named("www")).await?;
//! # let release = flynn.releases().create(NewRelease::of_app(&www.id)).await?;
//! # flynn.app("www").deploy(&release.id).await?;
//! use futures_util::TryStreamExt;
//!
//! let newest = flynn.app("www").deployments().await?.remove(0);
//! let mut steps = flynn.deployment(&newest.id).watch();
//! while let Some(step) = steps.try_next().await? {
//!     println!("{} {}", step.status, step.error);
//! }
//! assert!(flynn.deployment(&newest.id).get().await?.is_finished());
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::ask::told_or_asked;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Pending};
use crate::events::{EventType, EventWatch, Events};
use crate::ids::{AppId, DeploymentId, JobId, ReleaseId};
use crate::json::{is_default, null_is_default};
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Request, Spec, operation, stream_next};

mod deploy;

pub use deploy::DeployApp;
pub(crate) use deploy::{start, under_way};

string_enum! {
    /// How far a deployment is.
    DeploymentStatus {
        /// Accepted.
        Pending = "pending",
        /// Under way; not shown by all strategies.
        Running = "running",
        /// The new release runs.
        Complete = "complete",
        /// The old release runs again.
        Failed = "failed",
    }
}

impl DeploymentStatus {
    /// Whether nothing more will happen.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Complete | Self::Failed)
    }
}

/// A deployment as the controller keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Deployment {
    /// Id, a UUID.
    #[serde(skip_serializing_if = "DeploymentId::is_empty")]
    pub id: DeploymentId,
    /// The app's id.
    #[serde(rename = "app", skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// What ran before; empty the first time.
    #[serde(rename = "old_release", skip_serializing_if = "ReleaseId::is_empty")]
    pub old_release_id: ReleaseId,
    /// What is to run.
    #[serde(rename = "new_release", skip_serializing_if = "ReleaseId::is_empty")]
    pub new_release_id: ReleaseId,
    /// How jobs are replaced.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub strategy: String,
    /// How far it is.
    #[serde(skip_serializing_if = "DeploymentStatus::is_empty")]
    pub status: DeploymentStatus,
    /// Numbers of processes of the old formation.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub processes: BTreeMap<String, i64>,
    /// Tags of the old formation, by process.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// Seconds until it counts as failed.
    #[serde(skip_serializing_if = "is_default")]
    pub deploy_timeout: i32,
    /// How many jobs are replaced at a time, where the strategy asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy_batch_size: Option<i64>,
    /// When it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

impl Deployment {
    /// Whether it has ended, or is about to: its status is final, or the time of its end is set. Servers
    /// before v20170309.0 record one after the other [seen]; [`wait`](DeploymentHandle::wait) waits for both.
    pub fn is_finished(&self) -> bool {
        self.status.is_final() || self.has_end()
    }

    fn has_end(&self) -> bool {
        self.finished_at.as_ref().is_some_and(|time| !time.is_zero())
    }
}

/// Progress of a deployment, as its events tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DeploymentEvent {
    /// The app's id.
    #[serde(rename = "app", skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// The deployment.
    #[serde(rename = "deployment", skip_serializing_if = "DeploymentId::is_empty")]
    pub deployment_id: DeploymentId,
    /// The new release.
    #[serde(rename = "release", skip_serializing_if = "ReleaseId::is_empty")]
    pub release_id: ReleaseId,
    /// How far it is.
    #[serde(skip_serializing_if = "DeploymentStatus::is_empty")]
    pub status: DeploymentStatus,
    /// The kind of process that a step is about; only with strategy `sirenia`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub job_type: String,
    /// The state that its job has reached; only with strategy `sirenia`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub job_state: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}
/// A deployment that was accepted: to be waited on, watched, dropped, and picked up again by id.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeploymentHandle {
    client: Client,
    /// Id to go on from later, with [`Client::deployment`].
    pub id: DeploymentId,
    accepted: Option<Deployment>,
}

impl Client {
    /// A deployment by its id. Making the handle costs no request.
    pub fn deployment(&self, id: impl Into<DeploymentId>) -> DeploymentHandle {
        DeploymentHandle { client: self.clone(), id: id.into(), accepted: None }
    }
}

impl DeploymentHandle {
    /// The deployment as it was accepted; `None` for a handle made from an id.
    pub fn accepted(&self) -> Option<&Deployment> {
        self.accepted.as_ref()
    }

    /// The deployment now: `GET /deployments/:d`.
    ///
    /// # Errors
    /// Not found, when there is no such deployment.
    pub fn get(&self) -> Request<Deployment> {
        Request::json(&self.client, Spec::get("/deployments/{deployment}", [self.id.as_str()]))
    }

    /// Its progress from its beginning; the stream ends after its last step. Of an id that never was,
    /// no step comes.
    pub fn watch(&self) -> DeploymentProgress {
        DeploymentProgress { events: self.events().past().watch(), ended: false }
    }

    fn events(&self) -> Events {
        let events = self.client.events().object_types([EventType::Deployment]);
        events.object_id(self.id.as_str())
    }

    /// Waits until it has ended and the server accepts the next one, and says how it ended.
    pub fn wait(&self) -> WaitForDeployment {
        WaitForDeployment { deployment: self.clone(), timeout: None }
    }
}

/// Steps of a deployment; made by [`DeploymentHandle::watch`].
#[derive(Debug)]
#[must_use = "nothing is sent until it is polled"]
pub struct DeploymentProgress {
    events: EventWatch,
    ended: bool,
}

stream_next!(DeploymentProgress => DeploymentEvent);

impl Stream for DeploymentProgress {
    type Item = Result<DeploymentEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let step = match ready!(self.events.poll_next_unpin(cx)) {
            Some(event) => event.and_then(|event| event.deployment()),
            None => return Poll::Ready(None),
        };
        self.ended = match &step {
            Ok(step) => step.status.is_final(),
            Err(_) => true,
        };
        Poll::Ready(Some(step))
    }
}

/// Waiting for a deployment; made by [`DeploymentHandle::wait`].
///
/// # Errors
/// [`ErrorKind::Failed`] with the server's reason, the job that failed and its last lines, where they could
/// be found; [`ErrorKind::Timeout`] with the deployment as [`Error::pending`]; those of the event stream
/// and of the final GET.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct WaitForDeployment {
    deployment: DeploymentHandle,
    timeout: Option<Duration>,
}

impl WaitForDeployment {
    async fn run(self, deadline: Deadline) -> Result<Deployment, Error> {
        wait(&self.deployment, deadline).await
    }
}

operation!(WaitForDeployment => Deployment);

/// Waits for the end, which the events tell; the last word is a GET's.
pub(crate) async fn wait(
    handle: &DeploymentHandle,
    deadline: Deadline,
) -> Result<Deployment, Error> {
    let pending = |error: Error| error.with_pending(Pending::Deployment(handle.id.clone()));
    let known = match &handle.accepted {
        Some(accepted) => accepted.clone(),
        // Of one that does not exist there would never be an event.
        None => handle.get().within(deadline).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => error,
            _ => pending(error),
        })?,
    };
    if known.is_finished() {
        return judge(handle, settle(handle, known, deadline).await, None, deadline).await;
    }
    let told = async { last_step(handle).await.map(Some) };
    let ask = || async { handle.get().await.ok()?.is_finished().then_some(None) };
    let step = match deadline.limit(told_or_asked(told, ask)).await {
        Ok(step) => step,
        Err(error) if deadline.is_over() => return Err(pending(error)),
        // The stream is lost for good, perhaps by its own timeout; whether the deployment is over can still be read.
        Err(error) => match handle.get().within(deadline).await {
            Ok(known) if known.is_finished() => {
                return judge(handle, settle(handle, known, deadline).await, None, deadline).await;
            }
            _ => return Err(pending(error)),
        },
    };
    let known = handle.get().within(deadline).await.map_err(pending)?;
    let mut deployment = settle(handle, known, deadline).await;
    if let (Some(step), false) = (&step, deployment.status.is_final()) {
        // The event was sent before the row was written.
        deployment.status = step.status.clone();
    }
    judge(handle, deployment, step.map(|step| step.error), deadline).await
}

/// How long the record of a deployment may lag behind its end.
const SETTLE: Duration = Duration::from_secs(10);
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Reads a deployment that has ended until its record has outcome and time: then the server accepts the next
/// one. Before v20170309.0, `complete` comes before the time, and a failure is rolled back in between.
async fn settle(handle: &DeploymentHandle, known: Deployment, deadline: Deadline) -> Deployment {
    let (mut known, deadline) = (known, deadline.at_most(SETTLE));
    let mut pause = FIRST_LOOK;
    while !(known.status.is_final() && known.has_end())
        && deadline.remaining().is_some_and(|left| left > pause)
    {
        tokio::time::sleep(pause).await;
        match handle.get().within(deadline).await {
            Ok(deployment) => known = deployment,
            Err(_) => break,
        }
        pause = (pause * 2).min(LAST_LOOK);
    }
    known
}

async fn last_step(handle: &DeploymentHandle) -> Result<DeploymentEvent, Error> {
    let mut progress = handle.watch();
    while let Some(step) = progress.next().await {
        let step = step?;
        if step.status.is_final() {
            return Ok(step);
        }
    }
    Err(Error::new(ErrorKind::Connection, "the events of the deployment ended before it did"))
}

async fn judge(
    handle: &DeploymentHandle,
    deployment: Deployment,
    reason: Option<String>,
    deadline: Deadline,
) -> Result<Deployment, Error> {
    match deployment.status {
        DeploymentStatus::Failed | DeploymentStatus::Pending | DeploymentStatus::Running => {}
        _ => return Ok(deployment),
    }
    let deadline = deadline.at_most(POST_MORTEM);
    let reason = match reason {
        Some(reason) => reason,
        None => last_error(handle, deadline).await.unwrap_or_default(),
    };
    let reason = if reason.is_empty() { "for an unknown reason" } else { &reason };
    let error = Error::new(ErrorKind::Failed, format!("deployment {}: {reason}", deployment.id));
    Err(match failed_job(&handle.client, &deployment, deadline).await {
        Some((job, lines)) => error.with_failed_job(job, lines),
        None => error,
    })
}

/// How long the search for the culprit may take; the verdict is there already.
const POST_MORTEM: Duration = Duration::from_secs(5);
const LOG_TAIL: u32 = 10;

/// Why a deployment failed that was over before anybody waited: only its events tell.
async fn last_error(handle: &DeploymentHandle, deadline: Deadline) -> Option<String> {
    let events = handle.events().list().run(deadline).await.ok()?;
    let steps = events.iter().filter_map(|event| event.deployment().ok());
    steps.map(|step| step.error).find(|error| !error.is_empty())
}

/// The newest job of the new release that did not end well, and what it wrote last.
async fn failed_job(
    client: &Client,
    deployment: &Deployment,
    deadline: Deadline,
) -> Option<(JobId, Vec<String>)> {
    let app = client.app(&deployment.app_id);
    let jobs = app.jobs().list().within(deadline).await.ok()?;
    let job = jobs.into_iter().find(|job| {
        job.release_id == deployment.new_release_id && !job.type_name.is_empty() && job.has_failed()
    })?;
    if job.id.is_empty() {
        return Some((job.uuid.into(), Vec::new())); // It never came to a host.
    }
    let log = app.log().job(&job.id).lines(LOG_TAIL).into_future();
    let lines = deadline.limit(log).await.unwrap_or_default();
    Some((job.id, lines.into_iter().map(|line| line.msg).collect()))
}
