//! The scheduler: starts and stops jobs to match formations, and restarts jobs that go down.

use jiff::SignedDuration;
use serde_json::json as value;

use crate::life::work::Step;
use crate::life::{Crash, Engine};
use crate::store::{Counts, Formation, Job, JobState, Time};

/// Returns the delay before the n-th restart of a job.
fn backoff(restarts: i32) -> SignedDuration {
    match restarts {
        ..5 => SignedDuration::ZERO,
        5..15 => SignedDuration::from_secs(10),
        _ => SignedDuration::from_secs(30),
    }
}

/// The interval at which the scheduler syncs its formations with the controller's.
const SYNC: SignedDuration = SignedDuration::from_secs(30);

/// The maximum number of jobs of a type on the mock's hosts.
pub(crate) const MOST_JOBS: i64 = 300;

/// The host's error for a job that crashes at its start.
const CRASH: &str = "exec: \"/bin/crash\": executable file not found in $PATH";

/// Returns the job of a type that is stopped first: a waiting one, otherwise the newest one. In 2021, a job that is not
/// up yet is preferred. In 2016, it is the first of the jobs that were created together.
fn next_to_stop(jobs: &[&Job], one_by_one: bool) -> Option<String> {
    let newest = |state: JobState| jobs.iter().rev().find(|job| job.state == state && !job.blocked);
    let chosen = newest(JobState::Pending).or_else(|| {
        if !one_by_one {
            return newest(JobState::Starting).or_else(|| newest(JobState::Up));
        }
        let newest = jobs.last()?;
        let together = |job: &&&Job| {
            let made = |job: &Job| job.created_at.map(Time::timestamp);
            let (Some(a), Some(b)) = (made(job), made(newest)) else { return false };
            b.duration_since(a) < SignedDuration::from_millis(5)
        };
        jobs.iter().find(together).or(Some(newest))
    });
    chosen.map(|job| job.uuid.clone())
}

impl Engine {
    /// Schedules a check of a formation.
    pub(crate) fn schedule_reconcile(&mut self, app: &str, release: &str) {
        if !self.queue.will_reconcile(app, release) {
            let (app, release) = (app.to_owned(), release.to_owned());
            self.later(self.options.delays.place, Step::Reconcile { app, release });
        }
    }

    /// Returns the time until the scheduler's next sync.
    pub(crate) fn next_sync(&self) -> SignedDuration {
        let running = self.now.duration_since(self.options.start).as_secs();
        SignedDuration::from_secs(SYNC.as_secs() - running.rem_euclid(SYNC.as_secs()))
    }

    /// Returns the number of jobs of each type that a formation wants, on every host for omni types.
    fn wanted(&self, app: &str, release: &str) -> Counts {
        let hosts = i64::try_from(self.options.hosts.len()).unwrap_or(1);
        let formation = self.tables.formation(app, release).ok();
        let counts = formation.and_then(|f: &Formation| f.processes.as_ref());
        let processes = self.tables.release(release).map(|r| &r.processes).ok();
        counts
            .into_iter()
            .flatten()
            .map(|(typ, n)| {
                let omni = processes.and_then(|p| p.get(typ)).is_some_and(|p| p.omni);
                (typ.clone(), (*n).clamp(0, MOST_JOBS) * if omni { hosts } else { 1 })
            })
            .collect()
    }

    /// Returns the jobs of a formation that are in one of these states.
    fn jobs_in(&self, app: &str, release: &str, typ: &str, states: &[JobState]) -> Vec<&Job> {
        self.tables
            .jobs
            .iter()
            .filter(|job| job.app == app && job.release == release && job.kind == typ)
            .filter(|job| !job.foreign)
            .filter(|job| states.contains(&job.state))
            .collect()
    }

    /// Returns the types that a formation wants, or that still have jobs.
    fn types_of(&self, app: &str, release: &str) -> Vec<String> {
        let mut types: Vec<String> = self.wanted(app, release).into_keys().collect();
        for job in &self.tables.jobs {
            let belongs = job.app == app && job.release == release && !job.kind.is_empty();
            let belongs = belongs && !job.foreign;
            if belongs && !job.is_down() && !types.contains(&job.kind) {
                types.push(job.kind.clone());
            }
        }
        types.sort();
        types
    }

