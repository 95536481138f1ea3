//! Runs one-off jobs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::attached::Attached;
use crate::env::Env;
use crate::error::{Error, Pending};
use crate::ids::{ArtifactId, ReleaseId, random_uuid};
use crate::jobs::{Job, Jobs};
use crate::json::{is_default, is_false, null_is_default};
use crate::releases::{Release, ResourceLimit};
use crate::transport::{Deadline, Limits, Repeat, Request, Spec, operation, upgrade};

/// A new one-off job in its JSON form; see [`Jobs::run`](crate::jobs::Jobs::run).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NewJob {
    /// The release that it runs.
    #[serde(rename = "release", skip_serializing_if = "ReleaseId::is_empty")]
    pub release_id: ReleaseId,
    /// The process type (the fork). If empty, the fork sets `runner`, or `console` for an attached job.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub process_type: String,
    /// The artifacts to run instead of the release's.
    #[serde(
        rename = "artifacts",
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub artifact_ids: Vec<ArtifactId>,
    /// True if the job gets the release's variables.
    #[serde(skip_serializing_if = "is_false")]
    pub release_env: bool,
    /// The program and its arguments.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Additional variables.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "is_default")]
    pub env: Env,
    /// Metadata.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// True if the job gets a terminal.
    #[serde(skip_serializing_if = "is_false")]
    pub tty: bool,
    /// Width of the terminal.
    #[serde(rename = "tty_columns", skip_serializing_if = "is_default")]
    pub columns: u16,
    /// Height of the terminal.
    #[serde(rename = "tty_lines", skip_serializing_if = "is_default")]
    pub lines: u16,
    /// True if its output does not go to the app's log.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_log: bool,
    /// Limits by name, see [`ProcessType::resources`](crate::releases::ProcessType::resources).
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, ResourceLimit>,
    /// The partition of the host: `background`, `system` or `user`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub partition: String,
    /// Profiles, such as `zfs`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// The process type whose mounts it uses.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mounts_from: String,
}
impl Jobs {
    /// Runs a program in the current release with its variables: `POST /apps/:a/jobs`. The job is detached by default;
    /// [`attached`](RunJob::attached) connects its input and output.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app or the release does not exist. When the answer
    /// was lost ([`Error::may_have_acted`]), the client looks for the job by its metadata [`RUN_ID`]. If it finds a
    /// detached job, it returns it. For an attached job, which runs without its input and output, [`Error::pending`] is
    /// [`Pending::Job`]; for a job that is not found, it is [`Pending::PerhapsJob`].
    pub fn run<A: Into<String>>(&self, args: impl IntoIterator<Item = A>) -> RunJob {
        RunJob {
            app: self.app.clone(),
            job: NewJob {
                args: args.into_iter().map(Into::into).collect(),
                release_env: true,
                ..NewJob::default()
            },
            log: None,
            limits: Limits::default(),
        }
    }
}

/// Runs a one-off job; returned by [`Jobs::run`].
///
/// Awaiting it returns the job as the server accepted it, with ids, release and arguments; state and times are empty.
/// Use [`Jobs::wait`] to wait until it ends.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct RunJob {
    app: AppHandle,
    job: NewJob,
    log: Option<bool>,
    limits: Limits,
}

impl RunJob {
    /// Runs this release instead of the current one.
    pub fn release(mut self, id: impl Into<ReleaseId>) -> Self {
        self.job.release_id = id.into();
        self
    }

    /// Sets whether the job gets the release's variables; on by default.
    pub fn release_env(mut self, set: bool) -> Self {
        self.job.release_env = set;
        self
    }

