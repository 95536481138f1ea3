//! Stores the states of jobs.

use crate::life::Engine;
use crate::store::{Job, Strings};

/// The highest number in a job's name.
const MOST_NAMES: usize = 9999;

impl Engine {
    /// Returns the name of a new job, such as `web.4821`, and the metadata that repeats it, if jobs have names.
    pub(crate) fn job_name(&mut self, app: &str, kind: &str) -> (String, Strings) {
        if !self.dialect.users {
            return (String::new(), Strings::new());
        }
        let [a, b, ..] = self.ids.key();
        let draw = usize::from(u16::from_le_bytes([a, b]));
        let mut names = (draw..).map(|n| format!("{kind}.{}", 1 + n % MOST_NAMES));
        let running = |job: &&Job| job.app == app && !job.is_down();
        let is_free =
            |name: &String| !self.tables.jobs.iter().filter(running).any(|job| job.name == *name);
        let name = names.by_ref().take(MOST_NAMES).find(is_free).or_else(|| names.next());
        let name = name.unwrap_or_default();
        (name.clone(), [("name".to_owned(), name)].into())
    }

    /// Inserts or updates a job, with one event per state.
    pub(crate) fn store_job(&mut self, mut job: Job) -> Job {
        let at = self.time();
        (job.created_at, job.updated_at) = (Some(at), Some(at));
        match self.tables.jobs.iter_mut().find(|row| row.uuid == job.uuid) {
            Some(row) => {
                job.created_at = row.created_at;
                // The identity of a job never changes, and its metadata stays as inserted.
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
        // In 2016, the event is not part of the transaction.
        let at = if self.dialect.events_apart { self.time() } else { at };
        let key = format!("{}|{}", job.uuid, job.state.as_str());
        let (app, uuid) = (job.app.clone(), job.uuid.clone());
        self.event_once(key, at, &app, "job", &uuid, &job);
        self.note_job_event(&job);
        job
    }
}
