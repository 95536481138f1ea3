//! Lists, reads, stores, kills and runs jobs.

use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::api::answer::{Answer, Attach, Body, Reply, json};
use crate::api::call::Call;
use crate::life::{Command, Engine};
use crate::store::{Job, JobState, Limits, Strings, is_uuid, newest_first, stored_uuid};
use crate::wire::{self, Fail, decode, decode_without};

/// The body of `POST jobs`.
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
    #[serde(rename = "type")]
    kind: String,
}

/// The server's refusal of a job in the app of a database.
const DATASTORE: &str = "cannot run a job on a database app; use the native client \
     (flynn pg psql, flynn mysql console, flynn redis redis-cli, flynn mongodb mongo, …) \
     or flynn-host";

fn starts_with_init(args: &[String]) -> bool {
    args.first().is_some_and(|first| first == "/runner/init")
}

/// `GET /apps/:a/jobs`
pub(crate) fn list_of_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = &engine.tables.app(call.param(0))?.id;
    let of_app = engine.tables.jobs.iter().filter(|job| job.app == *app);
    let list = newest_first(of_app, |job| job.created_at);
    json(&list.into_iter().map(Job::stored).collect::<Vec<_>>())
}

/// `GET /active-jobs`
pub(crate) fn list_active(engine: &mut Engine, _: &Call<'_>) -> Reply {
    let states = [JobState::Pending, JobState::Starting, JobState::Up, JobState::Stopping];
    let active = engine.tables.jobs.iter().filter(|job| states.contains(&job.state));
    let list = newest_first(active, |job| job.updated_at);
    json(&list.into_iter().map(Job::stored).collect::<Vec<_>>())
}

/// Returns the job with this uuid or `host-uuid`.
fn job<'a>(engine: &'a Engine, id: &str) -> Result<&'a Job, Fail> {
    let uuid = match id.split_once('-') {
        _ if is_uuid(id) => id,
        Some((host, uuid)) if !host.is_empty() && !uuid.is_empty() => uuid,
        _ => return Err(Fail::NotFound),
    };
    engine.tables.jobs.iter().find(|job| job.uuid == uuid).ok_or(Fail::NotFound)
}

/// Returns the job in a path. In 2016, the app in the path only has to exist.
fn named_job<'a>(engine: &'a Engine, call: &Call<'_>) -> Result<&'a Job, Fail> {
    if engine.dialect.jobs_under_app {
        engine.tables.app(call.param(0))?;
    }
    let job = job(engine, call.param(1))?;
    let elsewhere = || engine.tables.app(call.param(0)).is_ok_and(|app| app.id != job.app);
    if engine.dialect.users && elsewhere() { Err(Fail::NotFound) } else { Ok(job) }
}

/// `GET /apps/:a/jobs/:j`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    json(&named_job(engine, call)?.stored())
}

/// `PUT /apps/:a/jobs/:j`
pub(crate) fn put(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = if engine.dialect.jobs_under_app {
        Some(engine.tables.app(call.param(0))?.id.clone())
    } else {
        None
    };
    let mut job: Job = decode(engine.dialect.bodies, call.request)?;
    if !engine.dialect.users {
        job.name.clear();
    }
    if let Some(app) = app {
        job.app = app;
    }
    if engine.dialect.users {
        let named = engine.tables.app(call.param(0)).map(|app| app.id.clone());
        let named = named.unwrap_or_else(|_| call.param(0).to_owned());
        if job.app.is_empty() {
            job.app = named;
        } else if job.app != named {
            return Err(Fail::field("app", "must match the app in the URL"));
        }
    }
    if job.state != JobState::Unset {
        wire::one_of("state", job.state.as_str(), JobState::NAMES)?;
    }
    for id in [&job.uuid, &job.app, &job.release] {
        if !is_uuid(id) {
            return Err(Fail::unknown());
        }
    }
    // The fields that identify a known job are ignored.
    let row = engine.tables.jobs.iter().find(|row| row.uuid == job.uuid);
    let known = row.is_some();
    job.foreign = row.is_none_or(|row| row.foreign);
    let known_app = known || engine.tables.apps.iter().any(|app| app.id == job.app);
    let known_release = known || engine.tables.releases.iter().any(|r| r.id == job.release);
    let bad_volume = job.volumes.iter().any(|id| stored_uuid(id).is_none());
    if job.state == JobState::Unset || !known_app || !known_release || bad_volume {
        return Err(Fail::database());
    }
    json(&engine.store_job(job))
}

