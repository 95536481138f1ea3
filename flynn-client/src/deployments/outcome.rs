//! The outcome of a deployment, and the reason of a failure.

use std::future::IntoFuture as _;
use std::time::Duration;

use super::{Deployment, DeploymentEvent, DeploymentHandle, DeploymentStatus};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::ids::JobId;
use crate::transport::Deadline;

/// A deployment that has ended: its last step, or its record.
pub enum Ended {
    Step(DeploymentEvent),
    Known(Deployment),
}

/// The longest delay between the end of a deployment and its record.
const SETTLE: Duration = Duration::from_secs(10);
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Reads a deployment that has ended until its record has both outcome and time. Only then does the server accept the
/// next one. Servers before v20170309.0 write `complete` before the time, and roll a failure back in between.
pub(super) async fn settle(
    handle: &DeploymentHandle,
    known: Deployment,
    deadline: Deadline,
) -> Deployment {
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

pub(super) async fn judge(
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
    let reason = if reason.is_empty() { "no reason given" } else { &reason };
    let error = Error::new(ErrorKind::Failed, format!("deployment {}: {reason}", deployment.id));
    Err(match failed_job(&handle.client, &deployment, deadline).await {
        Some((job, lines)) => error.with_failed_job(job, lines),
        None => error,
    })
}

/// The time limit of the search for the failed job. The outcome is already known.
const POST_MORTEM: Duration = Duration::from_secs(5);
const LOG_TAIL: u32 = 10;

/// Returns why a deployment failed that had ended before the wait. Only its events contain the reason.
async fn last_error(handle: &DeploymentHandle, deadline: Deadline) -> Option<String> {
    let events = handle.events().list().run(deadline).await.ok()?;
    let steps = events.iter().filter_map(|event| event.deployment().ok());
    steps.map(|step| step.error).find(|error| !error.is_empty())
}

/// Returns the newest failed job of the new release, and its last log lines.
async fn failed_job(
    client: &Client,
    deployment: &Deployment,
    deadline: Deadline,
) -> Option<(JobId, Vec<String>)> {
    let app = client.app(&deployment.app_id);
    let jobs = app.jobs().list().within(deadline).await.ok()?;
    let job = jobs.into_iter().find(|job| {
        job.release_id == deployment.new_release_id
            && !job.process_type.is_empty()
            && job.has_failed()
    })?;
    if job.id.is_empty() {
        return Some((job.uuid.into(), Vec::new())); // It never reached a host.
    }
    let log = app.log().job(&job.id).lines(LOG_TAIL).into_future();
    let lines = deadline.limit(log).await.unwrap_or_default();
    Some((job.id, lines.into_iter().map(|line| line.msg).collect()))
}
