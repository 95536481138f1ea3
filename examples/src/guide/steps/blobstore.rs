//! Moves the blobstore's files to S3.

use std::path::PathBuf;
use std::time::Duration;

use flynn_aws::blobstore::{
    Backend, BackendKind, Blobstore, BucketCount, Changes, MigrationEvent, MigrationLog, S3Access,
    migrate_command,
};
use flynn_aws::policy::Policy;

use flynn_client::jobs::{Attached, JobOutput};

use crate::aws::bucket;
use crate::cluster;
use crate::documents;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result, bail};

/// The app.
const APP: &str = "blobstore";
/// The key in the app's metadata that records a successful migration with its [mark]. The controller remembers that a
/// job exited with status 0 but not its output, and the status alone proves nothing.
const MIGRATED: &str = "blobs-migrated-to";
/// The longest time for moving the blobs.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(3600);

/// Reads the env as the blobstore does, and checks whether the files were moved.
///
/// # Errors
/// Fails if the cluster does not answer or the backend is in use with another bucket.
pub async fn look(session: &mut Session) -> Result<Look> {
    let Some(given) = session.job.backend.clone() else {
        return Ok(Look::skipped("no --bucket was given"));
    };
    let env = cluster::env(&session.client, APP).await?;
    let found = Blobstore::read(&env);
    let backend = wanted(session, given, &found)?;
    let default = found.default_backend();
    let changes = Changes::to_default(&backend, &env);
    let mut plan = Vec::new();
    if let Some((path, policy)) = policy(session, &backend)
        && !documents::holds(&path, &policy).await
    {
        plan.push(format!("write the IAM policy to {}", path.display()));
    }
    if !changes.is_empty() {
        let names: Vec<&str> =
            changes.set.names().chain(changes.unset.iter().map(String::as_str)).collect();
        plan.push(format!(
            "change {} of {APP}, in one release and one deploy",
            names.join(" and ")
        ));
    }
    let migrated = migrated_to(session).await?;
    if !changes.is_empty() || migrated != Some(mark(&backend)) {
        plan.push(format!("run {} and check its output", migrate_command(None).join(" ")));
    }
    let now = match found.backend(default) {
        None => format!("blobs in {default}"),
        Some(used) => {
            let moved = migrated == Some(mark(used));
            let moved = if moved { "files moved" } else { "files not moved" };
            format!("blobs in {default} ({}{}), {moved}", place(used), access(used))
        }
    };
    if plan.is_empty() {
        let file = policy_file(session);
        return Ok(Look::holds(now).details([format!("IAM policy in {}", file.display())]));
    }
    let findings = found.findings().iter().map(ToString::to_string).collect::<Vec<_>>();
    Ok(Look::lacks(now, plan).details(findings))
}

/// Sets the variables in one release, runs the migration job and checks its output.
///
/// # Errors
/// Fails if the deployment fails, for example because the bucket cannot be reached, or if the job does not move the
/// files.
pub async fn act(session: &mut Session) -> Result<()> {
    let Some(given) = session.job.backend.clone() else { return Ok(()) };
    let env = cluster::env(&session.client, APP).await?;
    let backend = wanted(session, given, &Blobstore::read(&env))?;
    if let Some((path, policy)) = policy(session, &backend) {
        documents::write(&path, &policy).await?;
        session.screen.say(format_args!("IAM policy written to {}", path.display()));
    }
    let before = match Box::pin(bucket::before(&backend)).await? {
        Ok(before) => {
            session.screen.say(format_args!(
                "the key does what the blobstore needs; the bucket holds {before}"
            ));
            Some(before)
        }
        Err(unchecked) => {
            session.screen.say(unchecked);
            None
        }
    };
    let changes = Changes::to_default(&backend, &env);
    if !changes.is_empty() {
        // New files may have been written elsewhere since the last migration.
        leave_mark(session, None).await?;
        let change = session.client.app(APP).env().set(changes.set.iter()).unset(&changes.unset);
        let what = "cannot configure the blobstore; the old release still runs";
        cluster::change_env(session, change, what).await?;
    }
    if migrated_to(session).await? != Some(mark(&backend)) {
        migrate(session, &backend, before).await?;
    }
    Ok(())
}

