//! Scaling: changes the number of jobs, and waits until they run.
//!
//! Servers from v20170309.0 on have scale requests, which report their completion. On older servers, the call writes
//! the formation, and waiting compares it with the running jobs.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use std::time::Duration;
//!
//! let scaling = flynn.app("blobstore").scale([("web", 3)]).await?; // accepted
//! match scaling.wait().timeout(Duration::from_secs(30)).await {
//!     Ok(formation) => assert_eq!(formation.processes["web"], 3),
//!     Err(e) if e.is_timeout() => println!("still scaling: {} {}", scaling.release_id, scaling.id),
//!     Err(e) => return Err(e),
//! }
//!
//! // Another program can resume with the ids, and watch every job start.
//! use futures_util::TryStreamExt;
//! let mut steps = flynn.app("blobstore").scaling(&scaling.release_id, &scaling.id).watch();
//! while let Some(step) = steps.try_next().await? {
//!     println!("{step:?}");
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::apps::AppHandle;
use crate::error::{Error, ErrorKind, Pending};
use crate::events::{Event, EventType, Events};
use crate::formations::{Formation, Processes, Tags, host_tags};
use crate::ids::{AppId, ReleaseId, ScaleRequestId};
use crate::jobs::{Job, JobState};
use crate::json::null_is_default;
use crate::operation::accepted::{Accepted, Begun};
use crate::operation::{Progress, Wait};
use crate::releases::Release;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Limits, Repeat, Request, Spec, operation};

mod steps;

use steps::{Phase, Steps};

string_enum! {
    /// The state of a scale request.
    ScaleState {
        /// The scheduler is starting and stopping jobs.
        Pending = "pending",
        /// A later request of the same app and release replaced it.
        Cancelled = "cancelled",
        /// The jobs are running.
        Complete = "complete",
    }
}

/// A scale request (from v20170309.0 on).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ScaleRequest {
    /// The id, a UUID.
    pub id: ScaleRequestId,
    /// The app's id.
    #[serde(rename = "app")]
    pub app_id: AppId,
    /// The release.
    #[serde(rename = "release")]
    pub release_id: ReleaseId,
    /// The state.
    pub state: ScaleState,
    /// The old counts.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub old_processes: Processes,
    /// The new counts; missing process types keep theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_processes: Option<Processes>,
    /// The old tags.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub old_tags: Tags,
    /// The new tags; missing process types keep theirs, and an empty map clears the tags of a type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_tags: Option<Tags>,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// Returns the number of jobs that a formation runs on a cluster of `hosts` hosts. An `omni` process type runs its
/// count on each host. Negative counts, which the server accepts, run no jobs.
pub fn expected_jobs(processes: &Processes, release: &Release, hosts: u32) -> Processes {
    let jobs = |(name, count): (&String, &i64)| {
        (name.clone(), spread(name, (*count).max(0), release, hosts))
    };
    processes.iter().map(jobs).collect()
}

/// Returns the number of jobs that start (positive) or stop (negative) between two formations, by process type. Types
/// that `to` does not name keep their jobs. Unchanged types are left out.
pub fn steps(from: &Processes, to: &Processes, release: &Release, hosts: u32) -> Processes {
    to.iter()
        .map(|(name, count)| {
            let before = from.get(name).copied().unwrap_or_default();
            (name.clone(), spread(name, count.saturating_sub(before), release, hosts))
        })
        .filter(|(_, jobs)| *jobs != 0)
        .collect()
}

fn spread(name: &str, count: i64, release: &Release, hosts: u32) -> i64 {
    match release.processes.get(name) {
        Some(process) if process.omni => count.saturating_mul(i64::from(hosts)),
        _ => count,
    }
}

