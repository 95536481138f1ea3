//! Carries out deployments: scales the new release up and the old one down, or rolls back.

use std::collections::VecDeque;

use jiff::SignedDuration;

use crate::dialect::RolloutBy;
use crate::life::work::{Step, Task};
use crate::life::{Engine, MOST_JOBS};
use crate::store::{Counts, Deployment, DeploymentStatus, Job, ScaleRequest, ScaleState, Tags};

/// A running deployment.
#[derive(Clone, Debug)]
pub(crate) struct Rollout {
    deployment: Deployment,
    actions: VecDeque<Action>,
    waiting: Option<Action>,
    /// The scale request that it waits for (2021 only).
    request: Option<String>,
    /// The number of the current deadline. Each operation and, in 2016, each event starts a new one.
    step: u32,
    /// The job events that a worker of 2016 waits for, in its own format.
    expected: String,
    /// The number of new jobs that went down.
    failures: u32,
    /// The reason of the rollback.
    error: Option<String>,
}

/// An action of a deployment.
#[derive(Clone, Debug)]
enum Action {
    /// Scale a release and optionally wait until it is scaled.
    Scale { release: String, counts: Option<Counts>, tags: Option<Tags>, wait: bool },
    /// Delete the formation of the failed release.
    DropNew,
    /// Wait for connections that the deployment itself has broken.
    Resume,
}

/// The number of new jobs that may go down in 2021 before a deployment fails.
const TOLERATED_FAILURES: u32 = 5;

/// The time that a rollback waits for the old release's jobs.
const ROLLBACK_SECONDS: i64 = 10;

impl Rollout {
    /// Returns whether it deploys this app.
    pub(crate) fn is_of(&self, app: &str) -> bool {
        self.deployment.app == app
    }

    /// Starts a new deadline, which replaces earlier ones.
    fn next_deadline(&mut self) -> Step {
        self.step += 1;
        Step::Deadline { deployment: self.deployment.id.clone(), step: self.step }
    }
}

impl Engine {
    /// Starts a deployment in the worker.
    pub(crate) fn start_rollout(&mut self, id: &str) {
        let found = self.tables.deployments.iter().find(|d| d.id == id && d.finished_at.is_none());
        let Some(deployment) = found.cloned() else { return };
        let app = &deployment.app;
        let new = self.tables.formation(app, &deployment.new_release).ok().cloned();
        let already = new.and_then(|f| f.processes).unwrap_or_default();
        let done = already == deployment.processes && self.dialect.scale_requests;
        let actions = if done { VecDeque::new() } else { self.plan(&deployment) };
        self.rollouts.push(Rollout {
            deployment: deployment.clone(),
            actions,
            waiting: None,
            request: None,
            step: 0,
            expected: String::new(),
            failures: 0,
            error: None,
        });
        self.drive_rollouts(&deployment.app);
    }

    /// Returns the operations of a deployment's strategy.
    fn plan(&self, d: &Deployment) -> VecDeque<Action> {
        let new_types = self.tables.release(&d.new_release).map(|r| r.processes.clone());
        let new_types = new_types.unwrap_or_default();
        let old_types = self.tables.release(&d.old_release).map(|r| r.processes.clone());
        let tags = (!d.tags.is_empty()).then(|| d.tags.clone());
        let scale_new = |counts: &Counts| Action::Scale {
            release: d.new_release.clone(),
            counts: Some(counts.clone()),
            tags: tags.clone(),
            wait: true,
        };
        let scale_old = |counts: Option<Counts>, wait| Action::Scale {
            release: d.old_release.clone(),
            counts,
            tags: None,
            wait,
        };
        let mut actions = VecDeque::new();
        let by_events = self.dialect.rollout_by == RolloutBy::JobEvents;
        let name = self.tables.app(&d.app).map_or("", |app| app.name.as_str());
        let breaks = self.dialect.breaks_worker.contains(&name);
        let resume = breaks.then_some(Action::Resume);
        if d.strategy == "all-at-once" {
            let mut kept = d.processes.clone();
            kept.retain(|typ, _| new_types.contains_key(typ));
            actions.push_back(scale_new(&kept));
            let zero = || {
                let mut counts = d.processes.clone();
                counts.extend(old_types.unwrap_or_default().into_keys().map(|typ| (typ, 0)));
                for n in counts.values_mut() {
                    *n = 0;
                }
                counts
            };
            actions.push_back(scale_old((!by_events).then(zero), false));
            actions.extend(resume);
            return actions;
        }
        let batch = match d.strategy.as_str() {
            "in-batches" => d.deploy_batch_size.unwrap_or(3).max(1),
            _ => 1,
        };
        let (mut new, mut old) = (Counts::new(), d.processes.clone());
        for (typ, count) in &d.processes {
            let exists = new_types.contains_key(typ);
            let count = (*count).min(MOST_JOBS);
            let mut moved = 0;
            while moved < count {
                let step = batch.min(count - moved);
                moved += step;
                let down = (old.get(typ).copied().unwrap_or(0) - step).max(0);
                old.insert(typ.clone(), down);
                if exists {
                    new.insert(typ.clone(), moved);
                }
                let up = exists.then(|| scale_new(&new));
                let down = scale_old(Some(old.clone()), true);
                if d.strategy == "one-down-one-up" {
                    actions.push_back(down);
                    actions.extend(up);
                } else {
                    actions.extend(up);
                    actions.push_back(down);
                }
            }
        }
        if by_events {
            actions.push_back(scale_old(None, false));
        }
        actions.extend(resume);
        actions
    }

