//! Deployments: replace the running release, and wait until the new one runs.
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
//!     Err(e) if e.is_timeout() => println!("still running, resume with {}", deployment.id),
//!     Err(e) => return Err(e),
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! Another program can watch it by its id:
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
use std::fmt;
use std::sync::OnceLock;

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::client::Client;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Line, MESSAGE, Pending};
use crate::events::{EventType, Events};
use crate::ids::{AppId, AppRef, DeploymentId, ReleaseId};
use crate::json::{is_default, null_is_default};
use crate::operation::accepted::{Accepted, Begun};
use crate::operation::{Progress, Wait};
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Request, Spec};

mod deploy;
mod outcome;

pub(crate) use deploy::{start, under_way};
use outcome::{Ended, judge, settle};

string_enum! {
    /// The state of a deployment.
    DeploymentStatus {
        /// Accepted during another deployment of the app, after which it starts (the fork of September 2026).
        Queued = "queued",
        /// Accepted.
        Pending = "pending",
        /// Jobs are being replaced. Most strategies do not report it.
        Running = "running",
        /// The new release runs.
        Complete = "complete",
        /// The old release runs again.
        Failed = "failed",
    }
}

impl DeploymentStatus {
    /// Returns whether the deployment has ended.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Complete | Self::Failed)
    }
}

/// A deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Deployment {
    /// The id, a UUID.
    #[serde(skip_serializing_if = "DeploymentId::is_empty")]
    pub id: DeploymentId,
    /// The app's id.
    #[serde(rename = "app", skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// The previous release; empty for the first deployment.
    #[serde(rename = "old_release", skip_serializing_if = "ReleaseId::is_empty")]
    pub old_release_id: ReleaseId,
    /// The release that it deploys.
    #[serde(rename = "new_release", skip_serializing_if = "ReleaseId::is_empty")]
    pub new_release_id: ReleaseId,
    /// The deployment strategy.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub strategy: String,
    /// The state.
    #[serde(skip_serializing_if = "DeploymentStatus::is_empty")]
    pub status: DeploymentStatus,
    /// The counts of the old formation, by process type.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub processes: BTreeMap<String, i64>,
    /// The tags of the old formation, by process type.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// The timeout in seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub deploy_timeout: i32,
    /// The number of jobs that are replaced at a time, for strategies that use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy_batch_size: Option<i64>,
    /// The time when it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

impl Deployment {
    /// Returns whether it has ended or is about to end: its status is final, or the time of its end is set.
    ///
    /// Servers before v20170309.0 record one after the other; [`wait`](DeploymentHandle::wait) waits for both.
    pub fn is_finished(&self) -> bool {
        self.status.is_final() || self.has_end()
    }

    fn has_end(&self) -> bool {
        self.finished_at.as_ref().is_some_and(|time| !time.is_zero())
    }
}

/// A step of a deployment, from its events.
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
    /// The state.
    #[serde(skip_serializing_if = "DeploymentStatus::is_empty")]
    pub status: DeploymentStatus,
    /// The process type of the step; only with strategy `sirenia`.
    #[serde(rename = "job_type", skip_serializing_if = "String::is_empty")]
    pub process_type: String,
    /// The state of its job; only with strategy `sirenia`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub job_state: String,
    /// The reason of a failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// One line of text, such as `deployment 5ab1: running`.
impl fmt::Display for DeploymentEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deployment_id, status, process_type, job_state, error, .. } = self;
        write!(f, "deployment {deployment_id}: {status}")?;
        for (before, text) in [(", ", process_type), (" ", job_state), (", ", error)] {
            if !text.is_empty() {
                write!(f, "{before}{}", Line(text, MESSAGE))?;
            }
        }
        Ok(())
    }
}

/// An accepted deployment: await [`wait`](Self::wait), [`watch`](Self::watch) it, or resume it later by its id.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeploymentHandle {
    client: Client,
    /// The id, for [`Client::deployment`].
    pub id: DeploymentId,
    /// The app, as soon as it is known.
    app: OnceLock<AppRef>,
    accepted: Option<Deployment>,
}

impl Client {
    /// Returns a handle to a deployment by its id. Sends nothing.
    pub fn deployment(&self, id: impl Into<DeploymentId>) -> DeploymentHandle {
        let (client, id) = (self.clone(), id.into());
        DeploymentHandle { client, id, app: OnceLock::new(), accepted: None }
    }
}