impl AppHandle {
    /// Sets the number of jobs of each process type (for an `omni` type, per host): `PUT /apps/:a/scale/:r`. Types that
    /// you do not name keep their jobs. Returns a handle once the server has accepted the request.
    ///
    /// On servers before v20170309.0, which do not have scale requests, reads, changes and writes the formation.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if the app or release does not exist, or the app has no release.
    /// - [`Validation`](crate::ErrorKind::Validation) for process types that the release does not have.
    /// - When the answer was lost ([`Error::may_have_acted`]), [`Error::pending`] names the scaling.
    pub fn scale<K: Into<String>>(
        &self,
        processes: impl IntoIterator<Item = (K, i64)>,
    ) -> ScaleApp {
        ScaleApp {
            app: self.clone(),
            release: None,
            processes: processes
                .into_iter()
                .map(|(name, count)| (name.into(), count.into()))
                .collect(),
            tags: Map::new(),
            hosts: None,
            limits: Limits::default(),
        }
    }
}

/// Scales an app; returned by [`AppHandle::scale`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ScaleApp {
    app: AppHandle,
    release: Option<ReleaseId>,
    processes: Map<String, Value>,
    tags: Map<String, Value>,
    hosts: Option<u32>,
    limits: Limits,
}

impl ScaleApp {
    /// Scales this release; the current one by default.
    pub fn release(mut self, id: impl Into<ReleaseId>) -> Self {
        self.release = Some(id.into());
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

    /// Sets the number of hosts of the cluster, to count the jobs of `omni` types on servers before v20170309.0. By
    /// default, the distinct hosts in `/active-jobs` are counted.
    pub fn hosts(mut self, hosts: u32) -> Self {
        self.hosts = Some(hosts);
        self
    }

    async fn run(self, deadline: Deadline) -> Result<ScaleHandle, Error> {
        let Self { app, release, processes, tags, hosts, .. } = self;
        if processes.is_empty() && tags.is_empty() {
            return Err(Error::invalid_input("name the process types to scale, or tags"));
        }
        let release_id = match release {
            Some(id) => id,
            None => app.release().within(deadline).await?.id,
        };
        let mut body = json!({ "state": ScaleState::Pending });
        if let Value::Object(body) = &mut body {
            if !processes.is_empty() {
                body.insert("new_processes".to_owned(), Value::Object(processes.clone()));
            }
            if !tags.is_empty() {
                body.insert("new_tags".to_owned(), Value::Object(tags.clone()));
            }
        }
        // A second request replaces the first one and has the same effect.
        let spec = Spec::put(
            "/apps/{app}/scale/{release}",
            [app.app.as_str(), release_id.as_str()],
            Repeat::Safe,
        );
        let accepted =
            Request::<ScaleRequest>::json(&app.client, spec.body(&body)).within(deadline).await;
        let accepted = match accepted {
            Err(error) if error.is_unsupported() => {
                let update = app.formations().update(&release_id).all(processes, tags);
                update.run(deadline).await.map(|formation| (None, formation))
            }
            accepted => accepted.map(|request| (Some(request.clone()), request.formation())),
        };
        let mut handle = ScaleHandle { hosts, ..app.scaling(release_id, "") };
        match accepted {
            Ok((accepted, wanted)) => {
                handle.id = accepted.as_ref().map(|request| request.id.clone()).unwrap_or_default();
                (handle.accepted, handle.wanted) = (accepted, Some(wanted));
                Ok(handle)
            }
            Err(error) if error.may_have_acted() => Err(error.with_pending(handle.pending())),
            Err(error) => Err(error),
        }
    }
}

operation!(ScaleApp => ScaleHandle);

/// An accepted scaling: await [`wait`](Self::wait), [`watch`](Self::watch) it, or resume it later by its ids.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScaleHandle {
    app: AppHandle,
    /// The scaled release.
    pub release_id: ReleaseId,
    /// The id, for [`AppHandle::scaling`]; empty on servers before v20170309.0.
    pub id: ScaleRequestId,
    accepted: Option<ScaleRequest>,
    /// The formation that was asked for, as the server has accepted it.
    wanted: Option<Formation>,
    hosts: Option<u32>,
}

impl AppHandle {
    /// Returns a handle to an accepted scaling by its ids; the request's id is empty on servers before v20170309.0.
    /// Sends nothing.
    pub fn scaling(
        &self,
        release: impl Into<ReleaseId>,
        id: impl Into<ScaleRequestId>,
    ) -> ScaleHandle {
        ScaleHandle {
            app: self.clone(),
            release_id: release.into(),
            id: id.into(),
            accepted: None,
            wanted: None,
            hosts: None,
        }
    }
}

