//! What is under way: steps in the order in which they are due, and the worker's tasks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::life::{Engine, Pace};

/// How much time of the mock [`Engine::run_to_end`] may take.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// A task of the worker.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// Carry out a deployment.
    Deploy { deployment: String },
    /// Delete an app and all that belongs to it.
    DeleteApp { app: String },
    /// Delete old releases of an app.
    CollectGarbage { app: String },
    /// Delete the files of a deleted release.
    CleanUpRelease { app: String, release: String, files: Vec<String> },
    /// Move the cluster to another domain; `failures` counts the attempts so far.
    MigrateDomain { migration: String, failures: u32 },
}

/// Something that happens at its time.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The worker takes up a task.
    Work(Task),
    /// The scheduler brings the jobs of a formation to what it says.
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
    /// The time that a program asked to wait for is over.
    Timer { job: String },
    /// A deployment's step has taken too long.
    Deadline { deployment: String, step: u32 },
    /// A deployment that is complete is finished.
    Finish { deployment: String },
    /// A backup has been written.
    FinishBackup { backup: String },
}

/// The steps to come.
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

    /// The steps in the order in which they are due.
    fn iter(&self) -> impl Iterator<Item = (Timestamp, &Step)> {
        self.steps.iter().map(|((due, _), step)| (*due, step))
    }

    /// Takes the next step if it is due by then.
    fn pop(&mut self, until: Timestamp) -> Option<(Timestamp, Step)> {
        let entry = self.steps.first_entry()?;
        let due = entry.key().0;
        (due <= until).then(|| (due, entry.remove()))
    }

    /// Returns whether a formation is to be reconciled anyway.
    pub(crate) fn will_reconcile(&self, app: &str, release: &str) -> bool {
        self.steps.values().any(|step| {
            matches!(step, Step::Reconcile { app: a, release: r } if a == app && r == release)
        })
    }
}

impl Engine {
    /// Plans a step of the cluster's life; at the pace `AtOnce` nothing takes time.
    pub(crate) fn later(&mut self, delay: SignedDuration, step: Step) {
        let delay = if self.options.pace == Pace::AtOnce { SignedDuration::ZERO } else { delay };
        self.after(delay, step);
    }

    /// Plans a step after this time, whatever the pace. Who sleeps until the next step hears of it
    /// by the version, also where the request that planned it changed nothing else.
    pub(crate) fn after(&mut self, delay: SignedDuration, step: Step) {
        self.version += 1;
        let due = self.now.checked_add(delay.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX);
        self.queue.push(due, step);
    }

    /// Hands a task to the worker.
    pub(crate) fn enqueue(&mut self, task: Task) {
        self.later(self.options.delays.work, Step::Work(task));
    }

    /// When the next step is due that still has something to do.
    pub(crate) fn next_step_due(&self) -> Option<Timestamp> {
        self.queue.iter().find(|(_, step)| !self.is_stale(step)).map(|(due, _)| due)
    }

    /// Runs what is under way until it is over. Jobs that crash whenever they start never are: what
    /// only restarts them is left alone, and so is what takes longer than an hour of the mock.
    pub(crate) fn run_to_end(&mut self) {
        let limit = self.now.checked_add(LONGEST).unwrap_or(Timestamp::MAX);
        while self.now < limit && self.ends_something() && self.run_next(limit) {}
    }

    /// Returns whether a step is to come that does not just restart a job to crash again.
    fn ends_something(&self) -> bool {
        self.queue.iter().any(|(_, step)| !self.is_stale(step) && !self.restarts_a_crash(step))
    }

    /// Runs all steps that are due by then.
    pub(crate) fn run_due(&mut self, until: Timestamp) {
        while self.run_next(until) {}
    }

    /// Runs the next step if it is due by then, moving the clock to its time.
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
        }
    }
}