    /// Advances the deployments of an app as far as possible.
    pub(crate) fn drive_rollouts(&mut self, app: &str) {
        while let Some(at) =
            self.rollouts.iter().position(|r| r.deployment.app == app && self.can_go_on(r))
        {
            let mut rollout = self.rollouts.swap_remove(at);
            (rollout.waiting, rollout.request) = (None, None);
            let Some(action) = rollout.actions.pop_front() else {
                self.finish_rollout(rollout);
                continue;
            };
            match &action {
                Action::Scale { wait: true, release, counts, .. } => {
                    rollout.waiting = Some(action.clone());
                    rollout.expected = self.expected_events(app, release, counts.as_ref());
                    self.set_deadline(&mut rollout);
                }
                Action::Resume => {
                    rollout.waiting = Some(Action::Resume);
                    let deadline = rollout.next_deadline();
                    self.later(self.options.delays.resume, deadline);
                }
                _ => {}
            }
            let deployment = rollout.deployment.clone();
            // It is listed again before the action, since the action itself can advance it.
            self.rollouts.push(rollout);
            let waits = matches!(action, Action::Scale { wait: true, .. });
            let request = self.perform(&deployment, action).filter(|_| waits);
            if let Some(rollout) = self.rollout_mut(&deployment.id) {
                rollout.request = request;
            }
        }
    }

    fn rollout_mut(&mut self, deployment: &str) -> Option<&mut Rollout> {
        self.rollouts.iter_mut().find(|rollout| rollout.deployment.id == deployment)
    }

    /// Sets the deadline: a waiting deployment gives up after its app's timeout, and a rollback after ten seconds.
    fn set_deadline(&mut self, rollout: &mut Rollout) {
        let seconds = match &rollout.error {
            None => rollout.deployment.deploy_timeout.into(),
            Some(_) => ROLLBACK_SECONDS,
        };
        let deadline = rollout.next_deadline();
        self.after(SignedDuration::from_secs(seconds), deadline);
    }

    /// Returns the events that bring a formation to these counts, as Go prints them.
    fn expected_events(&self, app: &str, release: &str, counts: Option<&Counts>) -> String {
        let before = self.tables.formation(app, release).ok().and_then(|f| f.processes.as_ref());
        let processes = self.tables.release(release).map(|r| &r.processes).ok();
        let hosts = i64::try_from(self.options.hosts.len()).unwrap_or(1);
        let events = counts.into_iter().flatten().filter_map(|(typ, count)| {
            let had = before.and_then(|before| before.get(typ)).copied().unwrap_or(0);
            let omni = processes.and_then(|p| p.get(typ)).is_some_and(|p| p.omni);
            let state = if *count > had { "up" } else { "down" };
            let jobs =
                count.abs_diff(had).saturating_mul(if omni { hosts.unsigned_abs() } else { 1 });
            (jobs > 0).then(|| format!("{typ}:map[{state}:{jobs}]"))
        });
        format!("map[{}]", events.collect::<Vec<_>>().join(" "))
    }

    /// Restarts the deadline of a worker of 2016, which gives up only if there is no event of the release's jobs for
    /// this long.
    pub(crate) fn note_job_event(&mut self, job: &Job) {
        if self.dialect.rollout_by != RolloutBy::JobEvents {
            return;
        }
        let waits = |r: &Rollout| {
            r.deployment.app == job.app
                && r.error.is_none()
                && matches!(&r.waiting, Some(Action::Scale { release, .. }) if *release == job.release)
        };
        if let Some(at) = self.rollouts.iter().position(waits) {
            let mut rollout = self.rollouts.swap_remove(at);
            self.set_deadline(&mut rollout);
            self.rollouts.push(rollout);
        }
    }

