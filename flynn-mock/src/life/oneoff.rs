//! One-off jobs: scripted programs that the engine or an attached client runs.

use std::fmt;

use jiff::Timestamp;
use serde_json::json as value;

use crate::life::outside::{Callback, Reaction};
use crate::life::work::Step;
use crate::life::{Command, Engine, Input, Output, Pace, Program};
use crate::store::{Job, JobState, Time};

/// A program that runs or will run.
pub(crate) struct Running {
    pub(crate) program: Box<dyn Program>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

impl Engine {
    /// Starts a one-off job on a host.
    #[allow(clippy::needless_pass_by_value, reason = "the job's own")]
    pub(crate) fn start_one_off(
        &mut self,
        app: &str,
        release: &str,
        job: Job,
        command: Command,
        log: bool,
    ) -> Job {
        let new = value!({ "app": app, "release": release, "type": job.kind });
        let uuid = self.new_id("job", &new);
        let pick = usize::from(self.ids.key().first().copied().unwrap_or_default());
        let hosts = &self.options.hosts;
        let picked = hosts.get(pick % hosts.len().max(1)).cloned().unwrap_or_default();
        let host = self.given_host(&uuid).unwrap_or(picked);
        let (name, named) = self.job_name(app, &job.kind);
        let meta = job.meta.into_iter().chain(named).collect();
        let job = Job {
            name,
            meta,
            id: format!("{host}-{uuid}"),
            uuid: uuid.clone(),
            host_id: host,
            app: app.to_owned(),
            release: release.to_owned(),
            state: JobState::Starting,
            ..job
        };
        let program = self.options.programs.run(&command);
        self.programs.insert(uuid.clone(), Running { program });
        if !log {
            self.quiet_jobs.insert(uuid.clone());
        }
        let job = self.store_job(job);
        self.later(self.options.delays.one_off, Step::Run { job: uuid });
        job
    }

    /// Marks a one-off job as up, and runs its program unless a client is attached.
    pub(crate) fn run_program(&mut self, uuid: &str) {
        let Some(mut job) = self.job_row(uuid, &[JobState::Starting]) else { return };
        job.state = JobState::Up;
        self.store_job(job);
        self.feed(uuid, Input::Start);
    }

    pub(crate) fn wake_program(&mut self, uuid: &str) {
        self.feed(uuid, Input::Timer);
    }

    /// Passes an input to a detached program.
    fn feed(&mut self, uuid: &str, input: Input) {
        let Some(running) = self.programs.remove(uuid) else { return };
        self.call_back(Callback { job: uuid.to_owned(), running, input });
    }

    /// Carries out the output of a detached program.
    pub(crate) fn reacted(&mut self, Reaction { job, running, outputs }: Reaction) {
        let uuid = job.as_str();
        // A program that has exited gets no more input, such as the end of an earlier wait.
        if !outputs.iter().any(|output| matches!(output, Output::Exit(_))) {
            self.programs.insert(uuid.to_owned(), running);
        }
        for output in outputs {
            self.job_output(uuid, &output);
            match output {
                Output::Wait(time) => self.later(time, Step::Timer { job: uuid.to_owned() }),
                Output::Exit(status) => {
                    self.exit_one_off(uuid, status);
                    return;
                }
                Output::Stdout(_) | Output::Stderr(_) => {}
            }
        }
    }

    /// Ends a one-off job's program. Returns the time when the job will be down, which is not before it was up.
    pub(crate) fn exit_one_off(&mut self, uuid: &str, status: i32) -> Option<Timestamp> {
        let job = self.job_row(uuid, &[JobState::Starting, JobState::Up])?;
        let began = job.created_at.map_or(self.now, Time::timestamp);
        let up = began.checked_add(self.options.delays.one_off).unwrap_or(self.now);
        let down = up.max(self.now);
        let step = Step::Exited { job: uuid.to_owned(), status };
        self.later(down.duration_since(self.now), step);
        (self.options.pace == Pace::Timed).then_some(down)
    }

    /// Records that a one-off job has ended.
    pub(crate) fn end_one_off(&mut self, uuid: &str, status: i32) {
        if let Some(mut job) = self.job_row(uuid, &[JobState::Starting]) {
            job.state = JobState::Up;
            self.store_job(job);
        }
        let Some(mut job) = self.job_row(uuid, &[JobState::Up]) else { return };
        job.exit_status = Some(status);
        self.job_down(job);
    }
}
