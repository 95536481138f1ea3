//! Jobs as objects: listing, reading, storing, killing, running one-off ones.

use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::calls::Call;
use crate::engine::{Answer, Body, Engine, ServerAge};
use crate::life::processes::Limits;
use crate::life::program::{Attach, Command};
use crate::store::ids::{is_uuid, stored_uuid};
use crate::store::state::{Strings, newest_first};
use crate::wire::{self, Fail, Reply, Time, decode, decode_grown, empty, json};

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Job {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    pub(crate) uuid: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) host_id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) app: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) release: String,
    #[serde(rename = "type", skip_serializing_if = "empty")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) state: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) args: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) volumes: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) exit_status: Option<i32>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) host_error: Option<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) run_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) restarts: Option<i32>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    /// No host may run it; known to the scheduler alone.
    #[serde(skip)]
    pub(crate) blocked: bool,
    /// A client has stored it; the scheduler does not know it.
    #[serde(skip)]
    pub(crate) foreign: bool,
}

impl Job {
    /// Whether it has ended.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.state.as_str(), "down" | "crashed" | "failed")
    }

    /// The job as it is read: the database has microseconds, events carry what was sent.
    fn stored(&self) -> Self {
        Self { run_at: self.run_at.map(|at| Time::new(at.timestamp())), ..self.clone() }
    }
}

/// What `POST jobs` takes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "those of the wire")]
struct NewJob {
    release: String,
    artifacts: Vec<String>,
    artifact: String,
    release_env: bool,
    args: Vec<String>,
    env: Strings,
    meta: Strings,
    tty: bool,
    tty_columns: i64,
    tty_lines: i64,
    disable_log: bool,
    resources: std::collections::BTreeMap<String, Limits>,
    data: bool,
    partition: String,
    profiles: Vec<String>,
    mounts_from: String,
    cmd: Vec<String>,
    entrypoint: Vec<String>,
}

impl Engine {
    /// `GET /apps/:a/jobs`
    pub(crate) fn list_jobs(&mut self, call: &Call<'_>) -> Reply {
        let app = &self.state.app(call.param(0))?.id;
        let of_app = self.state.jobs.iter().filter(|job| job.app == *app);
        let list = newest_first(of_app, |job| job.created_at);
        json(&list.into_iter().map(Job::stored).collect::<Vec<_>>())
    }

    /// `GET /active-jobs`
    pub(crate) fn list_active_jobs(&mut self, _: &Call<'_>) -> Reply {
        let states = ["pending", "starting", "up", "stopping"];
        let active = self.state.jobs.iter().filter(|job| states.contains(&job.state.as_str()));
        let list = newest_first(active, |job| job.updated_at);
        json(&list.into_iter().map(Job::stored).collect::<Vec<_>>())
    }

    /// The job with this uuid or `host-uuid`.
    fn job(&self, id: &str) -> Result<&Job, Fail> {
        let uuid = match id.split_once('-') {
            _ if is_uuid(id) => id,
            Some((host, uuid)) if !host.is_empty() && !uuid.is_empty() => uuid,
            _ => return Err(Fail::NotFound),
        };
        self.state.jobs.iter().find(|job| job.uuid == uuid).ok_or(Fail::NotFound)
    }

    /// The job that a path names; in 2016 its app must exist, any will do.
    fn named_job(&self, call: &Call<'_>) -> Result<&Job, Fail> {
        if self.options.age == ServerAge::V2016 {
            self.state.app(call.param(0))?;
        }
        self.job(call.param(1))
    }

    /// `GET /apps/:a/jobs/:j`
    pub(crate) fn get_job(&mut self, call: &Call<'_>) -> Reply {
        json(&self.named_job(call)?.stored())
    }

    /// `PUT /apps/:a/jobs/:j`
    pub(crate) fn put_job(&mut self, call: &Call<'_>) -> Reply {
        let app = match self.options.age {
            ServerAge::V2016 => Some(self.state.app(call.param(0))?.id.clone()),
            ServerAge::V2021 => None,
        };
        let mut job: Job = decode(self.options.age, call.request)?;
        if let Some(app) = app {
            job.app = app;
        }
        let states = ["pending", "starting", "up", "stopping", "down", "crashed", "failed"];
        if !job.state.is_empty() {
            wire::one_of("state", &job.state, &states)?;
        }
        for id in [&job.uuid, &job.app, &job.release] {
            if !is_uuid(id) {
                return Err(Fail::unknown());
            }
        }
        // What identifies a known job is not looked at.
        let row = self.state.jobs.iter().find(|row| row.uuid == job.uuid);
        let known = row.is_some();
        job.foreign = row.is_none_or(|row| row.foreign);
        let known_app = known || self.state.apps.iter().any(|app| app.id == job.app);
        let known_release = known || self.state.releases.iter().any(|r| r.id == job.release);
        let bad_volume = job.volumes.iter().any(|id| stored_uuid(id).is_none());
        if job.state.is_empty() || !known_app || !known_release || bad_volume {
            return Err(Fail::database());
        }
        json(&self.store_job(job))
    }