    /// Sets a variable for the job.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.job.env.insert(name.into(), value.into());
        self
    }

    /// Adds metadata.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.job.meta.insert(key.into(), value.into());
        self
    }

    /// Sets the process type of the job (the fork). Other servers refuse or ignore it.
    pub fn process_type(mut self, name: impl Into<String>) -> Self {
        self.job.process_type = name.into();
        self
    }

    /// Attaches a terminal of this size.
    pub fn tty(mut self, lines: u16, columns: u16) -> Self {
        self.job.tty = true;
        self.job.lines = lines;
        self.job.columns = columns;
        self
    }

    /// Limits a resource, such as `memory` in bytes.
    pub fn resource(mut self, name: impl Into<String>, limit: ResourceLimit) -> Self {
        self.job.resources.insert(name.into(), limit);
        self
    }

    /// Runs this artifact instead of the release's. Further calls add layers above it. Servers of 2016 ignore it.
    pub fn artifact(mut self, id: impl Into<ArtifactId>) -> Self {
        self.job.artifact_ids.push(id.into());
        self
    }

    /// Sets the partition of the host that it runs in: `background`, `system` or `user`. Servers without partitions
    /// ignore it.
    pub fn partition(mut self, name: impl Into<String>) -> Self {
        self.job.partition = name.into();
        self
    }

    /// Adds a privileged profile: `zfs`, `kvm` or `loop`. Servers without profiles ignore it.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.job.profiles.push(name.into());
        self
    }

    /// Uses the mounts of a process type.
    pub fn mounts_from(mut self, process: impl Into<String>) -> Self {
        self.job.mounts_from = process.into();
        self
    }

    /// Sets whether its output goes to the app's log. By default, only that of detached jobs does.
    pub fn log(mut self, log: bool) -> Self {
        self.log = Some(log);
        self
    }

    /// Connects its input and output.
    pub fn attached(self) -> RunAttached {
        RunAttached { limits: self.limits, hold: HOLD, run: self }
    }

    async fn run(self, deadline: Deadline) -> Result<Job, Error> {
        let (spec, start) = self.spec(true, deadline).await?;
        match Request::json(&start.jobs.app.client, spec).within(deadline).await {
            Err(error) if error.may_have_acted() => {
                let found = lost(&start.jobs, &start.run, deadline).await;
                found.ok_or_else(|| error.with_pending(start.pending()))
            }
            answer => answer,
        }
    }

    async fn spec(mut self, log: bool, deadline: Deadline) -> Result<(Spec, Start), Error> {
        if self.job.args.is_empty() {
            return Err(Error::invalid_input("name a program to run"));
        }
        let release: Release = if self.job.release_id.is_empty() {
            self.app.release().within(deadline).await?
        } else {
            self.app.client.releases().get(&self.job.release_id).within(deadline).await?
        };
        let starts_in_runner = self.job.args.first().is_some_and(|program| program == RUNNER);
        if release.is_git_deploy() && !starts_in_runner {
            self.job.args.insert(0, RUNNER.to_owned());
        }
        self.job.release_id = release.id;
        self.job.disable_log = !self.log.unwrap_or(log);
        let run = match self.job.meta.entry(RUN_ID.to_owned()) {
            Entry::Occupied(run) => run.get().clone(),
            Entry::Vacant(run) => run.insert(random_uuid()?).clone(),
        };
        let spec = Spec::post("/apps/{app}/jobs", [self.app.app.as_str()], Repeat::Never);
        let spec = spec.body(&self.job);
        let release = self.job.release_id;
        Ok((spec, Start { jobs: self.app.jobs(), release, run }))
    }
}

operation!(RunJob => Job);

/// The key of the metadata that identifies a job if the answer to its start is lost. [`Jobs::run`] sets it to a random
/// UUID.
pub const RUN_ID: &str = "flynn-client.run";

/// The start of a job, whose answer may be lost.
struct Start {
    jobs: Jobs,
    release: ReleaseId,
    run: String,
}

impl Start {
    fn pending(self) -> Pending {
        let app = self.jobs.app.app;
        Pending::PerhapsJob { app, release: self.release, run: self.run }
    }
}

/// The number of times to look for a job, which is recorded only when its host reports it.
const LOOKS: u32 = 5;

/// Looks for the job with this [`RUN_ID`].
pub(crate) async fn lost(jobs: &Jobs, run: &str, deadline: Deadline) -> Option<Job> {
    let retry = &jobs.app.client.transport().settings.retry;
    let mut looks = 0;
    loop {
        looks += 1;
        let list = jobs.list().within(deadline).await.ok()?;
        let found = list.into_iter().find(|job| job.meta.get(RUN_ID).is_some_and(|id| id == run));
        if found.is_some() || looks == LOOKS || !retry.pause(looks, deadline).await {
            return found;
        }
    }
}

/// Starts programs in the images that a git push creates. Servers of 2016 add it to the command; later ones do not.
const RUNNER: &str = "/runner/init";

/// Runs a job attached; returned by [`RunJob::attached`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct RunAttached {
    run: RunJob,
    hold: Duration,
    limits: Limits,
}

/// The delay of the first frame of input. In tests, 5 ms was always enough.
const HOLD: Duration = Duration::from_millis(20);

impl RunAttached {
    /// Delays the first input (data, its end, a signal, a resize) by this time after the job is attached; 20 ms by
    /// default. Zero sends it at once.
    ///
    /// Controllers discard input that arrives together with the request, and the job then reads the end of its input.
    /// Without a delay, 1 to 33 % of the jobs lost their input that way; with 5 ms, none did. Output is not delayed.
    pub fn hold_input(mut self, time: Duration) -> Self {
        self.hold = time;
        self
    }

    async fn run(self, deadline: Deadline) -> Result<Attached, Error> {
        let (spec, start) = self.run.spec(false, deadline).await?;
        let error = match upgrade(&start.jobs.app.client, spec, deadline).await {
            Ok(connection) => return Ok(Attached::new(connection, self.hold)),
            Err(error) if !error.may_have_acted() => return Err(error),
            Err(error) => error,
        };
        Err(error.with_pending(match lost(&start.jobs, &start.run, deadline).await {
            Some(job) => Pending::Job { app: start.jobs.app.app, job: job.uuid.into() },
            None => start.pending(),
        }))
    }
}

operation!(RunAttached => Attached);