/// The steps of a scaling; returned by [`ScaleHandle::watch`].
pub type ScaleProgress = Progress<ScaleStep>;

/// Waits for a scaling; returned by [`ScaleHandle::wait`].
pub type WaitForScale = Wait<ScaleHandle>;

impl ScaleHandle {
    /// Returns the request as the server accepted it; `None` for a handle that was created from ids, and on servers
    /// before v20170309.0.
    pub fn accepted(&self) -> Option<&ScaleRequest> {
        self.accepted.as_ref()
    }

    /// Returns the operation for [`Client::resume`](crate::Client::resume), for example when the user has pressed ^C
    /// while you waited.
    pub fn pending(&self) -> Pending {
        Accepted::pending(self)
    }

    /// Sets the number of hosts of the cluster; see [`ScaleApp::hosts`].
    pub fn hosts(mut self, hosts: u32) -> Self {
        self.hosts = Some(hosts);
        self
    }

    /// Streams the changes of the release's jobs, and the end of the scaling. With the id of a request, it starts with
    /// the request; otherwise it starts now.
    pub fn watch(&self) -> ScaleProgress {
        Steps { handle: self.clone(), phase: Phase::Begin }.into_progress()
    }

    /// Waits until the jobs run, and returns the formation.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Cancelled`] if another request has replaced this one. Otherwise returns the errors of
    /// [`Wait`].
    pub fn wait(&self) -> WaitForScale {
        Wait::new(self.clone())
    }

    /// Selects the events of the request itself.
    fn own_events(&self) -> Events {
        let types = [EventType::ScaleRequest, EventType::ScaleRequestCancelation];
        self.app.client.events().object_types(types).object_id(self.id.as_str())
    }

    /// Reads the end of the request and the id of its first event from its events.
    async fn look_back(&self) -> Result<(Option<ScaleState>, Option<i64>), Error> {
        let events = self.own_events().list().await?;
        let first = events.last().map(|event| event.id);
        // The oldest end counts: a complete request can still get a cancellation event, but stays complete.
        Ok((events.iter().rev().find_map(ending), first))
    }

    /// Returns whether the running jobs match the formation.
    async fn is_settled(&self, release: &Release) -> Result<bool, Error> {
        let wanted = self.app.formations().get_opt(&self.release_id).await?;
        let active = self.app.client.active_jobs().await?;
        let hosts = self.hosts.unwrap_or_else(|| count_hosts(&active));
        let app_id = match &wanted {
            Some(formation) => formation.app_id.clone(),
            None => self.app.get().await?.id,
        };
        let wanted = wanted.map(|formation| formation.processes).unwrap_or_default();
        let mut expected = expected_jobs(&wanted, release, hosts);
        expected.retain(|_, count| *count > 0);
        let mut running = Processes::new();
        for job in
            active.iter().filter(|job| job.app_id == app_id && job.release_id == self.release_id)
        {
            if job.process_type.is_empty() {
                continue; // A one-off job does not belong to a formation.
            }
            if job.state != JobState::Up {
                return Ok(false); // Starting or stopping.
            }
            *running.entry(job.process_type.clone()).or_default() += 1;
        }
        Ok(running == expected)
    }

    fn job_step(&self, event: &Event) -> Option<ScaleStep> {
        let job = event.job().ok()?;
        (job.release_id == self.release_id).then(|| ScaleStep::Job(Box::new(job)))
    }
}

/// Counts the hosts on which jobs run. The cluster's own `omni` apps run on every host.
fn count_hosts(active: &[Job]) -> u32 {
    let hosts: BTreeSet<_> =
        active.iter().map(|job| job.host_id.as_str()).filter(|id| !id.is_empty()).collect();
    u32::try_from(hosts.len()).unwrap_or(u32::MAX)
}

/// Returns the final state in an event of a scale request. Before v20190730.0, a cancellation was a `scale_request`
/// event.
fn ending(event: &Event) -> Option<ScaleState> {
    match event.object_type {
        EventType::ScaleRequestCancelation => Some(ScaleState::Cancelled),
        EventType::ScaleRequest => match event.decode::<ScaleRequest>().ok()?.state {
            state @ (ScaleState::Complete | ScaleState::Cancelled) => Some(state),
            _ => None,
        },
        _ => None,
    }
}