    /// Starts and stops jobs until they match the formation.
    pub(crate) fn reconcile(&mut self, app: &str, release: &str) {
        let wanted = self.wanted(app, release);
        let one_by_one = self.dialect.stops_one_by_one;
        self.stop_barred(app, release);
        if !one_by_one {
            self.settle(app, release);
        }
        let mut types = self.types_of(app, release);
        types.reverse();
        for typ in &types {
            let want = wanted.get(typ).copied().unwrap_or(0);
            let have = self.jobs_in(app, release, typ, self.counted());
            let missing = want - i64::try_from(have.len()).unwrap_or(i64::MAX);
            for _ in 0..missing {
                self.create_job(app, release, typ, None);
            }
        }
        for typ in &types {
            let want = usize::try_from(wanted.get(typ).copied().unwrap_or(0)).unwrap_or(0);
            loop {
                let active = self.jobs_in(
                    app,
                    release,
                    typ,
                    &[JobState::Pending, JobState::Starting, JobState::Up],
                );
                let stopping = !self.jobs_in(app, release, typ, &[JobState::Stopping]).is_empty();
                // 2016 stops the jobs of a type one by one.
                if active.len() <= want || (one_by_one && stopping) {
                    break;
                }
                let Some(next) = next_to_stop(&active, one_by_one) else { break };
                self.stop_job(&next);
            }
        }
        if one_by_one {
            self.settle(app, release);
        }
    }