    /// Returns whether a deployment can start its next operation.
    fn can_go_on(&self, rollout: &Rollout) -> bool {
        if self.tables.app(&rollout.deployment.app).is_err() {
            return false; // Deleted: nothing happens until the timeout.
        }
        match &rollout.waiting {
            Some(Action::Scale { release, .. })
                if self.dialect.rollout_by == RolloutBy::JobEvents =>
            {
                let d = &rollout.deployment;
                // If the release already runs, no job will start, so this waits in vain.
                let in_vain = d.old_release == d.new_release && rollout.error.is_none();
                let settled = self.is_settled(&d.app, release);
                !in_vain && settled && !self.queue.will_reconcile(&d.app, release)
            }
            Some(Action::Scale { .. }) => rollout.request.as_ref().is_none_or(|id| {
                let request = self.tables.scale_requests.iter().find(|request| request.id == *id);
                request.is_none_or(|request| request.state == ScaleState::Complete)
            }),
            Some(Action::Resume) => false,
            _ => true,
        }
    }

    /// Carries out an operation. Returns its scale request.
    fn perform(&mut self, d: &Deployment, action: Action) -> Option<String> {
        if matches!(&action, Action::Scale { release, .. } if *release == d.old_release) {
            self.router_closes(&d.app);
        }
        // If the release or formation no longer exists, there is nothing to scale.
        match action {
            Action::Resume => None,
            Action::DropNew => {
                let _ = self.remove_formation(&d.app, &d.new_release);
                None
            }
            Action::Scale { release, counts, tags, .. } => match self.dialect.rollout_by {
                RolloutBy::JobEvents => {
                    let _ = self.replace_formation(&d.app, &release, counts, tags);
                    None
                }
                RolloutBy::ScaleRequests => {
                    let request = ScaleRequest {
                        app: d.app.clone(),
                        release,
                        new_processes: Some(counts),
                        new_tags: tags.map(Some),
                        ..ScaleRequest::default()
                    };
                    self.add_scale_request(request, false).ok().map(|request| request.id)
                }
            },
        }
    }

    /// Handles the cancellation of a scale request by another one. A deployment that waits for it to scale the old
    /// release down fails. A deployment that waits for the new release keeps waiting until its timeout.
    pub(crate) fn note_cancelled(&mut self, request: &str) {
        let waits = |r: &&Rollout| {
            let for_old = matches!(&r.waiting, Some(Action::Scale { release, .. })
                if *release == r.deployment.old_release);
            for_old && r.request.as_deref() == Some(request) && r.error.is_none()
        };
        let Some(id) = self.rollouts.iter().find(waits).map(|r| r.deployment.id.clone()) else {
            return;
        };
        self.roll_back(&id, "scale request cancelled".to_owned());
    }

    /// Returns whether a deployment waits for a cancelled scale request of its new release. A later request stays
    /// pending until the deployment has failed.
    pub(crate) fn is_held_by_rollout(&self, release: &str) -> bool {
        let waits_for = |id: &String| {
            let mut requests = self.tables.scale_requests.iter();
            requests.any(|request| request.id == *id && request.state == ScaleState::Cancelled)
        };
        self.rollouts.iter().any(|r| {
            r.error.is_none()
                && r.deployment.new_release == release
                && r.request.as_ref().is_some_and(waits_for)
        })
    }

    /// Ends a deployment without further operations: it is complete or rolled back.
    fn finish_rollout(&mut self, rollout: Rollout) {
        let d = rollout.deployment;
        if let Some(error) = rollout.error {
            let at = self.time();
            self.deployment_event(at, &d, DeploymentStatus::Failed, Some(&error));
        } else {
            // The app may no longer exist.
            let _ = self.set_release(&d.app, &d.new_release);
            if self.dialect.rollout_by == RolloutBy::ScaleRequests {
                self.enqueue(Task::CollectGarbage { app: d.app.clone() });
                self.finish(&d.id);
                let at = self.time();
                self.deployment_event(at, &d, DeploymentStatus::Complete, None);
            } else {
                let at = self.time();
                self.deployment_event(at, &d, DeploymentStatus::Complete, None);
                self.enqueue(Task::CollectGarbage { app: d.app.clone() });
                self.finish(&d.id);
            }
        }
        self.router_is_deployed(&d.app);
        self.drive_migrations();
    }

    pub(crate) fn mark_done(&mut self, id: &str) {
        let at = self.time();
        let mut rows = self.tables.deployments.iter_mut();
        let Some(row) = rows.find(|row| row.id == id) else { return };
        row.finished_at = Some(at);
        let app = row.app.clone();
        self.start_queued(&app);
    }

