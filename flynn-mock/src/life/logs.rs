//! The log lines of jobs.

use jiff::SignedDuration;

use crate::life::{Engine, Output};
use crate::store::{Job, JobState, Line, Time};

impl Engine {
    fn log_line(&mut self, job: &Job, stream: &'static str, msg: String) {
        // Lines of one job never have the same time.
        let at = self.last_line.max(self.now);
        let at = at.checked_add(SignedDuration::from_nanos(1)).unwrap_or(at);
        self.last_line = at;
        self.log.push(Line {
            host_id: job.host_id.clone(),
            job_id: job.id.clone(),
            msg,
            process_type: (!job.kind.is_empty()).then(|| job.kind.clone()),
            source: "app",
            stream,
            timestamp: Time::precise(at),
            app: job.app.clone(),
        });
        self.version += 1;
    }

    /// Writes a line of an app's newest running job, or without a job if there is none. Returns false if the app does
    /// not exist.
    pub(crate) fn write_log(&mut self, app: &str, line: &str) -> bool {
        let Ok(app) = self.tables.app(app).map(|app| app.id.clone()) else { return false };
        let up = |job: &&Job| job.app == app && job.state == JobState::Up;
        let job = self.tables.jobs.iter().rev().find(up).cloned();
        let job = job.unwrap_or_else(|| Job { app, ..Job::default() });
        self.log_line(&job, "stdout", line.to_owned());
        true
    }

    /// Writes the first lines of a job of a formation.
    pub(crate) fn log_start(&mut self, job: &Job) {
        let msg = format!("Starting {}: {}", job.kind, job.args.join(" "));
        self.log_line(job, "stdout", msg);
        self.log_line(job, "stdout", "listening on port 8080".to_owned());
    }

    /// Writes the lines of a job that crashes at its start.
    pub(crate) fn log_crash(&mut self, job: &Job, words: &str) {
        self.log_line(job, "stderr", words.to_owned());
    }

    /// Adds the output of a one-off job to its app's log, unless the job disabled that.
    pub(crate) fn log_output(&mut self, uuid: &str, output: &Output) {
        let (stream, bytes) = match output {
            Output::Stdout(bytes) => ("stdout", bytes),
            Output::Stderr(bytes) => ("stderr", bytes),
            _ => return,
        };
        let job = self.tables.jobs.iter().find(|job| job.uuid == uuid).cloned();
        let Some(job) = job.filter(|_| !self.quiet_jobs.contains(uuid)) else { return };
        for line in String::from_utf8_lossy(bytes).lines() {
            self.log_line(&job, stream, line.to_owned());
        }
    }
}
