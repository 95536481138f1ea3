//! The steps of a scaling, from its events or from the running jobs.

use futures_util::stream::unfold;

use super::{ScaleHandle, ScaleProgress, ScaleState, ScaleStep, ending};
use crate::apps::AppHandle;
use crate::error::{Error, ErrorKind};
use crate::events::{Event, EventType, EventWatch};
use crate::operation::Progress;
use crate::releases::Release;

/// The source of a scaling's steps.
pub(super) struct Steps {
    pub(super) handle: ScaleHandle,
    pub(super) phase: Phase,
}

pub(super) enum Phase {
    Begin,
    /// The server reports the end.
    Told(EventWatch),
    /// After each change the jobs are compared with the formation.
    Looked(EventWatch, Box<Release>),
}

impl Steps {
    pub(super) fn into_progress(self) -> ScaleProgress {
        let steps = unfold(self, |mut steps| async move { Some((steps.next().await, steps)) });
        Progress::until(steps, |step| matches!(step, ScaleStep::Ended(_)))
    }

    async fn next(&mut self) -> Result<ScaleStep, Error> {
        loop {
            match &mut self.phase {
                Phase::Begin if self.handle.id.is_empty() => self.look().await?,
                Phase::Begin => {
                    let (_, first) = self.handle.look_back().await?;
                    self.listen(first)?;
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
            }
        }
    }

    /// Follows the events after the first one of the request. The end is among them, even if it is in the past.
    pub(super) fn listen(&mut self, first: Option<i64>) -> Result<(), Error> {
        let ScaleHandle { app, id, .. } = &self.handle;
        let Some(first) = first else {
            return Err(Error::new(ErrorKind::NotFound, format!("no event of scale request {id}")));
        };
        let types = [EventType::Job, EventType::ScaleRequest, EventType::ScaleRequestCancelation];
        let events = app.client.events().of_app(&app.app).object_types(types);
        self.phase = Phase::Told(events.watch().after(first));
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Error> {
        let AppHandle { client, app } = &self.handle.app;
        let release = client.releases().get(&self.handle.release_id).await?;
        let events = client.events().of_app(app).object_types([EventType::Job]);
        let newest = events.clone().count(1).list().await?.first().map(|event| event.id);
        // Start with the newest event, so that nothing is missed between the check and the stream.
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