    /// Counts a job of a formation that went down. Too many of them fail the waiting deployment.
    pub(crate) fn note_failure(&mut self, job: &Job) {
        let by = self.dialect.rollout_by;
        let release = self.tables.releases.iter().find(|release| release.id == job.release);
        let process = release.and_then(|release| release.processes.get(&job.kind));
        let is_service = process.is_some_and(|process| !process.service.is_empty());
        let Some(rollout) = self.rollouts.iter_mut().find(|r| {
            let waits =
                matches!(&r.waiting, Some(Action::Scale { release, .. }) if *release == job.release);
            waits && r.deployment.new_release == job.release && r.error.is_none()
        }) else {
            return;
        };
        rollout.failures += 1;
        let reason = job.host_error.as_deref();
        let error = match by {
            RolloutBy::JobEvents if is_service => {
                format!("{} process type failed to start, got down job event", job.kind)
            }
            RolloutBy::JobEvents => match reason {
                Some(reason) => format!("deployer: {} job failed to start: {reason}", job.kind),
                // One of its jobs is not up, and it waits for the next one.
                None => return,
            },
            RolloutBy::ScaleRequests if rollout.failures <= TOLERATED_FAILURES => return,
            RolloutBy::ScaleRequests => {
                let reason = reason.unwrap_or("got down job event");
                format!("{} job failed to start: {reason}", job.kind)
            }
        };
        let id = rollout.deployment.id.clone();
        self.roll_back(&id, error);
    }

    /// Handles a step of a deployment that has taken longer than the app allows.
    pub(crate) fn deadline(&mut self, deployment: &str, step: u32) {
        let Some(rollout) = self
            .rollouts
            .iter()
            .find(|r| r.deployment.id == deployment && r.step == step && r.waiting.is_some())
        else {
            return;
        };
        if self.tables.app(&rollout.deployment.app).is_err() {
            return self.fail_without_app(deployment);
        }
        if rollout.error.is_some() || matches!(rollout.waiting, Some(Action::Resume)) {
            // Stop waiting for the rollback; the broken connections are restored.
            let app = rollout.deployment.app.clone();
            if let Some(rollout) = self.rollouts.iter_mut().find(|r| r.deployment.id == deployment)
            {
                rollout.waiting = None;
            }
            return self.drive_rollouts(&app);
        }
        let error = self.timed_out(rollout);
        self.roll_back(deployment, error);
    }

    /// Fails the deployments of a deleted app after their timeout. There is no rollback.
    fn fail_without_app(&mut self, deployment: &str) {
        let Some(at) = self.rollouts.iter().position(|r| r.deployment.id == deployment) else {
            return;
        };
        let mut rollout = self.rollouts.swap_remove(at);
        if rollout.error.is_none() {
            self.mark_done(deployment);
            rollout.error = Some(self.timed_out(&rollout));
        }
        self.finish_rollout(rollout);
    }

    fn timed_out(&self, rollout: &Rollout) -> String {
        let seconds = rollout.deployment.deploy_timeout;
        match self.dialect.rollout_by {
            RolloutBy::JobEvents => {
                format!("timed out waiting for job events: {}", rollout.expected)
            }
            RolloutBy::ScaleRequests => {
                format!("timed out waiting for scale to complete (waited {seconds} seconds)")
            }
        }
    }

    /// Rolls a deployment back: restores the old formation and removes the new one.
    fn roll_back(&mut self, deployment: &str, error: String) {
        self.mark_done(deployment);
        let Some(rollout) = self.rollouts.iter_mut().find(|r| r.deployment.id == deployment) else {
            return;
        };
        let d = &rollout.deployment;
        rollout.error = Some(error);
        rollout.waiting = Some(Action::Resume);
        rollout.actions = VecDeque::from([
            Action::Scale {
                release: d.old_release.clone(),
                counts: Some(d.processes.clone()),
                tags: (!d.tags.is_empty()).then(|| d.tags.clone()),
                wait: true,
            },
            Action::DropNew,
        ]);
        let deadline = rollout.next_deadline();
        self.later(self.options.delays.work, deadline);
    }

    /// Returns the final status of a deployment, or `None` while it runs.
    pub(crate) fn deployment_outcome(&self, id: &str) -> Option<DeploymentStatus> {
        let row = self.tables.deployments.iter().find(|d| d.id == id)?;
        (!row.is_under_way()).then_some(row.status)
    }

    /// Returns whether a step is obsolete: the deadline of an operation that finished in time.
    pub(crate) fn is_stale(&self, step: &Step) -> bool {
        let Step::Deadline { deployment, step } = step else { return false };
        !self
            .rollouts
            .iter()
            .any(|r| r.deployment.id == *deployment && r.step == *step && r.waiting.is_some())
    }
}
