//! Reading and replacing files so that nothing is ever lost.
//!
//! A file is written beside its target, flushed to the disk, and renamed over it; then the folder
//! is flushed. Symbolic links are followed first, so the link stays and its target is replaced.
//! As with git, the new file belongs to the caller, and other hard links keep the old content.

mod lock;
mod mode;
mod read;
mod replace;
mod target;

use std::fs;
use std::path::Path;

pub use lock::LOCK_TIMEOUT;

pub(crate) use mode::Mode;
pub(crate) use read::{MAX_SIZE, read, read_or_stdin};

use crate::{Error, ErrorKind};
use lock::{AdvisoryLock, GitLock, Kind, lock_itself};
use read::read_all;
use replace::replace;
use target::Target;

/// Changes a file under the lock that stands beside it and stays; see
/// [`FlynnRc::edit`](crate::FlynnRc::edit).
pub(crate) fn locked_edit<T, E: From<Error>>(
    path: &Path,
    change: impl FnOnce(Vec<u8>, Mode) -> Result<(T, Vec<u8>), E>,
) -> Result<T, E> {
    let target = Target::resolve(path)?;
    let lock = AdvisoryLock::acquire(&target)?;
    let (old, mode) = read_or_empty(&target)?;
    let (done, new) = change(old.clone(), mode)?;
    if new != old {
        target.refuse_read_only()?;
        refuse_large(&target, &new)?;
        replace(&target.path, &new, mode)?;
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
    let (old, mode) = read_or_empty(&target)?;
    let (done, new) = change(old.clone())?;
    if new != old {
        target.refuse_read_only()?;
        refuse_large(&target, &new)?;
        lock.commit(&new, mode)?;
    }
    Ok(done)
}

/// Reads a file under a shared lock on itself.
pub(crate) fn read_shared(path: &Path) -> Result<Vec<u8>, Error> {
    let (file, _) = lock_itself(path, Kind::Shared)?;
    read_all(&file, path)
}

/// Changes a file under the lock on itself, and makes it and its folder where they are missing.
///
/// The CLI takes the same lock and writes in place. A CLI that waits for the lock meanwhile writes
/// to the file that is replaced, and has to renew its token once more; a file that is written in
/// place could be lost in a crash.
pub(crate) fn self_locked_edit(
    path: &Path,
    change: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, Error>,
) -> Result<(), Error> {
    make_private_folder(target::folder(path))?;
    let target = Target::resolve(path)?;
    target.refuse_read_only()?;
    let (file, mode) = lock_itself(&target.path, Kind::Exclusive)?;
    let new = change(read_all(&file, &target.path)?)?;
    refuse_large(&target, &new)?;
    replace(&target.path, &new, mode)?;
    drop(file);
    Ok(())
}

fn make_private_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| Error::io("create the folder", folder, e))
}

/// Replaces a file in one step, or makes it with the permissions of `new`. Nothing is written
/// where the content is there already.
pub(crate) fn write(path: &Path, bytes: &[u8], new: Mode) -> Result<(), Error> {
    let target = Target::resolve(path)?;
    let mode = match read(&target.path) {
        Ok((old, _)) if old == bytes => return Ok(()),
        Ok((_, mode)) => mode,
        Err(e) if e.is_not_found() => new,
        // What is too large to be read can still be replaced.
        Err(e) => match fs::metadata(&target.path) {
            Ok(there) if there.is_file() => mode::of(&there),
            _ => return Err(e),
        },
    };
    target.refuse_read_only()?;
    replace(&target.path, bytes, mode)
}

/// The content of the target; nothing where it is missing but could be made.
fn read_or_empty(target: &Target) -> Result<(Vec<u8>, Mode), Error> {
    match read(&target.path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok((Vec::new(), Mode::default())),
        other => other,
    }
}

/// Nobody could read the file again.
fn refuse_large(target: &Target, new: &[u8]) -> Result<(), Error> {
    if new.len() > MAX_SIZE {
        let message = "it would be larger than 1 MiB";
        return Err(Error::file(ErrorKind::Invalid, "write", &target.path, message));
    }
    Ok(())
}
