//! How deployments proceed: scaling the new release up and the old one down, rolling back.

use std::collections::VecDeque;

use jiff::SignedDuration;

use super::deployments::Deployment;
use super::formations::ScaleRequest;
use super::jobs::Job;
use super::scheduler::MOST_JOBS;
use super::state::{Counts, Tags};
use super::work::{Step, Task};
use super::{Engine, ServerAge};

/// A deployment under way.
#[derive(Debug)]
pub(crate) struct Rollout {
    deployment: Deployment,
    ops: VecDeque<Op>,
    waiting: Option<Op>,
    /// How many operations have begun; tells deadlines apart.
    step: u32,
    /// New jobs that went down.
    failures: u32,
    /// Why it is being rolled back.
    error: Option<String>,
}

/// One operation of a deployment.
#[derive(Clone, Debug)]
enum Op {
    /// Scale a release and, perhaps, wait until it has what it wants.
    Scale { release: String, counts: Option<Counts>, tags: Option<Tags>, wait: bool },
    /// Delete the formation of the release that failed.
    DropNew,
    /// Wait for connections that the deployment itself has broken.
    Resume,
}

/// How many new jobs may go down before a deployment fails.
fn tolerated_failures(age: ServerAge) -> u32 {
    match age {
        ServerAge::V2016 => 0,
        ServerAge::V2021 => 5,
    }
}

impl Engine {
    /// The worker takes up a deployment.
    pub(crate) fn start_rollout(&mut self, id: &str) {
        let found = self.state.deployments.iter().find(|d| d.id == id && d.finished_at.is_none());
        let Some(deployment) = found.cloned() else { return };
        let app = &deployment.app;
        let new = self.state.formation(app, &deployment.new_release).ok().cloned();
        let already = new.and_then(|f| f.processes).unwrap_or_default();
        let done = already == deployment.processes;
        if done && self.options.age == ServerAge::V2016 {
            // Waits for job events that never come: such a deployment stays pending for good.
            return;
        }
        let ops = if done { VecDeque::new() } else { self.plan(&deployment) };
        self.rollouts.push(Rollout {
            deployment: deployment.clone(),
            ops,
            waiting: None,
            step: 0,
            failures: 0,
            error: None,
        });
        self.drive_rollouts(&deployment.app);
    }

