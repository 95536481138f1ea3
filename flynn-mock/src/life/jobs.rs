//! Jobs: storing their states.

use crate::life::Engine;
use crate::store::Job;

impl Engine {
    /// Inserts or updates a job, with one event for each of its states.
    pub(crate) fn store_job(&mut self, mut job: Job) -> Job {
        let at = self.time();
        (job.created_at, job.updated_at) = (Some(at), Some(at));
        match self.tables.jobs.iter_mut().find(|row| row.uuid == job.uuid) {
            Some(row) => {
                job.created_at = row.created_at;
                // What identifies a job never changes, and its meta stays as inserted.
                *row = Job {
                    app: row.app.clone(),
                    release: row.release.clone(),
                    kind: row.kind.clone(),
                    meta: row.meta.clone(),
                    ..job.clone()
                };
            }
            None => self.tables.jobs.push(job.clone()),
        }
        // In 2016 the event is no part of the transaction.
        let at = if self.dialect.events_apart { self.time() } else { at };
        let key = format!("{}|{}", job.uuid, job.state.as_str());
        let (app, uuid) = (job.app.clone(), job.uuid.clone());
        self.event_once(key, at, &app, "job", &uuid, &job);
        self.note_job_event(&job);
        job
    }
}