    /// Inserts or updates a job, with one event for each of its states.
    pub(crate) fn store_job(&mut self, mut job: Job) -> Job {
        let at = self.time();
        (job.created_at, job.updated_at) = (Some(at), Some(at));
        match self.state.jobs.iter_mut().find(|row| row.uuid == job.uuid) {
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
            None => self.state.jobs.push(job.clone()),
        }
        // In 2016 the event is no part of the transaction.
        let at = if self.options.age == ServerAge::V2016 { self.time() } else { at };
        let key = format!("{}|{}", job.uuid, job.state);
        let (app, uuid) = (job.app.clone(), job.uuid.clone());
        self.event_once(key, at, &app, "job", &uuid, &job);
        self.note_job_event(&job);
        job
    }

    /// `DELETE /apps/:a/jobs/:j`
    pub(crate) fn kill_job(&mut self, call: &Call<'_>) -> Reply {
        let job = self.named_job(call)?.clone();
        if job.host_id.is_empty() {
            return Err(Fail::invalid("cannot kill a job which has not been placed on a host"));
        }
        if !self.options.hosts.contains(&job.host_id) {
            return Err(Fail::unknown());
        }
        // The host answers that the job is already stopped.
        if job.is_down() {
            return Err(Fail::unknown());
        }
        self.kill(&job.uuid);
        Ok(Answer::empty(StatusCode::OK))
    }

    /// `POST /apps/:a/jobs`
    pub(crate) fn run_job(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.clone();
        let later = ["artifacts", "data", "partition", "profiles", "mounts_from"];
        let new: NewJob = decode_grown(self.options.age, call.request, &later)?;
        wire::new_job(&new.release)?;
        let any_partition = self.options.start_order.takes_any_partition;
        if !new.partition.is_empty() && self.options.age == ServerAge::V2021 && !any_partition {
            wire::one_of("partition", &new.partition, &["background", "user", "system"])?;
        }
        let release = self.state.release(&new.release)?.clone();
        let artifacts = match self.options.age {
            ServerAge::V2016 => {
                if new.artifact.is_empty() && release.artifacts.is_empty() {
                    return Err(Fail::field("release.ImageArtifact", "must be set"));
                }
                if !new.artifact.is_empty() {
                    self.state.artifact(&new.artifact)?;
                }
                release.artifacts.clone()
            }
            ServerAge::V2021 if !new.artifacts.is_empty() => new.artifacts.clone(),
            ServerAge::V2021 if !release.artifacts.is_empty() => release.artifacts.clone(),
            ServerAge::V2021 => {
                return Err(Fail::field("release.ArtifactIDs", "cannot be empty"));
            }
        };
        if self.options.age == ServerAge::V2021 {
            if artifacts.iter().any(|id| stored_uuid(id).is_none()) {
                return Err(Fail::database());
            }
            // The server trips over an artifact that is not there.
            if artifacts.iter().any(|id| self.state.artifact(id).is_err()) {
                return Err(Fail::Broken);
            }
        }
        let attached = call.request.header_text("upgrade").contains("flynn-attach/0");
        let mut args = new.args.clone();
        match self.options.age {
            ServerAge::V2021 if args.is_empty() => {
                let image = artifacts.last().and_then(|id| self.state.artifact(id).ok());
                args = image.map(crate::api::artifacts::Artifact::default_args).unwrap_or_default();
            }
            // Slugs run under their own init.
            ServerAge::V2016 if release.is_slug() && !starts_with_init(&args) => {
                args.insert(0, "/runner/init".to_owned());
            }
            _ => {}
        }
        let mut env = if new.release_env { release.env.clone() } else { Strings::new() };
        env.extend(new.env.clone());
        let command = Command { args: args.clone(), env, tty: new.tty, attached };
        let job = Job { args, meta: new.meta.clone(), ..Job::default() };
        let job = self.start_one_off(&app.id, &release.id, job, command, !new.disable_log);
        if attached {
            return self.attach(&job.uuid, new.tty, !new.disable_log);
        }
        json(&Job {
            id: job.id,
            uuid: job.uuid,
            host_id: job.host_id,
            release: new.release,
            args: new.args,
            ..Job::default()
        })
    }

    /// The answer that hands a job's streams to the client.
    fn attach(&mut self, uuid: &str, tty: bool, logged: bool) -> Reply {
        let program = self.programs.remove(uuid).ok_or_else(Fail::unknown)?;
        let mut answer = Answer::empty(StatusCode::SWITCHING_PROTOCOLS);
        answer.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        answer.headers.insert(header::UPGRADE, HeaderValue::from_static("flynn-attach/0"));
        answer.body = Body::Attach(Attach {
            job: uuid.to_owned(),
            program: program.program,
            tty,
            logged,
            input_lost_until: self.input_lost_until(),
        });
        Ok(answer)
    }
}

fn starts_with_init(args: &[String]) -> bool {
    args.first().is_some_and(|first| first == "/runner/init")
}
