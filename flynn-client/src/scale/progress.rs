//! A scaling under way: watched, waited for, picked up again.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::stream::{StreamExt as _, unfold};

use super::{ScaleRequest, ScaleState, expected_jobs};
use crate::apps::AppHandle;
use crate::ask::told_or_asked;
use crate::error::{Error, ErrorKind, Pending};
use crate::events::{Event, EventType, EventWatch, Events};
use crate::formations::{Formation, Processes};
use crate::ids::{ReleaseId, ScaleRequestId};
use crate::jobs::{Job, JobState};
use crate::releases::Release;
use crate::transport::{Deadline, operation, stream_next};

impl AppHandle {
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

/// A scaling that was accepted: to be waited on, watched, dropped, and picked up again by its ids.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScaleHandle {
    pub(super) app: AppHandle,
    /// The release that is scaled.
    pub release_id: ReleaseId,
    /// Id to go on from later, with [`AppHandle::scaling`]; empty on servers before v20170309.0.
    pub id: ScaleRequestId,
    pub(super) accepted: Option<ScaleRequest>,
    pub(super) hosts: Option<u32>,
}

impl ScaleHandle {
    /// The request as it was accepted; `None` for a handle made from ids, and on servers before
    /// v20170309.0.
    pub fn accepted(&self) -> Option<&ScaleRequest> {
        self.accepted.as_ref()
    }

    /// See [`ScaleApp::hosts`](super::ScaleApp::hosts).
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
    fn own_events(&self) -> Events {
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

    /// The end, if it has come.
    async fn end(&self) -> Result<Option<ScaleState>, Error> {
        if !self.id.is_empty() {
            return Ok(self.look_back().await?.0);
        }
        let release = self.app.client.releases().get(&self.release_id).await?;
        Ok(self.is_settled(&release).await?.then_some(ScaleState::Complete))
    }

    /// Whether what runs is what the formation wants.
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
            if job.type_name.is_empty() {
                continue; // A one-off job belongs to no formation.
            }
            if job.state != JobState::Up {
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

stream_next!(ScaleProgress => ScaleStep);

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
    Looked(EventWatch, Box<Release>),
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
                    let (_, first) = self.handle.look_back().await?;
                    self.begin_listening(first)?;
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
                Phase::Looked(events, release) => {
                    if self.handle.is_settled(release).await? {
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

    /// From the request's own first event on; the end, if it has come already, is among those.
    fn begin_listening(&mut self, first: Option<i64>) -> Result<(), Error> {
        let Some(first) = first else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("no scale request {}", self.handle.id),
            ));
        };
        let types = [EventType::Job, EventType::ScaleRequest, EventType::ScaleRequestCancelation];
        let events =
            self.handle.app.client.events().of_app(&self.handle.app.app).object_types(types);
        self.phase = Phase::Told(events.watch().after(first));
        Ok(())
    }

    async fn begin_looking(&mut self) -> Result<(), Error> {
        let AppHandle { client, app } = &self.handle.app;
        let release = client.releases().get(&self.handle.release_id).await?;
        let events = client.events().of_app(app).object_types([EventType::Job]);
        let newest = events.clone().count(1).list().await?.first().map(|event| event.id);
        // From the newest on, so that nothing is missed between looking and listening.
        let watch = match newest {
            Some(newest) => events.watch().after(newest),
            None => events.past().watch(),
        };
        self.phase = Phase::Looked(watch, Box::new(release));
        Ok(())
    }
}

async fn next_event(events: &mut EventWatch) -> Result<Event, Error> {
    match events.next().await {
        Some(event) => event,
        None => Err(Error::new(ErrorKind::Connection, "the events ended before the scaling did")),
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
        let ask = || async { handle.end().await.ok()? };
        let end = match deadline.limit(told_or_asked(last_step(handle), ask)).await {
            // The stream is lost for good; whether the request is over can still be read.
            Err(error) if !error.is_timeout() && !handle.id.is_empty() => {
                match deadline.limit(handle.look_back()).await {
                    Ok((Some(end), _)) => Ok(end),
                    _ => Err(error),
                }
            }
            end => end,
        };
        if end.map_err(|error| handle.pending(error))? == ScaleState::Cancelled {
            let message = "another request has taken the place of this one";
            return Err(Error::new(ErrorKind::Cancelled, message));
        }
        let formation = handle.app.formations().get(&handle.release_id);
        formation.within(deadline).await.map_err(|error| handle.pending(error))
    }
}

operation!(WaitForScale => Formation);

async fn last_step(handle: &ScaleHandle) -> Result<ScaleState, Error> {
    let mut progress = Progress { handle: handle.clone(), phase: Phase::Begin };
    if !handle.id.is_empty() {
        let (end, first) = handle.look_back().await?;
        if let Some(end) = end {
            return Ok(end);
        }
        progress.begin_listening(first)?;
    }
    loop {
        if let ScaleStep::Ended(end) = progress.next().await? {
            return Ok(end);
        }
    }
}
