//! Scaling: asking for another number of jobs, and waiting for them.
//!
//! Servers from v20170309.0 on take scale requests and tell when one is done. Older ones have formations
//! alone: there the call writes the formation, and waiting looks at what runs.
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
//!     Err(e) if e.is_timeout() => println!("still at it: {} {}", scaling.release_id, scaling.id),
//!     Err(e) => return Err(e),
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::formations::{Processes, Tags};
use crate::ids::{AppId, ReleaseId, ScaleRequestId};
use crate::json::null_is_default;
use crate::releases::Release;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;

string_enum! {
    /// Where a scale request is.
    ScaleState {
        /// The scheduler works on it.
        Pending = "pending",
        /// A later request of the same app and release took its place.
        Cancelled = "cancelled",
        /// Done.
        Complete = "complete",
    }
}

/// A scale request, as the controller keeps it (from v20170309.0 on).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ScaleRequest {
    /// Id, a UUID.
    pub id: ScaleRequestId,
    /// The app's id.
    #[serde(rename = "app")]
    pub app_id: AppId,
    /// The release.
    #[serde(rename = "release")]
    pub release_id: ReleaseId,
    /// Where it is.
    pub state: ScaleState,
    /// Counts before.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub old_processes: Processes,
    /// Counts asked for; types left out keep theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_processes: Option<Processes>,
    /// Tags before.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub old_tags: Tags,
    /// Tags asked for: types left out keep theirs, an empty map clears a type's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_tags: Option<Tags>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// How many jobs a formation means on a cluster of so many hosts: an `omni` process runs its count on
/// each of them. Negative counts, which the server accepts, mean none.
pub fn expected_jobs(processes: &Processes, release: &Release, hosts: u32) -> Processes {
    let jobs = |(name, count): (&String, &i64)| {
        (name.clone(), spread(name, (*count).max(0), release, hosts))
    };
    processes.iter().map(jobs).collect()
}

/// How many jobs come up (positive) or go down (negative) from one formation to another, by process type.
/// Types that the new one does not name keep what they have; types that do not change are left out.
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

#[cfg(feature = "client")]
pub use calls::{ScaleApp, ScaleHandle, ScaleProgress, ScaleStep, WaitForScale};

#[cfg(feature = "client")]
mod calls {
    use std::collections::BTreeSet;
    use std::fmt;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use futures_core::Stream;
    use futures_core::stream::BoxStream;
    use futures_util::stream::{StreamExt as _, unfold};
    use serde_json::{Map, Value, json};

    use super::{ScaleRequest, ScaleState, expected_jobs};
    use crate::apps::AppHandle;
    use crate::error::{Error, ErrorKind, Pending};
    use crate::events::{Event, EventType, EventWatch};
    use crate::formations::{Formation, Processes};
    use crate::ids::{ReleaseId, ScaleRequestId};
    use crate::jobs::Job;
    use crate::transport::{Deadline, Repeat, Request, Spec, operation};