    /// The operations of a deployment's strategy.
    fn plan(&self, d: &Deployment) -> VecDeque<Op> {
        let new_types = self.state.release(&d.new_release).map(|r| r.processes.clone());
        let new_types = new_types.unwrap_or_default();
        let old_types = self.state.release(&d.old_release).map(|r| r.processes.clone());
        let tags = (!d.tags.is_empty()).then(|| d.tags.clone());
        let scale_new = |counts: &Counts| Op::Scale {
            release: d.new_release.clone(),
            counts: Some(counts.clone()),
            tags: tags.clone(),
            wait: true,
        };
        let scale_old = |counts: Option<Counts>, wait| Op::Scale {
            release: d.old_release.clone(),
            counts,
            tags: None,
            wait,
        };
        let mut ops = VecDeque::new();
        let in_2016 = self.options.age == ServerAge::V2016;
        let name = self.state.app(&d.app).map_or("", |app| app.name.as_str());
        let breaks = in_2016 && matches!(name, "controller" | "router");
        let resume = breaks.then_some(Op::Resume);
        if d.strategy == "all-at-once" {
            let mut kept = d.processes.clone();
            kept.retain(|typ, _| new_types.contains_key(typ));
            ops.push_back(scale_new(&kept));
            let zero = || {
                let mut counts = d.processes.clone();
                counts.extend(old_types.unwrap_or_default().into_keys().map(|typ| (typ, 0)));
                for n in counts.values_mut() {
                    *n = 0;
                }
                counts
            };
            ops.push_back(scale_old((!in_2016).then(zero), false));
            ops.extend(resume);
            return ops;
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
                    ops.push_back(down);
                    ops.extend(up);
                } else {
                    ops.extend(up);
                    ops.push_back(down);
                }
            }
        }
        if in_2016 {
            ops.push_back(scale_old(None, false));
        }
        ops.extend(resume);
        ops
    }

    /// Moves the deployments of an app on as far as they go.
    pub(crate) fn drive_rollouts(&mut self, app: &str) {
        while let Some(at) =
            self.rollouts.iter().position(|r| r.deployment.app == app && self.can_go_on(r))
        {
            let mut rollout = self.rollouts.swap_remove(at);
            rollout.waiting = None;
            let Some(op) = rollout.ops.pop_front() else {
                self.finish_rollout(rollout);
                continue;
            };
            rollout.step += 1;
            let (step, id) = (rollout.step, rollout.deployment.id.clone());
            let deadline = Step::Deadline { deployment: id, step };
            match op {
                Op::Scale { wait: true, .. } => {
                    rollout.waiting = Some(op.clone());
                    let seconds = rollout.deployment.deploy_timeout.into();
                    self.after(SignedDuration::from_secs(seconds), deadline);
                }
                Op::Resume => {
                    rollout.waiting = Some(Op::Resume);
                    self.later(self.options.delays.resume, deadline);
                }
                _ => {}
            }
            let deployment = rollout.deployment.clone();
            // Listed again before it acts, since the act itself can drive it on.
            self.rollouts.push(rollout);
            self.perform(&deployment, op);
        }
    }

    /// Whether nothing keeps a deployment from its next operation.
    fn can_go_on(&self, rollout: &Rollout) -> bool {
        match &rollout.waiting {
            Some(Op::Scale { release, .. }) => {
                let app = &rollout.deployment.app;
                !self.queue.will_reconcile(app, release) && self.is_settled(app, release)
            }
            Some(Op::Resume) => false,
            _ => true,
        }
    }

    fn perform(&mut self, d: &Deployment, op: Op) {
        // A release or formation that is gone meanwhile leaves nothing to scale.
        let _ = match op {
            Op::Resume => Ok(()),
            Op::DropNew => self.remove_formation(&d.app, &d.new_release),
            Op::Scale { release, counts, tags, .. } => match self.options.age {
                ServerAge::V2016 => {
                    self.replace_formation(&d.app, &release, counts, tags).map(|_| ())
                }
                ServerAge::V2021 => {
                    let request = ScaleRequest {
                        app: d.app.clone(),
                        release,
                        new_processes: Some(counts),
                        new_tags: tags.map(Some),
                        ..ScaleRequest::default()
                    };
                    self.add_scale_request(request, false).map(|_| ())
                }
            },
        };
    }

    /// A deployment has run out of operations: it is complete, or rolled back.
    fn finish_rollout(&mut self, rollout: Rollout) {
        let d = rollout.deployment;
        if let Some(error) = rollout.error {
            let at = self.time();
            self.deployment_event(at, &d, "failed", Some(&error));
        } else {
            // The app can be gone by now.
            let _ = self.set_release(&d.app, &d.new_release);
            if self.options.age == ServerAge::V2021 {
                self.enqueue(Task::CollectGarbage { app: d.app.clone() });
                self.mark_done(&d.id);
                let at = self.time();
                self.deployment_event(at, &d, "complete", None);
            } else {
                let at = self.time();
                self.deployment_event(at, &d, "complete", None);
                self.enqueue(Task::CollectGarbage { app: d.app.clone() });
                self.mark_done(&d.id);
            }
        }
        self.drive_migrations();
    }

    fn mark_done(&mut self, id: &str) {
        let at = self.time();
        if let Some(row) = self.state.deployments.iter_mut().find(|row| row.id == id) {
            row.finished_at = Some(at);
        }
    }

    /// A job of a formation went down: too many of them fail the deployment that waits for it.
    pub(crate) fn note_failure(&mut self, job: &Job) {
        let age = self.options.age;
        let Some(rollout) = self.rollouts.iter_mut().find(|r| {
            let waits =
                matches!(&r.waiting, Some(Op::Scale { release, .. }) if *release == job.release);
            waits && r.deployment.new_release == job.release && r.error.is_none()
        }) else {
            return;
        };
        rollout.failures += 1;
        if rollout.failures <= tolerated_failures(age) {
            return;
        }
        let reason = job.host_error.as_deref().unwrap_or("got down job event");
        let error = match (age, &job.host_error) {
            (ServerAge::V2016, Some(_)) => {
                format!("deployer: {} job failed to start: {reason}", job.kind)
            }
            (ServerAge::V2016, None) => {
                format!("{} process type failed to start, got down job event", job.kind)
            }
            (ServerAge::V2021, _) => format!("{} job failed to start: {reason}", job.kind),
        };
        let id = rollout.deployment.id.clone();
        self.roll_back(&id, error);
    }

    /// A step of a deployment has taken longer than the app allows.
    pub(crate) fn deadline(&mut self, deployment: &str, step: u32) {
        let Some(rollout) = self
            .rollouts
            .iter()
            .find(|r| r.deployment.id == deployment && r.step == step && r.waiting.is_some())
        else {
            return;
        };
        if rollout.error.is_some() || matches!(rollout.waiting, Some(Op::Resume)) {
            // Rolling back is not waited for any longer, and what was broken is whole again.
            let app = rollout.deployment.app.clone();
            if let Some(rollout) = self.rollouts.iter_mut().find(|r| r.deployment.id == deployment)
            {
                rollout.waiting = None;
            }
            return self.drive_rollouts(&app);
        }
        let seconds = rollout.deployment.deploy_timeout;
        let error = match self.options.age {
            ServerAge::V2016 => "timed out waiting for job events: map[]".to_owned(),
            ServerAge::V2021 => {
                format!("timed out waiting for scale to complete (waited {seconds} seconds)")
            }
        };
        self.roll_back(deployment, error);
    }

    /// Gives a deployment up: the old formation comes back, the new one goes.
    fn roll_back(&mut self, deployment: &str, error: String) {
        self.mark_done(deployment);
        let Some(rollout) = self.rollouts.iter_mut().find(|r| r.deployment.id == deployment) else {
            return;
        };
        let d = &rollout.deployment;
        rollout.error = Some(error);
        rollout.step += 1;
        rollout.waiting = Some(Op::Resume);
        rollout.ops = VecDeque::from([
            Op::Scale {
                release: d.old_release.clone(),
                counts: Some(d.processes.clone()),
                tags: (!d.tags.is_empty()).then(|| d.tags.clone()),
                wait: true,
            },
            Op::DropNew,
        ]);
        let step = Step::Deadline { deployment: deployment.to_owned(), step: rollout.step };
        self.later(self.options.delays.work, step);
    }

    /// Whether a deployment is still under way, and with which status it ended.
    pub(crate) fn deployment_outcome(&self, id: &str) -> Option<&str> {
        let row = self.state.deployments.iter().find(|d| d.id == id)?;
        (row.status != "pending" && row.status != "running").then_some(row.status.as_str())
    }

    /// Whether a step has nothing to do any more: the deadline of something that was in time.
    pub(crate) fn is_stale(&self, step: &Step) -> bool {
        let Step::Deadline { deployment, step } = step else { return false };
        !self
            .rollouts
            .iter()
            .any(|r| r.deployment.id == *deployment && r.step == *step && r.waiting.is_some())
    }

    /// An app that is deleted takes its deployments with it.
    pub(crate) fn rollouts_of_deleted_app(&mut self, app: &str) {
        self.rollouts.retain(|rollout| rollout.deployment.app != app);
    }
}
