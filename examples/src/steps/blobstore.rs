//! The blobstore's files: into S3.

use std::path::PathBuf;
use std::time::Duration;

use flynn_aws::blobstore::{Backend, BackendKind, Blobstore, Changes, MIGRATE, Migration};
use flynn_aws::policy::Policy;

use crate::cluster;
use crate::documents;
use crate::failure::{Context, Failure, Result};
use crate::session::{DEPLOY_TIMEOUT, Session};
use crate::step::Look;

/// The app.
const APP: &str = "blobstore";
/// What we leave in the app's meta once the migration was judged a success. The controller remembers that a job
/// ended with status 0, but not what it printed, and the status alone proves nothing.
const MIGRATED: &str = "blobs-migrated-to";
/// How long moving the blobs may take.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(3600);

/// Reads the env as the blobstore does, and whether the files were moved.
///
/// # Errors
/// When the cluster does not answer, or the backend is in use with another bucket.
pub async fn look(session: &mut Session) -> Result<Look> {
    let Some(backend) = session.job.backend.clone() else {
        return Ok(Look::skipped("no --bucket was given"));
    };
    let env = cluster::env(&session.client, APP).await?;
    let found = Blobstore::read(&env);
    refuse_another_bucket(&found, &backend)?;
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
    if migrated.as_deref() != Some(backend.name().as_str()) {
        plan.push(format!("run {} and judge its output", MIGRATE.join(" ")));
    }
    let moved =
        if migrated.as_deref() == Some(default) { "files moved" } else { "files not moved" };
    let now = match default {
        "postgres" => "blobs in postgres".to_owned(),
        name => format!("blobs in {name} ({}), {moved}", place(found.backend(name))),
    };
    if plan.is_empty() {
        let file = policy_file(session);
        return Ok(Look::holds(now).details([format!("IAM policy in {}", file.display())]));
    }
    let findings = found.findings().iter().map(ToString::to_string).collect::<Vec<_>>();
    Ok(Look::lacks(now, plan).details(findings))
}

/// Sets the variables in one release, runs the migration attached, and judges it.
///
/// # Errors
/// When the deployment fails (as it does when the bucket cannot be reached), or the job did not move the files.
pub async fn act(session: &mut Session) -> Result<()> {
    let Some(backend) = session.job.backend.clone() else { return Ok(()) };
    if let Some((path, policy)) = policy(session, &backend) {
        documents::write(&path, &policy).await?;
        session.screen.say(format_args!("IAM policy written to {}", path.display()));
    }
    let env = cluster::env(&session.client, APP).await?;
    let changes = Changes::to_default(&backend, &env);
    if !changes.is_empty() {
        set(session, &changes).await?;
    }
    if migrated_to(session).await?.as_deref() != Some(backend.name().as_str()) {
        migrate(session, &backend).await?;
    }
    Ok(())
}

async fn set(session: &mut Session, changes: &Changes) -> Result<()> {
    let env = session.client.app(APP).env();
    let done = env
        .set(changes.set.iter())
        .unset(&changes.unset)
        .timeout(DEPLOY_TIMEOUT)
        .await
        .context("cannot configure the blobstore, the old release goes on")?;
    if let Some(release) = done.release {
        session.screen.say(format_args!("release {} deployed", release.id));
    }
    Ok(())
}

/// Runs the job attached, judges it, and leaves the mark.
async fn migrate(session: &mut Session, backend: &Backend) -> Result<()> {
    let what = "the migration of the blobs failed";
    let app = session.client.app(APP);
    let job = app.jobs().run(MIGRATE).release_env(true).attached().await.context(what)?;
    let output = job.output().timeout(MIGRATION_TIMEOUT).await.context(what)?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    for line in text.lines() {
        session.screen.say(format_args!("| {line}"));
    }
    let name = backend.name().as_str();
    let done = Migration::judge(name, output.exit_status.into(), &text).context(what)?;
    session.screen.say(format_args!("{} files moved to {name}", done.moved));
    if done.left_behind > 0 {
        session.screen.say(format_args!("{} old copies could not be deleted", done.left_behind));
    }
    let mut meta = app.get().await.context(what)?.meta;
    meta.insert(MIGRATED.to_owned(), name.to_owned());
    app.update().meta(meta).await.context("cannot note that the blobs were moved")?;
    Ok(())
}

async fn migrated_to(session: &Session) -> Result<Option<String>> {
    let app = session.client.app(APP).get().await.context("cannot read the app blobstore")?;
    Ok(app.meta.get(MIGRATED).cloned())
}

/// Where the policy is.
pub fn policy_file(session: &Session) -> PathBuf {
    session.job.documents.join("blobstore-policy.json")
}

fn policy(session: &Session, backend: &Backend) -> Option<(PathBuf, String)> {
    let BackendKind::S3(s3) = backend.kind() else { return None };
    Some((policy_file(session), Policy::for_blobstore(s3.bucket(), s3.region()).to_json()))
}

/// A backend that files refer to must not change its bucket: they would be lost from sight.
fn refuse_another_bucket(found: &Blobstore, backend: &Backend) -> Result<()> {
    let name = backend.name().as_str();
    let (old, new) = (place(found.backend(name)), place(Some(backend)));
    if old.is_empty() || old == new {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the backend {name} is in use with {old}: files in it would be lost from sight if it became {new}"
    )))
}

fn place(backend: Option<&Backend>) -> String {
    match backend.map(Backend::kind) {
        Some(BackendKind::S3(s3)) => format!("bucket {} in {}", s3.bucket(), s3.region()),
        Some(other) => other.token().to_owned(),
        None => String::new(),
    }
}
