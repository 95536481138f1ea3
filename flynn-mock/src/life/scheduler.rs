//! The scheduler: brings jobs to what formations say, restarts what goes down.

use jiff::SignedDuration;

use crate::life::work::Step;
use crate::life::{Crash, Engine};
use crate::store::{Counts, Formation, Job, JobState, Time};

/// How long the scheduler waits before it restarts a job for the n-th time.
fn backoff(restarts: i32) -> SignedDuration {
    match restarts {
        ..5 => SignedDuration::ZERO,
        5..15 => SignedDuration::from_secs(10),
        _ => SignedDuration::from_secs(30),
    }
}

/// How often the scheduler compares its formations with the controller's.
const SYNC: SignedDuration = SignedDuration::from_secs(30);

/// How many jobs of a type the mock's hosts have room for.
pub(crate) const MOST_JOBS: i64 = 300;

/// What the host of a job that crashes at its start reports.
const CRASH: &str = "exec: \"/bin/crash\": executable file not found in $PATH";

/// Which of a type's jobs is stopped first: one that waits, else the newest, in 2021 rather one that
/// is not up yet. In 2016 of those that were made together the first.
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
    /// Lets the scheduler look at a formation soon.
    pub(crate) fn schedule_reconcile(&mut self, app: &str, release: &str) {
        if !self.queue.will_reconcile(app, release) {
            let (app, release) = (app.to_owned(), release.to_owned());
            self.later(self.options.delays.place, Step::Reconcile { app, release });
        }
    }

    /// The time until the scheduler's next sync.
    pub(crate) fn next_sync(&self) -> SignedDuration {
        let running = self.now.duration_since(self.options.start).as_secs();
        SignedDuration::from_secs(SYNC.as_secs() - running.rem_euclid(SYNC.as_secs()))
    }

    /// How many jobs of each type a formation wants: omni types on every host.
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

    /// The jobs of a formation that are in one of these states.
    fn jobs_in(&self, app: &str, release: &str, typ: &str, states: &[JobState]) -> Vec<&Job> {
        self.tables
            .jobs
            .iter()
            .filter(|job| job.app == app && job.release == release && job.kind == typ)
            .filter(|job| !job.foreign)
            .filter(|job| states.contains(&job.state))
            .collect()
    }

    /// The types that a formation wants or still has jobs of.
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

    /// Starts and stops jobs until the formation has what it wants.
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
                // 2016 stops one job of a type after the other.
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

    /// The states of jobs that a formation counts: in 2016 those that are being stopped, too.
    fn counted(&self) -> &'static [JobState] {
        if self.dialect.stops_one_by_one {
            &[JobState::Pending, JobState::Starting, JobState::Up, JobState::Stopping]
        } else {
            &[JobState::Pending, JobState::Starting, JobState::Up]
        }
    }

    /// Returns whether a type's tags keep it from all hosts: the mock's hosts have none.
    fn is_barred(&self, app: &str, release: &str, typ: &str) -> bool {
        let tags = self.tables.formation(app, release).ok().and_then(|f| f.tags.as_ref());
        let tags = tags.and_then(|tags| tags.get(typ)).and_then(Option::as_ref);
        tags.is_some_and(|tags| !tags.is_empty())
    }

    /// Stops the jobs that run where the formation's tags no longer let them.
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

    /// Returns whether all jobs of a formation are as it wants them.
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

    /// Tells those who wait for a formation that its jobs have changed.
    fn settle(&mut self, app: &str, release: &str) {
        if self.is_settled(app, release) {
            self.complete_scale_request(app, release);
        }
        self.drive_rollouts(app);
    }

    /// Creates a pending job; `replaces` is the one that went down.
    fn create_job(&mut self, app: &str, release: &str, typ: &str, replaces: Option<&Job>) {
        let restarts = replaces.map(|job| job.restarts.unwrap_or(0));
        let delay = restarts.map_or(SignedDuration::ZERO, backoff);
        let uuid = self.ids.uuid();
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

    /// A job of a formation that is to run.
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
            // It waits for a host with the tags. In 2021 nobody stops it any more; the controller
            // refuses to store that it is blocked.
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
        let delay = self.start_delay(&job);
        self.place_on(host.unwrap_or_default(), job);
        self.later(delay, Step::Started { job: uuid.to_owned() });
    }

    /// A pending job starts on a host.
    pub(crate) fn place_on(&mut self, host: String, mut job: Job) {
        job.id = format!("{host}-{}", job.uuid);
        job.host_id = host;
        job.state = JobState::Starting;
        job.meta = self.tables.app(&job.app).map(|app| app.meta.clone()).unwrap_or_default();
        job.volumes = self.provision_volumes(&job);
        self.store_job(job);
    }

    /// A variable of the job's environment.
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

    /// What a router says that cannot load its certificate.
    fn last_words(&self, job: &Job) -> Option<String> {
        self.tables.app("router").ok().filter(|router| router.id == job.app)?;
        let release = self.tables.releases.iter().find(|release| release.id == job.release)?;
        self.router_fault(release, &job.kind)
    }

    /// Returns whether a step does nothing but start a job again that will crash again.
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
        // Of several that crash at once the last is mostly heard of first.
        let earlier = self.jobs_in(&job.app, &job.release, &job.kind, &[JobState::Starting]).len();
        let types = self.types_of(&job.app, &job.release);
        let earlier = earlier + types.iter().filter(|typ| **typ > job.kind).count();
        let sooner = SignedDuration::from_millis(i64::try_from(earlier).unwrap_or(0));
        delay.saturating_sub(sooner)
    }

    /// A starting job is up, or down when it crashes.
    pub(crate) fn started(&mut self, uuid: &str) {
        let Some(mut job) =
            self.job_row(uuid, &[JobState::Starting, JobState::Stopping, JobState::Down])
        else {
            return;
        };
        let crashes = self.crashes(&job);
        let last_words = self.last_words(&job);
        if crashes {
            // It says so even when it was to be stopped meanwhile.
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

    /// A starting job is up.
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

    /// Returns whether the router drains the connections of the job's backends before it stops.
    fn is_drained(&self, job: &Job) -> bool {
        let release = self.tables.releases.iter().find(|r| r.id == job.release);
        let process = release.and_then(|r| r.processes.get(&job.kind));
        process.is_some_and(|process| {
            process.services().any(|name| self.tables.has_draining_route(name))
        })
    }

    /// A stopping job is down.
    pub(crate) fn stopped(&mut self, uuid: &str) {
        let states = [JobState::Stopping, JobState::Starting, JobState::Up];
        let Some(mut job) = self.job_row(uuid, &states) else { return };
        job.meta = self.tables.app(&job.app).map(|app| app.meta.clone()).unwrap_or_default();
        job.exit_status = Some(0);
        self.job_down(job);
    }

    /// Kills a job at a client's wish; one of a formation is replaced.
    pub(crate) fn kill(&mut self, uuid: &str) {
        if self.job_row(uuid, &[JobState::Starting, JobState::Up]).is_some() {
            self.later(self.options.delays.stop, Step::Stopped { job: uuid.to_owned() });
        }
    }

    /// Records that a job has ended, and restarts it when its formation wants that.
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
