//! Reading small files, and replacing them in one step.
//!
//! A new file is written next to its target, flushed to the disk and renamed over the target. Then the folder is
//! flushed. Symbolic links are followed first, so a link stays and its target is replaced. As with git, the new file
//! belongs to the caller, and other hard links keep the old content.

mod lock;
mod read;
mod replace;
mod target;

use std::fs;
use std::path::Path;

pub use lock::LOCK_TIMEOUT;
pub use read::MAX_FILE_SIZE;

pub(crate) use read::{read, read_or_stdin};
pub(crate) use target::Mode;

use crate::{Error, ErrorKind};
use lock::{AdvisoryLock, GitLock, LockKind, lock_itself};
use read::read_all;
use replace::replace;
use target::{Target, mode_of};

/// Reads a whole file, or standard input for `-`.
///
/// The path must name a regular file of at most [`MAX_FILE_SIZE`] bytes. A pipe, a device or an
/// endless file is an error, so it is safe to read an untrusted path. `/dev/null`
/// is an empty file.
///
/// # Errors
/// Fails with [`NotFound`](ErrorKind::NotFound) if the file does not exist, with [`Invalid`](ErrorKind::Invalid) if it
/// is too large or not a regular file, and with [`Io`](ErrorKind::Io) for other I/O errors.
pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
    read_or_stdin(path.as_ref()).map(|(bytes, _)| bytes)
}

/// Writes a whole file in one step, so that a crash leaves the old file or the new one.
///
/// Use it for documents about a cluster, such as a plan or a policy. A new file has mode 0644, an
/// existing one keeps its mode. Symbolic links are followed and stay. Removes the temporary files
/// that killed writers of this file have left (`NAME.flynn-config-XXXXXX.tmp`).
///
/// # Errors
/// Fails with [`Invalid`](ErrorKind::Invalid) for a folder, device or pipe, with [`NotFound`](ErrorKind::NotFound) if
/// the folder does not exist, with [`ReadOnly`](ErrorKind::ReadOnly) if you may not write the file or its folder, and
/// with [`Io`](ErrorKind::Io) if, for example, the disk is full. The old file is then unchanged.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("plan.json");
/// use flynn_config::{read_file, write_file};
///
/// write_file(&path, "{}\n")?;
/// assert_eq!(read_file(&path)?, b"{}\n");
/// # Ok::<(), flynn_config::Error>(())
/// ```
pub fn write_file(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    write(path.as_ref(), bytes.as_ref(), Mode::PUBLIC)
}

/// Changes a file under a separate lock file: see [`FlynnRc::edit`](crate::FlynnRc::edit).
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

/// Changes a file under git's lock: see [`GitConfig::edit`](crate::GitConfig::edit).
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
    let (file, _) = lock_itself(path, LockKind::Shared)?;
    read_all(&file, path)
}

/// Changes a file under a lock on itself. Creates the file and its folder if they are missing.
///
/// The CLI takes the same lock, but writes in place, where a crash could lose the file. A CLI that waits for the lock
/// then writes to the replaced file, and has to renew its token again.
pub(crate) fn self_locked_edit(
    path: &Path,
    change: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, Error>,
) -> Result<(), Error> {
    make_private_folder(target::folder(path))?;
    let target = Target::resolve(path)?;
    target.refuse_read_only()?;
    let (file, mode) = lock_itself(&target.path, LockKind::Exclusive)?;
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

/// Replaces a file in one step, or creates it with the mode `new`. Writes nothing if the file already has the content.
pub(crate) fn write(path: &Path, bytes: &[u8], new: Mode) -> Result<(), Error> {
    let target = Target::resolve(path)?;
    let mode = match read(&target.path) {
        Ok((old, _)) if old == bytes => return Ok(()),
        Ok((_, mode)) => mode,
        Err(e) if e.is_not_found() => new,
        // A file that is too large to read can still be replaced.
        Err(e) => match fs::metadata(&target.path) {
            Ok(there) if there.is_file() => mode_of(&there),
            _ => return Err(e),
        },
    };
    target.refuse_read_only()?;
    replace(&target.path, bytes, mode)
}

/// Reads the content of the target, or nothing if it does not exist.
fn read_or_empty(target: &Target) -> Result<(Vec<u8>, Mode), Error> {
    match read(&target.path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok((Vec::new(), Mode::default())),
        other => other,
    }
}

/// Refuses content that could not be read again.
fn refuse_large(target: &Target, new: &[u8]) -> Result<(), Error> {
    if new.len() > MAX_FILE_SIZE {
        let message = "it would be larger than 1 MiB";
        return Err(Error::file(ErrorKind::Invalid, "write", &target.path, message));
    }
    Ok(())
}
