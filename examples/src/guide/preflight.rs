//! Checks before the first change.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::blocking::blocking;
use crate::runner::Mode;
use crate::session::Session;
use crate::step::Step;
use crate::steps;
use anyhow::{Context as _, Result, bail};

/// Checks the prerequisites of these steps: files, folders, locks, DNS and the connection. A dry run does not check for
/// write access.
///
/// # Errors
/// Fails at the first check that fails.
pub async fn preflight(session: &mut Session, steps: &[Step], mode: Mode) -> Result<()> {
    let any = |of: &[Step]| of.iter().any(|step| steps.contains(step));
    if any(&[Step::Certificate]) {
        steps::certificate::look(session)?;
    }
    if any(&[Step::Domain, Step::Git]) {
        steps::git::look(session).await?;
    }
    let documents = &session.job.documents;
    if any(&[Step::Blobstore, Step::Dns]) && !documents.is_dir() {
        bail!("{} is not a folder", documents.display());
    }
    if mode == Mode::Do {
        let (folders, lock) = (folders(session, steps), gitconfig_lock(session, steps));
        blocking(move || {
            folders.iter().try_for_each(|folder| can_write(folder))?;
            lock.as_deref().map_or(Ok(()), is_free)
        })
        .await?;
    }
    if any(&[Step::Domain]) {
        let host = format!("controller.{}", session.job.domain);
        match session.reach.resolves(&host).await {
            Err(failure) if mode == Mode::DryRun => {
                session.screen.line(format_args!("Note: {failure}"));
            }
            resolved => resolved?,
        }
    }
    steps::connect::look(session).await?;
    if any(&[Step::Routes]) {
        steps::routes::check_managed(session).await?;
    }
    if any(&[Step::App]) {
        steps::app::check_name(session).await?;
    }
    Ok(())
}

/// Returns the folders that these steps write to.
fn folders(session: &Session, steps: &[Step]) -> Vec<PathBuf> {
    let (locations, documents) = (&session.job.locations, &session.job.documents);
    let mut folders = Vec::new();
    for step in steps {
        match step {
            Step::Domain => {
                folders.extend(folder_of(locations.flynnrc()));
                folders.extend(folder_of(locations.gitconfig()));
                folders.extend(nearest(locations.ca_files().dir()));
            }
            Step::Pin => folders.extend(folder_of(locations.flynnrc())),
            Step::Git => folders.extend(folder_of(locations.gitconfig())),
            Step::Blobstore if session.job.backend.is_some() => folders.push(documents.clone()),
            Step::Dns if session.job.dns.is_some() => folders.push(documents.clone()),
            _ => {}
        }
    }
    folders.sort();
    folders.dedup();
    folders
}

/// Returns the folder of a file that is replaced by renaming.
fn folder_of(file: &Path) -> Option<PathBuf> {
    behind_links(file).parent().map(Path::to_owned)
}

fn behind_links(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}

/// Returns the folder, or its nearest parent that exists.
fn nearest(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.exists()).map(Path::to_owned)
}

fn can_write(folder: &Path) -> Result<()> {
    // An unnamed temporary file, so that a killed process leaves nothing behind.
    tempfile::tempfile_in(folder)
        .map(drop)
        .with_context(|| format!("cannot write to {}", folder.display()))
}

fn gitconfig_lock(session: &Session, steps: &[Step]) -> Option<PathBuf> {
    let edits = [Step::Domain, Step::Git].iter().any(|step| steps.contains(step));
    let mut lock = behind_links(session.job.locations.gitconfig()).into_os_string();
    lock.push(".lock");
    edits.then(|| lock.into())
}

/// Waits for git's lock. git removes its lock file after a moment, unless it was killed.
fn is_free(lock: &Path) -> Result<()> {
    for _ in 0..20 {
        match lock.symlink_metadata() {
            Ok(_) => std::thread::sleep(Duration::from_millis(100)),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot look at {}", lock.display()));
            }
        }
    }
    bail!(
        "{} exists: git is running or was killed; if it is not running, remove the file",
        lock.display()
    )
}