    /// Returns the states of jobs that a formation counts. In 2016, stopping jobs also count.
    fn counted(&self) -> &'static [JobState] {
        if self.dialect.stops_one_by_one {
            &[JobState::Pending, JobState::Starting, JobState::Up, JobState::Stopping]
        } else {
            &[JobState::Pending, JobState::Starting, JobState::Up]
        }
    }

    /// Returns whether a type's tags exclude all hosts. The mock's hosts have no tags.
    fn is_barred(&self, app: &str, release: &str, typ: &str) -> bool {
        let tags = self.tables.formation(app, release).ok().and_then(|f| f.tags.as_ref());
        let tags = tags.and_then(|tags| tags.get(typ)).and_then(Option::as_ref);
        tags.is_some_and(|tags| !tags.is_empty())
    }

    /// Stops the jobs that the formation's tags no longer allow on their hosts.
    fn stop_barred(&mut self, app: &str, release: &str) {
        for typ in self.types_of(app, release) {
            if self.is_barred(app, release, &typ) {
                let jobs = self.jobs_in(app, release, &typ, &[JobState::Starting, JobState::Up]);
                for job in jobs.iter().map(|job| job.uuid.clone()).collect::<Vec<_>>() {
                    self.stop_job(&job);
                }
            }
        }
    }

    /// Returns whether the jobs match the formation.
    pub(crate) fn is_settled(&self, app: &str, release: &str) -> bool {
        let wanted = self.wanted(app, release);
        self.types_of(app, release).iter().all(|typ| {
            let want = usize::try_from(wanted.get(typ).copied().unwrap_or(0)).unwrap_or(0);
            if self.dialect.stops_one_by_one {
                self.jobs_in(app, release, typ, &[JobState::Pending, JobState::Starting]).is_empty()
                    && self.jobs_in(app, release, typ, &[JobState::Up, JobState::Stopping]).len()
                        == want
            } else {
                self.jobs_in(app, release, typ, &[JobState::Up]).len() == want
            }
        })
    }

    /// Notifies waiters that the jobs of a formation have changed.
    fn settle(&mut self, app: &str, release: &str) {
        if self.is_settled(app, release) {
            self.complete_scale_request(app, release);
        }
        self.drive_rollouts(app);
    }

    /// Creates a pending job. `replaces` is the job that went down.
    fn create_job(&mut self, app: &str, release: &str, typ: &str, replaces: Option<&Job>) {
        let restarts = replaces.map(|job| job.restarts.unwrap_or(0));
        let delay = restarts.map_or(SignedDuration::ZERO, backoff);
        let new = value!({ "app": app, "release": release, "type": typ });
        let uuid = self.new_id("job", &new);
        let mut job = self.pending_job(uuid, app, release, typ);
        job.run_at = restarts.and_then(|_| self.now.checked_add(delay).ok()).map(Time::precise);
        job.restarts = restarts.map(|n| n.saturating_add(1));
        let job = self.store_job(job);
        let step = Step::Place { job: job.uuid };
        if delay.is_zero() {
            self.later(self.options.delays.place, step);
        } else {
            self.after(delay, step);
        }
    }

    /// Returns a pending job of a formation.
    pub(crate) fn pending_job(&mut self, uuid: String, app: &str, release: &str, typ: &str) -> Job {
        let (name, meta) = self.job_name(app, typ);
        let process = self.tables.release(release).ok().and_then(|r| r.processes.get(typ));
        Job {
            name,
            meta,
            uuid,
            app: app.to_owned(),
            release: release.to_owned(),
            kind: typ.to_owned(),
            state: JobState::Pending,
            args: process.map(|process| process.args.clone()).unwrap_or_default(),
            ..Job::default()
        }
    }

    pub(crate) fn job_row(&self, uuid: &str, states: &[JobState]) -> Option<Job> {
        let job = self.tables.jobs.iter().find(|job| job.uuid == uuid)?;
        states.contains(&job.state).then(|| job.clone())
    }

    /// Places a pending job on the host with the fewest jobs of its formation.
    pub(crate) fn place(&mut self, uuid: &str) {
        let Some(job) = self.job_row(uuid, &[JobState::Pending]) else { return };
        if self.is_barred(&job.app, &job.release, &job.kind) {
            // It waits for a host with the tags. In 2021, it is never stopped, and the controller refuses to store that
            // it is blocked.
            if let Some(row) = self.tables.jobs.iter_mut().find(|row| row.uuid == uuid) {
                row.blocked = !self.dialect.stops_one_by_one;
            }
            return;
        }
        let load = |host: &String| {
            let of_type = |other: &&Job| {
                other.host_id == *host && !other.is_down() && other.release == job.release
            };
            let same = self.tables.jobs.iter().filter(of_type).filter(|o| o.kind == job.kind);
            (same.count(), self.tables.jobs.iter().filter(of_type).count())
        };
        let host = self.options.hosts.iter().min_by_key(|host| load(host)).cloned();
        let host = self.given_host(uuid).or(host);
        let delay = self.start_delay(&job);
        self.place_on(host.unwrap_or_default(), job);
        self.later(delay, Step::Started { job: uuid.to_owned() });
    }

    /// Starts a pending job on a host.
    pub(crate) fn place_on(&mut self, host: String, mut job: Job) {
        job.id = format!("{host}-{}", job.uuid);
        job.host_id = host;
        job.state = JobState::Starting;
        job.meta = self.tables.app(&job.app).map(|app| app.meta.clone()).unwrap_or_default();
        job.volumes = self.provision_volumes(&job);
        self.store_job(job);
    }

    /// Returns a variable in the job's env.
    fn job_env(&self, job: &Job, name: &str) -> Option<String> {
        let release = self.tables.releases.iter().find(|r| r.id == job.release)?;
        let own = release.processes.get(&job.kind).and_then(|process| process.env.get(name));
        own.or_else(|| release.env.get(name)).cloned()
    }

    /// Returns whether the job crashes as soon as it starts.
    fn crashes(&self, job: &Job) -> bool {
        let on_request = self.job_env(job, "CRASH").is_some_and(|value| value == "true");
        on_request || self.last_words(job).is_some()
    }

    /// Returns the error of a router that cannot load its certificate.
    fn last_words(&self, job: &Job) -> Option<String> {
        self.tables.app("router").ok().filter(|router| router.id == job.app)?;
        let release = self.tables.releases.iter().find(|release| release.id == job.release)?;
        self.router_fault(release, &job.kind)
    }

    /// Returns whether a step only restarts a job that will crash again.
    pub(crate) fn restarts_a_crash(&self, step: &Step) -> bool {
        let Step::Place { job } = step else { return false };
        self.job_row(job, &[JobState::Pending])
            .is_some_and(|job| job.restarts.is_some() && self.crashes(&job))
    }

    fn start_delay(&self, job: &Job) -> SignedDuration {
        let asked = self.job_env(job, "START_DELAY").and_then(|ms| ms.parse().ok());
        let delay = asked.map_or(self.options.delays.start, SignedDuration::from_millis);
        if !self.dialect.stops_one_by_one || !self.crashes(job) {
            return delay;
        }
        // If several jobs crash at once, the last one is usually reported first.
        let earlier = self.jobs_in(&job.app, &job.release, &job.kind, &[JobState::Starting]).len();
        let types = self.types_of(&job.app, &job.release);
        let earlier = earlier + types.iter().filter(|typ| **typ > job.kind).count();
        let sooner = SignedDuration::from_millis(i64::try_from(earlier).unwrap_or(0));
        delay.saturating_sub(sooner)
    }

    /// Marks a starting job as up, or as down if it crashes.
    pub(crate) fn started(&mut self, uuid: &str) {
        let Some(mut job) =
            self.job_row(uuid, &[JobState::Starting, JobState::Stopping, JobState::Down])
        else {
            return;
        };
        let crashes = self.crashes(&job);
        let last_words = self.last_words(&job);
        if crashes {
            // It reports this even if it was to be stopped in the meantime.
            self.log_crash(&job, last_words.as_deref().unwrap_or("panic: CRASH=true"));
        }
        if job.state == JobState::Down || (job.state == JobState::Stopping && !crashes) {
            return;
        }
        if crashes {
            job.meta = self.tables.app(&job.app).map(|app| app.meta.clone()).unwrap_or_default();
            job.exit_status = Some(1);
            let refused = self.options.crash == Crash::HostError && last_words.is_none();
            job.host_error = refused.then(|| CRASH.to_owned());
            self.job_down(job);
            return;
        }
        self.log_start(&job);
        self.come_up(job);
    }

    /// Marks a starting job as up.
    pub(crate) fn come_up(&mut self, mut job: Job) {
        job.meta = self.tables.app(&job.app).map(|app| app.meta.clone()).unwrap_or_default();
        job.state = JobState::Up;
        let job = self.store_job(job);
        self.settle(&job.app, &job.release);
    }

    /// Stops a job of a formation.
    fn stop_job(&mut self, uuid: &str) {
        let Some(mut job) =
            self.job_row(uuid, &[JobState::Pending, JobState::Starting, JobState::Up])
        else {
            return;
        };
        let was_up = job.state == JobState::Up;
        if job.host_id.is_empty() {
            // Nothing runs yet.
            self.job_down(job);
            return;
        }
        job.state = JobState::Stopping;
        job.meta = self.tables.app(&job.app).map(|app| app.meta.clone()).unwrap_or_default();
        let drains = was_up && self.dialect.drains && self.is_drained(&job);
        let delays = self.options.delays;
        let drain = if drains { delays.drain } else { SignedDuration::ZERO };
        let delay = delays.stop.saturating_add(drain);
        self.store_job(job);
        self.later(delay, Step::Stopped { job: uuid.to_owned() });
    }

    /// Returns whether the router drains the job's connections before the job stops.
    fn is_drained(&self, job: &Job) -> bool {
        let release = self.tables.releases.iter().find(|r| r.id == job.release);
        let process = release.and_then(|r| r.processes.get(&job.kind));
        process.is_some_and(|process| {
            process.services().any(|name| self.tables.has_draining_route(name))
        })
    }

    /// Marks a stopping job as down.
    pub(crate) fn stopped(&mut self, uuid: &str) {
        let states = [JobState::Stopping, JobState::Starting, JobState::Up];
        let Some(mut job) = self.job_row(uuid, &states) else { return };
        job.meta = self.tables.app(&job.app).map(|app| app.meta.clone()).unwrap_or_default();
        job.exit_status = Some(0);
        self.job_down(job);
    }

    /// Kills a job for a client. A job of a formation is replaced.
    pub(crate) fn kill(&mut self, uuid: &str) {
        if self.job_row(uuid, &[JobState::Starting, JobState::Up]).is_some() {
            self.later(self.options.delays.stop, Step::Stopped { job: uuid.to_owned() });
        }
    }

    /// Records that a job has ended, and restarts it if its formation wants it.
    pub(crate) fn job_down(&mut self, mut job: Job) {
        job.state = JobState::Down;
        self.programs.remove(&job.uuid);
        self.release_volumes(&job);
        let job = self.store_job(job);
        if job.kind.is_empty() {
            return;
        }
        self.note_failure(&job);
        let want = self.wanted(&job.app, &job.release).get(&job.kind).copied().unwrap_or(0);
        let have = self.jobs_in(&job.app, &job.release, &job.kind, self.counted()).len();
        if i64::try_from(have).unwrap_or(i64::MAX) < want {
            self.create_job(&job.app, &job.release, &job.kind, Some(&job));
        }
        self.reconcile(&job.app, &job.release);
    }
}
