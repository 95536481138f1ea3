//! Reading and replacing files so that nothing is ever lost.
//!
//! A file is written beside its target, flushed to the disk, and renamed over it; then the folder
//! is flushed. Symbolic links are followed first, so the link stays and its target is replaced.
//! As with git, the new file belongs to the caller, and other hard links keep the old content.

mod git_lock;
mod rc_lock;
mod replace;
mod target;
mod wait;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use replace::replace;
pub(crate) use target::{Access, read};
pub(crate) use wait::Patience;

use crate::{Error, ErrorKind};
use git_lock::GitLock;
use rc_lock::RcLock;
use target::Target;

/// How long a writer waits for a lock that somebody else holds while nothing changes, before it
/// gives up. As long as others get their edits done, it goes on waiting for its turn.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Changes a file under the lock that stands beside it and stays; see
/// [`FlynnRc::edit`](crate::FlynnRc::edit).
pub(crate) fn locked_edit<T, E: From<Error>>(
    path: &Path,
    change: impl FnOnce(Vec<u8>, Access) -> Result<(T, Vec<u8>), E>,
) -> Result<T, E> {
    let target = Target::resolve(path)?;
    let lock = RcLock::acquire(&target)?;
    let (old, access) = read_or_empty(&target)?;
    let (done, new) = change(old.clone(), access)?;
    if new != old {
        target.refuse_read_only()?;
        replace::sweep(&target.path);
        replace(&target.path, &new, access)?;
    }
    drop(lock);
    Ok(done)
}

/// Changes a file under git's own lock, which is the new file; see
/// [`GitConfig::edit`](crate::GitConfig::edit).
pub(crate) fn git_locked_edit<T, E: From<Error>>(
    path: &Path,
    change: impl FnOnce(Vec<u8>) -> Result<(T, Vec<u8>), E>,
) -> Result<T, E> {
    let target = Target::resolve(path)?;
    let lock = GitLock::acquire(&target.path)?;
    let (old, access) = read_or_empty(&target)?;
    let (done, new) = change(old.clone())?;
    if new != old {
        target.refuse_read_only()?;
        lock.commit(&new, access)?;
    }
    Ok(done)
}

/// Writes a whole file in one step: a crash leaves the old or the new file, never a part of one.
///
/// For documents that belong to a cluster, such as a plan or a policy. A new file is readable by everybody
/// (mode 0644), an existing one keeps its mode, and a symbolic link stays. Temporary files that a killed
/// process left for this file are removed.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) if the folder does not exist; [`Invalid`](ErrorKind::Invalid) if something
/// other than a regular file is in the way; [`Locked`](ErrorKind::Locked) if another program writes to the folder
/// and does not finish; [`ReadOnly`](ErrorKind::ReadOnly), [`Io`](ErrorKind::Io).
pub fn write_file(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    let target = Target::resolve(path.as_ref())?;
    let access = match read(&target.path) {
        Ok((_, access)) => access,
        Err(e) if e.is_not_found() => Access::public(),
        Err(e) => return Err(e),
    };
    target.refuse_read_only()?;
    let folder = lock_folder(&target)?;
    if folder.is_some() {
        replace::sweep(&target.path);
    }
    replace(&target.path, bytes.as_ref(), access)
}

/// Keeps other writers away from the temporary files in a folder. `None` where folders cannot be locked (Windows,
/// some network file systems): nobody can then tell a living writer's file from a dead one's.
fn lock_folder(target: &Target) -> Result<Option<File>, Error> {
    let Ok(folder) = File::open(target::folder(&target.path)) else { return Ok(None) };
    let mut patience = Patience::new([&target.path, &target.path]);
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if patience.wait() => {}
            Err(TryLockError::WouldBlock) => {
                let message = "another program is writing to its folder and does not finish";
                return Err(Error::new(ErrorKind::Locked, message).at(&target.path));
            }
        }
    }
}

/// The file behind the symbolic links of `path`.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, Error> {
    Ok(Target::resolve(path)?.path)
}

/// The content of the target; nothing where it is missing but could be made.
fn read_or_empty(target: &Target) -> Result<(Vec<u8>, Access), Error> {
    match read(&target.path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok((Vec::new(), Access::default())),
        other => other,
    }
}