/// A step of a scaling.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScaleStep {
    /// A job of the release has changed its state.
    Job(Box<Job>),
    /// The scaling has ended: `Complete` or `Cancelled`.
    Ended(ScaleState),
}

impl Accepted for ScaleHandle {
    type Step = ScaleStep;
    type End = ScaleState;
    type Output = Formation;

    fn pending(&self) -> Pending {
        Pending::Scale {
            app: self.app.app.clone(),
            release: self.release_id.clone(),
            request: self.id.clone(),
        }
    }

    async fn begin(&self) -> Result<Begun<Self>, Error> {
        let mut steps = Steps { handle: self.clone(), phase: Phase::Begin };
        if !self.id.is_empty() {
            let (end, first) = self.look_back().await?;
            if let Some(end) = end {
                return Ok(Begun::Ended(end));
            }
            if let Err(error) = steps.listen(first) {
                return Ok(Begun::Unknown(error));
            }
        }
        Ok(Begun::Running(steps.into_progress()))
    }

    fn end(step: ScaleStep) -> Result<ScaleState, ScaleStep> {
        match step {
            ScaleStep::Ended(end) => Ok(end),
            step @ ScaleStep::Job(_) => Err(step),
        }
    }

    fn failure(_: &ScaleStep) -> Option<&str> {
        None
    }

    async fn ask(&self) -> Result<Option<ScaleState>, Error> {
        if !self.id.is_empty() {
            return Ok(self.look_back().await?.0);
        }
        let release = self.app.client.releases().get(&self.release_id).await?;
        Ok(self.is_settled(&release).await?.then_some(ScaleState::Complete))
    }

    async fn finish(&self, end: ScaleState, deadline: Deadline) -> Result<Formation, Error> {
        if end == ScaleState::Cancelled {
            let message = "another scale request has replaced this one";
            return Err(Error::new(ErrorKind::Cancelled, message));
        }
        let read = self.app.formations().get(&self.release_id).within(deadline).await;
        // It has succeeded, so the formation is the requested one.
        read.or_else(|error| self.wanted.clone().ok_or_else(|| error.with_pending(self.pending())))
    }
}

impl ScaleRequest {
    fn formation(&self) -> Formation {
        let mut formation = Formation {
            app_id: self.app_id.clone(),
            release_id: self.release_id.clone(),
            processes: self.old_processes.clone(),
            tags: self.old_tags.clone(),
            ..Formation::default()
        };
        formation.processes.extend(self.new_processes.clone().unwrap_or_default());
        formation.tags.extend(self.new_tags.clone().unwrap_or_default());
        formation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        serde_json::from_str(r#"{"processes":{"web":{},"agent":{"omni":true}}}"#).unwrap()
    }

    fn counts(pairs: &[(&str, i64)]) -> Processes {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn omni_processes_count_once_a_host() {
        let wanted = counts(&[("agent", 2), ("odd", 1), ("web", 2)]);
        assert_eq!(
            expected_jobs(&wanted, &release(), 3),
            counts(&[("agent", 6), ("odd", 1), ("web", 2)])
        );
        assert_eq!(expected_jobs(&counts(&[("web", -1)]), &release(), 3), counts(&[("web", 0)]));
    }

    #[test]
    fn steps_name_what_changes() {
        let (from, to) = (
            counts(&[("agent", 1), ("web", 3), ("idle", 1)]),
            counts(&[("agent", 2), ("web", 1), ("idle", 1)]),
        );
        assert_eq!(steps(&from, &to, &release(), 3), counts(&[("agent", 3), ("web", -2)]));
        // A type that is not named keeps its jobs; a new type starts with none.
        assert_eq!(steps(&from, &counts(&[("new", 1)]), &release(), 3), counts(&[("new", 1)]));
        assert_eq!(
            steps(&counts(&[]), &counts(&[("agent", i64::MAX)]), &release(), 3),
            counts(&[("agent", i64::MAX)])
        );
    }
}