    impl AppHandle {
        /// Asks for so many jobs of these process types, of an `omni` type so many on each host:
        /// `PUT /apps/:a/scale/:r`. Types that are not named keep their jobs. Awaiting it gives a handle
        /// once the server has accepted.
        ///
        /// Servers before v20170309.0 have no scale requests: there the formation is read, changed and
        /// written.
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
                timeout: None,
            }
        }

        /// A scaling that was accepted before, by its ids; the request's is empty on servers before
        /// v20170309.0. Making the handle costs no request.
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
                hosts: None,
            }
        }
    }

    /// Another number of jobs to be asked for; made by [`AppHandle::scale`].
    ///
    /// # Errors
    /// When awaited: not found, when there is no such app or release, or the app has no release; a
    /// validation error for process types that the release does not have.
    #[derive(Clone, Debug)]
    #[must_use = "nothing is sent until it is awaited"]
    pub struct ScaleApp {
        app: AppHandle,
        release: Option<ReleaseId>,
        processes: Map<String, Value>,
        tags: Map<String, Value>,
        hosts: Option<u32>,
        timeout: Option<Duration>,
    }

    impl ScaleApp {
        /// Of this release; of the app's current one, unless set.
        pub fn release(mut self, id: impl Into<ReleaseId>) -> Self {
            self.release = Some(id.into());
            self
        }

        /// All host tags that jobs of this type ask for, instead of those before; none clears them.
        pub fn tags<K: Into<String>, V: Into<String>>(
            mut self,
            process_type: impl Into<String>,
            tags: impl IntoIterator<Item = (K, V)>,
        ) -> Self {
            let tags = tags
                .into_iter()
                .map(|(key, value)| (key.into(), Value::String(value.into())))
                .collect();
            self.tags.insert(process_type.into(), Value::Object(tags));
            self
        }

        /// How many hosts the cluster has, for the jobs of `omni` processes on servers before v20170309.0.
        /// Unless set, the distinct hosts of `/active-jobs` are counted.
        pub fn hosts(mut self, hosts: u32) -> Self {
            self.hosts = Some(hosts);
            self
        }

        async fn run(self, deadline: Deadline) -> Result<ScaleHandle, Error> {
            let Self { app, release, processes, tags, hosts, .. } = self;
            if processes.is_empty() && tags.is_empty() {
                return Err(Error::invalid_input("scaling needs process types or tags"));
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
            // A second request takes the place of the first and asks for the same.
            let spec = Spec::put(
                "/apps/{app}/scale/{release}",
                [app.app.as_str(), release_id.as_str()],
                Repeat::Safe,
            );
            let accepted =
                Request::<ScaleRequest>::json(&app.client, spec.body(&body)).within(deadline).await;
            let accepted = match accepted {
                Ok(request) => Some(request),
                Err(error) if error.is_unsupported() => {
                    app.formations().update(&release_id).all(processes, tags).run(deadline).await?;
                    None
                }
                Err(error) => return Err(error),
            };
            let id = accepted.as_ref().map(|request| request.id.clone()).unwrap_or_default();
            Ok(ScaleHandle { app, release_id, id, accepted, hosts })
        }
    }

    operation!(ScaleApp => ScaleHandle);

    /// A scaling that was accepted: to be waited on, watched, dropped, and picked up again by its ids.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct ScaleHandle {
        app: AppHandle,
        /// The release that is scaled.
        pub release_id: ReleaseId,
        /// Id to go on from later, with [`AppHandle::scaling`]; empty on servers before v20170309.0.
        pub id: ScaleRequestId,
        accepted: Option<ScaleRequest>,
        hosts: Option<u32>,
    }

    impl ScaleHandle {
        /// The request as it was accepted; `None` for a handle made from ids, and on servers before
        /// v20170309.0.
        pub fn accepted(&self) -> Option<&ScaleRequest> {
            self.accepted.as_ref()
        }

        /// See [`ScaleApp::hosts`].
        pub fn hosts(mut self, hosts: u32) -> Self {
            self.hosts = Some(hosts);
            self
        }

        /// The jobs of the release as they change, and the end. With a request's id it begins where the
        /// request did; without one it begins now.
        pub fn watch(&self) -> ScaleProgress {
            let progress = Progress { handle: self.clone(), phase: Phase::Begin };
            ScaleProgress { steps: unfold(progress, step).boxed() }
        }

        /// Waits until what was asked for runs, and gives the formation.
        pub fn wait(&self) -> WaitForScale {
            WaitForScale { handle: self.clone(), timeout: None }
        }

        fn pending(&self, error: Error) -> Error {
            error.with_pending(Pending::Scale {
                app: self.app.app.clone(),
                release: self.release_id.clone(),
                request: self.id.clone(),
            })
        }

        /// Events about the request itself.
        fn own_events(&self) -> crate::events::Events {
            let types = [EventType::ScaleRequest, EventType::ScaleRequestCancelation];
            self.app.client.events().object_types(types).object_id(self.id.as_str())
        }

        /// The end of the request, if its events tell one; and the first of them, after which all else comes.
        async fn look_back(&self) -> Result<(Option<ScaleState>, Option<i64>), Error> {
            let events = self.own_events().list().await?;
            let first = events.last().map(|event| event.id);
            // The oldest word counts: a request that is complete can be called off, and stays complete.
            Ok((events.iter().rev().find_map(ending), first))
        }

        /// Whether what runs is what the formation wants.
        async fn is_settled(&self) -> Result<bool, Error> {
            let client = &self.app.client;
            let release = client.releases().get(&self.release_id).await?;
            let wanted = self.app.formations().get_opt(&self.release_id).await?;
            let active = client.active_jobs().await?;
            let hosts = self.hosts.unwrap_or_else(|| count_hosts(&active));
            let app_id = match &wanted {
                Some(formation) => formation.app_id.clone(),
                None => self.app.get().await?.id,
            };
            let wanted = wanted.map(|formation| formation.processes).unwrap_or_default();
            let mut expected = expected_jobs(&wanted, &release, hosts);
            expected.retain(|_, count| *count > 0);
            let mut running = Processes::new();
            for job in active
                .iter()
                .filter(|job| job.app_id == app_id && job.release_id == self.release_id)
            {
                if job.type_name.is_empty() {
                    continue; // A one-off job belongs to no formation.
                }
                if job.state != crate::jobs::JobState::Up {
                    return Ok(false); // On its way up or down.
                }
                *running.entry(job.type_name.clone()).or_default() += 1;
            }
            Ok(running == expected)
        }
    }

    /// Distinct hosts on which something runs; the cluster's own `omni` apps run on each.
    fn count_hosts(active: &[Job]) -> u32 {
        let hosts: BTreeSet<_> =
            active.iter().map(|job| job.host_id.as_str()).filter(|id| !id.is_empty()).collect();
        u32::try_from(hosts.len()).unwrap_or(u32::MAX)
    }

    /// Whether an event ends its scale request. Before v20190730.0 a cancellation came as a `scale_request`.
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
        /// It has ended: `Complete` or `Cancelled`.
        Ended(ScaleState),
    }

    /// Steps of a scaling; made by [`ScaleHandle::watch`]. It ends after the last one.
    #[must_use = "nothing is sent until it is polled"]
    pub struct ScaleProgress {
        steps: BoxStream<'static, Result<ScaleStep, Error>>,
    }

    impl Stream for ScaleProgress {
        type Item = Result<ScaleStep, Error>;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.steps.as_mut().poll_next(cx)
        }
    }

    impl fmt::Debug for ScaleProgress {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("ScaleProgress").finish_non_exhaustive()
        }
    }

    struct Progress {
        handle: ScaleHandle,
        phase: Phase,
    }

    enum Phase {
        Begin,
        /// The server tells the end.
        Told(EventWatch),
        /// What runs is looked at after each change.
        Looked(EventWatch),
        Done,
    }

    async fn step(mut progress: Progress) -> Option<(Result<ScaleStep, Error>, Progress)> {
        if matches!(progress.phase, Phase::Done) {
            return None;
        }
        let step = progress.next().await;
        if !matches!(step, Ok(ScaleStep::Job(_))) {
            progress.phase = Phase::Done;
        }
        Some((step, progress))
    }

    impl Progress {
        async fn next(&mut self) -> Result<ScaleStep, Error> {
            loop {
                match &mut self.phase {
                    Phase::Begin if self.handle.id.is_empty() => self.begin_looking().await?,
                    Phase::Begin => {
                        if let Some(end) = self.begin_listening().await? {
                            return Ok(ScaleStep::Ended(end));
                        }
                    }
                    Phase::Told(events) => {
                        let event = next_event(events).await?;
                        if event.object_id == self.handle.id.as_str() {
                            if let Some(end) = ending(&event) {
                                return Ok(ScaleStep::Ended(end));
                            }
                        } else if let Some(step) = self.handle.job_step(&event) {
                            return Ok(step);
                        }
                    }
                    Phase::Looked(events) => {
                        if self.handle.is_settled().await? {
                            return Ok(ScaleStep::Ended(ScaleState::Complete));
                        }
                        let event = next_event(events).await?;
                        if let Some(step) = self.handle.job_step(&event) {
                            return Ok(step);
                        }
                    }
                    Phase::Done => return Ok(ScaleStep::Ended(ScaleState::Complete)),
                }
            }
        }

        async fn begin_listening(&mut self) -> Result<Option<ScaleState>, Error> {
            let (end, first) = self.handle.look_back().await?;
            if end.is_some() {
                return Ok(end);
            }
            let Some(first) = first else {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("no scale request {}", self.handle.id),
                ));
            };
            let types =
                [EventType::Job, EventType::ScaleRequest, EventType::ScaleRequestCancelation];
            let events =
                self.handle.app.client.events().of_app(&self.handle.app.app).object_types(types);
            self.phase = Phase::Told(events.watch().after(first));
            Ok(None)
        }

        async fn begin_looking(&mut self) -> Result<(), Error> {
            let events = self
                .handle
                .app
                .client
                .events()
                .of_app(&self.handle.app.app)
                .object_types([EventType::Job]);
            let newest = events.clone().count(1).list().await?.first().map(|event| event.id);
            // From the newest on, so that nothing is missed between looking and listening.
            let watch = match newest {
                Some(newest) => events.watch().after(newest),
                None => events.past().watch(),
            };
            self.phase = Phase::Looked(watch);
            Ok(())
        }
    }

    async fn next_event(events: &mut EventWatch) -> Result<Event, Error> {
        match events.next().await {
            Some(event) => event,
            None => {
                Err(Error::new(ErrorKind::Connection, "the events ended before the scaling did"))
            }
        }
    }

    impl ScaleHandle {
        fn job_step(&self, event: &Event) -> Option<ScaleStep> {
            let job = event.job().ok()?;
            (job.release_id == self.release_id).then(|| ScaleStep::Job(Box::new(job)))
        }
    }

    /// Waiting for a scaling; made by [`ScaleHandle::wait`].
    ///
    /// # Errors
    /// When awaited: [`ErrorKind::Cancelled`] when another request has taken its place;
    /// [`ErrorKind::Timeout`] with the scaling as [`Error::pending`]; those of the event stream and of the
    /// final GET.
    #[derive(Clone, Debug)]
    #[must_use = "nothing is sent until it is awaited"]
    pub struct WaitForScale {
        handle: ScaleHandle,
        timeout: Option<Duration>,
    }

    impl WaitForScale {
        async fn run(self, deadline: Deadline) -> Result<Formation, Error> {
            let handle = &self.handle;
            let end = match deadline.limit(last_step(handle)).await {
                // The stream is lost for good; whether the request is over can still be read.
                Err(error) if !error.is_timeout() && !handle.id.is_empty() => {
                    match deadline.limit(handle.look_back()).await {
                        Ok((Some(end), _)) => Ok(end),
                        _ => Err(error),
                    }
                }
                end => end,
            };
            match end.map_err(|error| handle.pending(error))? {
                ScaleState::Cancelled => Err(Error::new(
                    ErrorKind::Cancelled,
                    "another request has taken the place of this one",
                )),
                _ => handle.formation(deadline).await.map_err(|error| handle.pending(error)),
            }
        }
    }

    operation!(WaitForScale => Formation);

    async fn last_step(handle: &ScaleHandle) -> Result<ScaleState, Error> {
        let mut progress = handle.watch();
        while let Some(step) = progress.next().await {
            if let ScaleStep::Ended(end) = step? {
                return Ok(end);
            }
        }
        Err(Error::new(ErrorKind::Connection, "the events ended before the scaling did"))
    }

    impl ScaleHandle {
        async fn formation(&self, deadline: Deadline) -> Result<Formation, Error> {
            self.app.formations().get(&self.release_id).within(deadline).await
        }
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
        // A type that is not named keeps its jobs; one that is new starts from none.
        assert_eq!(steps(&from, &counts(&[("new", 1)]), &release(), 3), counts(&[("new", 1)]));
        assert_eq!(
            steps(&counts(&[]), &counts(&[("agent", i64::MAX)]), &release(), 3),
            counts(&[("agent", i64::MAX)])
        );
    }
}