/// `DELETE /apps/:a/jobs/:j`
pub(crate) fn kill(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let job = named_job(engine, call)?.clone();
    if job.host_id.is_empty() {
        return Err(Fail::invalid("cannot kill a job which has not been placed on a host"));
    }
    if !engine.options.hosts.contains(&job.host_id) {
        return Err(Fail::unknown());
    }
    // The host answers that the job is already stopped.
    if job.is_down() {
        return Err(Fail::unknown());
    }
    engine.kill(&job.uuid);
    Ok(Answer::empty(StatusCode::OK))
}

/// `POST /apps/:a/jobs`
pub(crate) fn run(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.clone();
    let unknown = engine.dialect.unknown_job_fields;
    let new: NewJob = decode_without(engine.dialect.bodies, call.request, unknown)?;
    wire::new_job(&new.release)?;
    if engine.dialect.users && app.is_datastore() && !is_from_a_host(call) {
        return Err(Fail::field("app", DATASTORE));
    }
    let any_partition = engine.options.start_order.takes_any_partition;
    if !new.partition.is_empty() && engine.dialect.layered_images && !any_partition {
        wire::one_of("partition", &new.partition, &["background", "user", "system"])?;
    }
    let release = engine.tables.release(&new.release)?.clone();
    let layered = engine.dialect.layered_images;
    let artifacts = match (&new.artifacts, &release.artifacts) {
        _ if !layered => {
            if new.artifact.is_empty() && release.artifacts.is_empty() {
                return Err(Fail::field("release.ImageArtifact", "must be set"));
            }
            if !new.artifact.is_empty() {
                engine.tables.artifact(&new.artifact)?;
            }
            release.artifacts.clone()
        }
        (own, _) if !own.is_empty() => own.clone(),
        (_, artifacts) if !artifacts.is_empty() => artifacts.clone(),
        _ => {
            return Err(Fail::field("release.ArtifactIDs", "cannot be empty"));
        }
    };
    if layered {
        if artifacts.iter().any(|id| stored_uuid(id).is_none()) {
            return Err(Fail::database());
        }
        // The server fails for an artifact that does not exist.
        if artifacts.iter().any(|id| engine.tables.artifact(id).is_err()) {
            return Err(Fail::Broken);
        }
    }
    let attached = call.request.header_text("upgrade").contains("flynn-attach/0");
    let mut args = new.args.clone();
    if layered && args.is_empty() {
        let image = artifacts.last().and_then(|id| engine.tables.artifact(id).ok());
        args = image.map(crate::store::Artifact::default_args).unwrap_or_default();
    } else if !layered && release.is_slug() && !starts_with_init(&args) {
        // Slugs are started by their own init.
        args.insert(0, "/runner/init".to_owned());
    }
    let mut env = if new.release_env { release.env.clone() } else { Strings::new() };
    env.extend(new.env.clone());
    let cells = |n: i64| u16::try_from(n).unwrap_or_default();
    let size = (cells(new.tty_lines), cells(new.tty_columns));
    let command = Command { args: args.clone(), env, tty: new.tty, size, attached };
    let kind = match new.kind.trim() {
        _ if !engine.dialect.users => "",
        "" if attached || new.tty => "console",
        "" => "runner",
        kind => kind,
    };
    let job = Job { args, meta: new.meta.clone(), kind: kind.to_owned(), ..Job::default() };
    let job = engine.start_one_off(&app.id, &release.id, job, command, !new.disable_log);
    if attached {
        return attach(engine, &job.uuid, new.tty, !new.disable_log);
    }
    json(&Job {
        id: job.id,
        uuid: job.uuid,
        host_id: job.host_id,
        release: new.release,
        args: new.args,
        kind: job.kind,
        // Only the name; the job's other metadata is ignored.
        meta: match job.name.as_str() {
            "" => Strings::new(),
            name => [("name".to_owned(), name.to_owned())].into(),
        },
        name: job.name,
        ..Job::default()
    })
}

/// Returns whether the request claims to come from a host. The mock accepts any key.
fn is_from_a_host(call: &Call<'_>) -> bool {
    call.request.headers.contains_key("x-flynn-host-auth")
}

/// Returns the answer that attaches the client to a job's streams.
fn attach(engine: &mut Engine, uuid: &str, tty: bool, logged: bool) -> Reply {
    let program = engine.programs.remove(uuid).ok_or_else(Fail::unknown)?;
    let mut answer = Answer::empty(StatusCode::SWITCHING_PROTOCOLS);
    answer.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    answer.headers.insert(header::UPGRADE, HeaderValue::from_static("flynn-attach/0"));
    answer.body = Body::Attach(Attach {
        job: uuid.to_owned(),
        program: program.program,
        tty,
        logged,
        started: engine.now(),
        input_lost_until: engine.input_lost_until(),
    });
    Ok(answer)
}
