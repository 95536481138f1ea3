//! Replacing a file in one step.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use super::mode::Mode;
use super::target::folder;
use crate::{Error, ErrorKind};

/// What marks a temporary file of this crate, between the name of its target and six random
/// characters: `.flynnrc.flynn-config-AbC123.tmp`.
const INFIX: &str = ".flynn-config-";
const SUFFIX: &str = ".tmp";

/// Writes `bytes` to a temporary file in the folder of `target`, flushes it, and renames it over
/// `target`, which never holds a part of anything. First it removes the temporary files that
/// killed processes left: they may hold keys.
pub(crate) fn replace(target: &Path, bytes: &[u8], mode: Mode) -> Result<(), Error> {
    let failed = |e: io::Error| write_failed(target, e);
    sweep(target);
    let mut temporary = temporary(target).map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    finish(temporary.as_file(), mode).map_err(failed)?;
    temporary.persist(target).map_err(|e| failed(e.error))?;
    sync_folder(target)
}

/// A new file beside `target`, locked for as long as its writer lives.
fn temporary(target: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(target);
    loop {
        let file =
            tempfile::Builder::new().prefix(&prefix).suffix(SUFFIX).tempfile_in(folder(target))?;
        // A file system without locks keeps what killed processes leave.
        let _ = file.as_file().lock();
        // Another writer may have swept it away before it was locked.
        if fs::symlink_metadata(file.path()).is_ok() {
            return Ok(file);
        }
    }
}

/// How the names of temporary files for `target` start.
fn prefix(target: &Path) -> String {
    format!("{}{INFIX}", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes the temporary files for `target` that nobody holds a lock on.
fn sweep(target: &Path) {
    let prefix = prefix(target);
    let Ok(entries) = fs::read_dir(folder(target)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|n| n.strip_prefix(&*prefix)?.strip_suffix(SUFFIX));
        let ours =
            random.is_some_and(|r| r.len() == 6 && r.bytes().all(|b| b.is_ascii_alphanumeric()));
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        // The lock is kept until the file is gone, or its writer might take it in between.
        if file.try_lock().is_ok() {
            discard(&entry.path());
        }
    }
}

/// Gives a complete file the permissions of the one it replaces and flushes it to the disk.
pub(super) fn finish(file: &File, mode: Mode) -> io::Result<()> {
    mode.set_on(file)?;
    file.sync_all()
}

/// Makes a rename in the folder of `target`, which is done, survive a loss of power.
pub(super) fn sync_folder(target: &Path) -> Result<(), Error> {
    use io::ErrorKind as Io;
    // Windows opens no folder as a file.
    if cfg!(windows) {
        return Ok(());
    }
    match File::open(folder(target)).and_then(|folder| folder.sync_all()) {
        // Some network and FUSE file systems cannot flush a folder, and one that may be written
        // but not read cannot be opened: nothing more can be done.
        Err(e) if matches!(e.kind(), Io::InvalidInput | Io::Unsupported | Io::PermissionDenied) => {
            Ok(())
        }
        Err(e) => {
            let message = "it is written, but may not survive a loss of power";
            Err(Error::file(ErrorKind::Io, "flush", target, message).caused_by(e))
        }
        Ok(()) => Ok(()),
    }
}

/// An error of writing, which leaves the old file as it was.
pub(super) fn write_failed(target: &Path, error: io::Error) -> Error {
    use io::ErrorKind as Io;
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            let message = "the disk is full; the old file is unchanged";
            Error::file(ErrorKind::Io, "write", target, message).caused_by(error)
        }
        Io::PermissionDenied => {
            let message = "no permission to create files in its folder";
            Error::file(ErrorKind::ReadOnly, "write", target, message).caused_by(error)
        }
        _ => Error::io("write", target, error),
    }
}

/// Removes a file that nobody needs any more.
pub(super) fn discard(path: &Path) {
    // Nothing can be done about a failure, and the caller reports a worse one already.
    let _ = fs::remove_file(path);
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    /// After the rename no error may claim that the old file is still there.
    #[test]
    fn an_error_after_the_rename_says_that_the_file_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let error = sync_folder(&dir.path().join("gone/rc")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("it is written"), "{error}");
    }
}