/// The steps of a deployment; returned by [`DeploymentHandle::watch`].
pub type DeploymentProgress = Progress<DeploymentEvent>;

/// Waits for a deployment; returned by [`DeploymentHandle::wait`].
pub type WaitForDeployment = Wait<DeploymentHandle>;

impl DeploymentHandle {
    pub(crate) fn of_app(self, app: AppRef) -> Self {
        Self { app: app.into(), ..self }
    }

    /// Returns the deployment as the server accepted it; `None` for a handle that was created from an id.
    pub fn accepted(&self) -> Option<&Deployment> {
        self.accepted.as_ref()
    }

    /// Returns the operation for [`Client::resume`](crate::Client::resume), for example when the user has pressed ^C
    /// while you waited.
    pub fn pending(&self) -> Pending {
        Accepted::pending(self)
    }

    /// Reads the deployment: `GET /deployments/:d`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the deployment does not exist.
    pub fn get(&self) -> Request<Deployment> {
        Request::json(&self.client, Spec::get("/deployments/{deployment}", [self.id.as_str()]))
    }

    /// Streams the steps from the first one on. The stream ends after the last step. For an id that does not exist, it
    /// never yields a step.
    pub fn watch(&self) -> DeploymentProgress {
        let steps = self.events().past().watch().map(|event| event?.deployment());
        Progress::until(steps, |step: &DeploymentEvent| step.status.is_final())
    }

    fn events(&self) -> Events {
        let events = self.client.events().object_types([EventType::Deployment]);
        events.object_id(self.id.as_str())
    }

    /// Waits until the deployment has ended and the server accepts the next one. Returns the finished deployment.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Failed`] if the deployment has failed. The message contains the server's reason;
    /// [`Error::failed_job`] and [`Error::log_tail`] return the failed job and its last log lines, if they can be
    /// found. Otherwise returns the errors of [`Wait`].
    pub fn wait(&self) -> WaitForDeployment {
        Wait::new(self.clone())
    }
}

impl Accepted for DeploymentHandle {
    type Step = DeploymentEvent;
    type End = Ended;
    type Output = Deployment;

    fn pending(&self) -> Pending {
        let app = self.app.get().cloned().unwrap_or_default();
        Pending::Deployment { app, deployment: self.id.clone() }
    }

    async fn begin(&self) -> Result<Begun<Self>, Error> {
        let known = match &self.accepted {
            Some(accepted) => accepted.clone(),
            None => match self.get().await {
                Err(error) if error.is_not_found() => return Ok(Begun::Unknown(error)),
                known => known?,
            },
        };
        if !known.app_id.is_empty() {
            let _ = self.app.set(known.app_id.clone().into());
        }
        Ok(if known.is_finished() {
            Begun::Ended(Ended::Known(known))
        } else {
            Begun::Running(self.watch())
        })
    }

    fn end(step: DeploymentEvent) -> Result<Ended, DeploymentEvent> {
        if step.status.is_final() { Ok(Ended::Step(step)) } else { Err(step) }
    }

    fn failure(_: &DeploymentEvent) -> Option<&str> {
        None
    }

    async fn ask(&self) -> Result<Option<Ended>, Error> {
        let known = self.get().await?;
        Ok(known.is_finished().then_some(Ended::Known(known)))
    }

    async fn finish(&self, end: Ended, deadline: Deadline) -> Result<Deployment, Error> {
        let (known, step) = match end {
            Ended::Known(known) => (known, None),
            Ended::Step(step) => match self.get().within(deadline).await {
                Ok(known) => (known, Some(step)),
                // The step already has the outcome.
                Err(_) => (self.known_from(&step), Some(step)),
            },
        };
        let mut deployment = settle(self, known, deadline).await;
        if let (Some(step), false) = (&step, deployment.status.is_final()) {
            // The server sends the event before it writes the row.
            deployment.status = step.status.clone();
        }
        judge(self, deployment, step.map(|step| step.error), deadline).await
    }
}

impl DeploymentHandle {
    fn known_from(&self, step: &DeploymentEvent) -> Deployment {
        Deployment {
            id: self.id.clone(),
            app_id: self.app.get().and_then(AppRef::id).unwrap_or_default(),
            new_release_id: step.release_id.clone(),
            status: step.status.clone(),
            ..self.accepted.clone().unwrap_or_default()
        }
    }
}