/// Runs the migration job, checks its output and records the success.
async fn migrate(
    session: &mut Session,
    backend: &Backend,
    before: Option<BucketCount>,
) -> Result<()> {
    let what = "the migration of the blobs failed";
    let app = session.client.app(APP);
    // The job gets the env of the release that is current now.
    let env = cluster::env(&session.client, APP).await?;
    let job = app
        .jobs()
        .run(migrate_command(None).iter().copied())
        .release_env(true)
        .attached()
        .await
        .context(what)?;
    let mut log = MigrationLog::default();
    let followed = follow(session, job, &mut log);
    let status =
        tokio::time::timeout(MIGRATION_TIMEOUT, followed).await.context(what)?.context(what)?;
    let name = backend.name().as_str();
    let done = log.judge(name, &env, status.into()).context(what)?;
    if let Some(before) = before {
        Box::pin(bucket::after(backend, before, &done)).await?;
    }
    session.screen.say(format_args!("{} files moved to {name}", done.moved));
    if done.left_behind > 0 {
        session.screen.say(format_args!("{} old copies could not be deleted", done.left_behind));
    }
    leave_mark(session, Some(mark(backend))).await
}

/// Shows the job's output while it runs, and returns its exit status. A job that turns out to be a server is left: it
/// does not end.
async fn follow(session: &mut Session, job: Attached, log: &mut MigrationLog) -> Result<i32> {
    let (mut output, input) = job.split();
    // The job reads nothing.
    drop(input);
    while let Some(output) = output.next().await {
        match output? {
            JobOutput::Data { data, .. } => log.push(&data),
            JobOutput::Exit { status } => return Ok(status),
            _ => {}
        }
        while let Some(event) = log.next_event() {
            session.screen.say(format_args!("| {event}"));
            if event == MigrationEvent::StartedServer {
                return Ok(0);
            }
        }
    }
    bail!("the output of the job ended without an exit status")
}

/// Names the backend that files were moved to, and its bucket.
fn mark(backend: &Backend) -> String {
    format!("{}: {}", backend.name(), place(backend))
}

/// Records a successful migration, or removes the record.
async fn leave_mark(session: &Session, mark: Option<String>) -> Result<()> {
    let what = "cannot record whether the blobs were moved";
    let app = session.client.app(APP);
    let mut meta = app.get().await.context(what)?.meta;
    let before = match &mark {
        Some(mark) => meta.insert(MIGRATED.to_owned(), mark.clone()),
        None => meta.remove(MIGRATED),
    };
    if before != mark {
        app.update().meta(meta).await.context(what)?;
    }
    Ok(())
}

async fn migrated_to(session: &Session) -> Result<Option<String>> {
    let app = session.client.app(APP).get().await.context("cannot read the app blobstore")?;
    Ok(app.meta.get(MIGRATED).cloned())
}

/// Returns the path of the policy.
pub fn policy_file(session: &Session) -> PathBuf {
    session.job.documents.join("blobstore-policy.json")
}

fn policy(session: &Session, backend: &Backend) -> Option<(PathBuf, String)> {
    let BackendKind::S3(s3) = backend.kind() else { return None };
    Some((policy_file(session), Policy::for_blobstore(s3.bucket(), s3.region()).to_json()))
}

/// Returns the backend to set. Without a key in the environment, keeps the key or role that the cluster already uses
/// for the same bucket.
///
/// # Errors
/// Fails if the backend is in use with another bucket. Its files could no longer be found if it changed.
fn wanted(session: &Session, given: Backend, found: &Blobstore) -> Result<Backend> {
    let name = given.name();
    let Some(set) = found.backends().iter().find(|set| set.name == *name) else {
        return Ok(given);
    };
    let Some(used) = &set.backend else {
        bail!(
            "the backend {name} is set but not valid: if it holds no files, unset {} first",
            set.variables.join(" and ")
        );
    };
    let (old, new) = (place(used), place(&given));
    if old != new {
        bail!(
            "the backend {name} is in use with {old}: its files could no longer be found if it changed to {new}"
        );
    }
    Ok(if session.job.keeps_access { used.clone() } else { given })
}

fn place(backend: &Backend) -> String {
    match backend.kind() {
        BackendKind::S3(s3) => format!("bucket {} in {}", s3.bucket(), s3.region()),
        other => other.token().to_owned(),
    }
}

/// Describes the key or role.
fn access(backend: &Backend) -> String {
    let BackendKind::S3(s3) = backend.kind() else { return String::new() };
    match s3.access() {
        S3Access::Key { id, .. } => format!(", key {id}"),
        S3Access::Ec2Role => ", role of the instances".to_owned(),
        _ => String::new(),
    }
}
