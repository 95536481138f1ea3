//! Copies of the cluster for snapshots.

use std::collections::BTreeMap;

use crate::life::Engine;
use crate::life::outside::Callbacks;

impl Engine {
    /// Returns a copy without the programs of one-off jobs, which cannot be copied.
    pub(crate) fn copy(&self) -> Self {
        Self {
            options: self.options.clone(),
            dialect: self.dialect,
            now: self.now,
            last: self.last,
            version: self.version,
            ids: self.ids.clone(),
            next_ids: self.next_ids.clone(),
            given_time: self.given_time,
            given_hosts: self.given_hosts.clone(),
            tables: self.tables.clone(),
            events: self.events.clone(),
            queue: self.queue.clone(),
            rollouts: self.rollouts.clone(),
            migrations: self.migrations.clone(),
            programs: BTreeMap::new(),
            callbacks: Callbacks::default(),
            question: None,
            given: Vec::new(),
            asked: 0,
            quiet_jobs: self.quiet_jobs.clone(),
            log: self.log.clone(),
            last_line: self.last_line,
            generation: self.generation,
            farewell: self.farewell.clone(),
            services: self.services.clone(),
            shutting_down: self.shutting_down,
            tokens: self.tokens.clone(),
            unreachable: self.unreachable.clone(),
            measured: self.measured.clone(),
            races: self.races.clone(),
            next_wake: None,
        }
    }

    /// Replaces the cluster by a copy of `saved` and ends all open streams. The programs of jobs that run in both
    /// continue.
    pub(crate) fn restore(&mut self, saved: &Self) {
        let mut restored = saved.copy();
        let jobs = &restored.tables.jobs;
        let mut programs = std::mem::take(&mut self.programs);
        programs.retain(|uuid, _| jobs.iter().any(|job| job.uuid == *uuid && !job.is_down()));
        restored.programs = programs;
        restored.callbacks = std::mem::take(&mut self.callbacks);
        restored.version = self.version.max(saved.version) + 1;
        restored.generation = self.generation;
        *self = restored;
        self.end_streams("controller: shutting down");
    }
}
