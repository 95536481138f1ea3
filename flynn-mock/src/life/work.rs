//! The background work: steps in the order of their times, and the worker's tasks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::life::{Engine, Pace};
use crate::store::Route;

/// The maximum time of the mock's clock for [`Engine::run_to_end`].
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// A task of the worker.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// Carry out a deployment.
    Deploy { deployment: String },
    /// Delete an app and everything that belongs to it.
    DeleteApp { app: String },
    /// Delete old releases of an app.
    CollectGarbage { app: String },
    /// Delete the files of a deleted release.
    CleanUpRelease { app: String, release: String, files: Vec<String> },
    /// Move the cluster to another domain; `failures` counts the attempts so far.
    MigrateDomain { migration: String, failures: u32 },
}

/// A step that happens at its time.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The worker starts a task.
    Work(Task),
    /// The scheduler starts and stops jobs to match a formation.
    Reconcile { app: String, release: String },
    /// A pending job is placed on a host.
    Place { job: String },
    /// A starting job is up, or has crashed.
    Started { job: String },
    /// A stopping job is down.
    Stopped { job: String },
    /// A one-off job's program starts.
    Run { job: String },
    /// A one-off job whose program has exited is down.
    Exited { job: String, status: i32 },
    /// A program's waiting time has passed.
    Timer { job: String },
    /// A deployment's step has taken too long.
    Deadline { deployment: String, step: u32 },
    /// A deployment that is complete is finished.
    Finish { deployment: String },
    /// A backup has been written.
    FinishBackup { backup: String },
    /// The router of 2016 reports a changed route.
    ReportRoute { kind: &'static str, route: Box<Route> },
}

/// The planned steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    steps: BTreeMap<(Timestamp, u64), Step>,
    count: u64,
}

impl Queue {
    fn push(&mut self, due: Timestamp, step: Step) {
        self.count += 1;
        self.steps.insert((due, self.count), step);
    }

    /// Returns the steps in the order in which they are due.
    fn iter(&self) -> impl Iterator<Item = (Timestamp, &Step)> {
        self.steps.iter().map(|((due, _), step)| (*due, step))
    }

    /// Takes the next step if it is due by then.
    fn pop(&mut self, until: Timestamp) -> Option<(Timestamp, Step)> {
        let entry = self.steps.first_entry()?;
        let due = entry.key().0;
        (due <= until).then(|| (due, entry.remove()))
    }

    /// Returns whether a reconciliation of a formation is already planned.
    pub(crate) fn will_reconcile(&self, app: &str, release: &str) -> bool {
        self.steps.values().any(|step| {
            matches!(step, Step::Reconcile { app: a, release: r } if a == app && r == release)
        })
    }
}

impl Engine {
    /// Plans a step. With the pace `AtOnce`, it has no delay.
    pub(crate) fn later(&mut self, delay: SignedDuration, step: Step) {
        let delay = if self.options.pace == Pace::AtOnce { SignedDuration::ZERO } else { delay };
        self.after(delay, step);
    }

    /// Plans a step after this time, independent of the pace. Increases the version, so that a task that sleeps until
    /// the next step wakes up even if the request changed nothing else.
    pub(crate) fn after(&mut self, delay: SignedDuration, step: Step) {
        self.version += 1;
        let due = self.now.checked_add(delay.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX);
        self.queue.push(due, step);
    }

    /// Passes a task to the worker.
    pub(crate) fn enqueue(&mut self, task: Task) {
        self.later(self.options.delays.work, Step::Work(task));
    }

    /// Returns the time of the next step that is not obsolete.
    pub(crate) fn next_step_due(&self) -> Option<Timestamp> {
        self.queue.iter().find(|(_, step)| !self.is_stale(step)).map(|(due, _)| due)
    }

    /// Runs all background work to completion. Skips steps that only restart crashing jobs, and stops after an hour of
    /// the mock's clock.
    pub(crate) fn run_to_end(&mut self) {
        let limit = self.now.checked_add(LONGEST).unwrap_or(Timestamp::MAX);
        while self.now < limit && self.ends_something() && self.run_next(limit) {}
    }

    /// Returns whether there is a step other than the restart of a crashing job.
    fn ends_something(&self) -> bool {
        self.queue.iter().any(|(_, step)| !self.is_stale(step) && !self.restarts_a_crash(step))
    }

    /// Runs all steps that are due by then.
    pub(crate) fn run_due(&mut self, until: Timestamp) {
        while self.run_next(until) {}
    }

    /// Runs the next step if it is due by then, and moves the clock to its time.
    pub(crate) fn run_next(&mut self, until: Timestamp) -> bool {
        if self.callbacks.hold() {
            return false;
        }
        while let Some((due, step)) = self.queue.pop(until) {
            if !self.is_stale(&step) {
                self.now = self.now.max(due);
                self.run(step);
                return true;
            }
        }
        false
    }

    fn run(&mut self, step: Step) {
        self.version += 1;
        self.given_time = None;
        match step {
            Step::Work(Task::Deploy { deployment }) => self.start_rollout(&deployment),
            Step::Work(Task::DeleteApp { app }) => self.work_off_app_deletion(&app),
            Step::Work(Task::CollectGarbage { app }) => self.work_off_garbage(&app),
            Step::Work(Task::CleanUpRelease { app, release, files }) => {
                self.work_off_cleanup(&app, &release, &files);
            }
            Step::Work(Task::MigrateDomain { migration, failures }) => {
                self.start_migration(&migration, failures);
            }
            Step::Reconcile { app, release } => self.reconcile(&app, &release),
            Step::Place { job } => self.place(&job),
            Step::Started { job } => self.started(&job),
            Step::Stopped { job } => self.stopped(&job),
            Step::Run { job } => self.run_program(&job),
            Step::Exited { job, status } => self.end_one_off(&job, status),
            Step::Timer { job } => self.wake_program(&job),
            Step::Deadline { deployment, step } => self.deadline(&deployment, step),
            Step::Finish { deployment } => self.mark_done(&deployment),
            Step::FinishBackup { backup } => self.finish_backup(&backup),
            Step::ReportRoute { kind, route } => self.report_route(kind, &route),
        }
    }
}
