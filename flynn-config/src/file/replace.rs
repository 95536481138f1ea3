//! Replaces a file in one step.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use super::target::{Mode, folder};
use crate::{Error, ErrorKind};

/// The names of temporary files have this between the name of the target and six random characters:
/// `.flynnrc.flynn-config-AbC123.tmp`.
const INFIX: &str = ".flynn-config-";
const SUFFIX: &str = ".tmp";

/// Writes a temporary file in the folder of `target`, flushes it, and renames it over `target`.
/// First removes the temporary files of killed processes, which can hold keys.
pub(crate) fn replace(target: &Path, bytes: &[u8], mode: Mode) -> Result<(), Error> {
    let failed = |e: io::Error| write_failed(target, e);
    remove_abandoned(target);
    let mut temporary = temporary(target).map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    finish(temporary.as_file(), mode).map_err(failed)?;
    temporary.persist(target).map_err(|e| failed(e.error))?;
    sync_folder(target)
}

/// Creates a file next to `target` that is locked as long as its writer lives.
fn temporary(target: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(target);
    loop {
        let file =
            tempfile::Builder::new().prefix(&prefix).suffix(SUFFIX).tempfile_in(folder(target))?;
        // Without locks, the temporary files of killed processes stay.
        let _ = file.as_file().lock();
        // Another writer may have removed it before it was locked.
        if fs::symlink_metadata(file.path()).is_ok() {
            return Ok(file);
        }
    }
}

/// The start of the names of temporary files for `target`.
fn prefix(target: &Path) -> String {
    format!("{}{INFIX}", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes the temporary files for `target` that are not locked.
fn remove_abandoned(target: &Path) {
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
        // Keep the lock until the file is removed, so that its writer cannot take it.
        if file.try_lock().is_ok() {
            discard(&entry.path());
        }
    }
}

/// Sets the permissions of a complete file and flushes it to the disk.
pub(super) fn finish(file: &File, mode: Mode) -> io::Result<()> {
    mode.set_on(file)?;
    file.sync_all()
}

/// Flushes the folder of `target`, so that a rename survives a power loss.
pub(super) fn sync_folder(target: &Path) -> Result<(), Error> {
    use io::ErrorKind as Io;
    // Windows cannot open a folder as a file.
    if cfg!(windows) {
        return Ok(());
    }
    match File::open(folder(target)).and_then(|folder| folder.sync_all()) {
        // Some network and FUSE file systems cannot flush a folder, and a folder without read
        // permission cannot be opened. Nothing more can be done.
        Err(e) if matches!(e.kind(), Io::InvalidInput | Io::Unsupported | Io::PermissionDenied) => {
            Ok(())
        }
        Err(e) => {
            let message = "the file is written, but could be lost in a power failure";
            Err(Error::file(ErrorKind::Io, "flush", target, message).caused_by(e))
        }
        Ok(()) => Ok(()),
    }
}

/// An error of a write that has left the old file unchanged.
pub(super) fn write_failed(target: &Path, error: io::Error) -> Error {
    use io::ErrorKind as Io;
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            let message = "the disk is full; the old file is unchanged";
            Error::file(ErrorKind::Io, "write", target, message).caused_by(error)
        }
        Io::PermissionDenied => {
            let message = "no permission to create files in the folder";
            Error::file(ErrorKind::ReadOnly, "write", target, message).caused_by(error)
        }
        _ => Error::io("write", target, error),
    }
}

/// Removes a file that is no longer needed.
pub(super) fn discard(path: &Path) {
    // A failure cannot be handled, and the caller already reports an error.
    let _ = fs::remove_file(path);
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    /// After the rename, an error must not say that the old file is unchanged.
    #[test]
    fn an_error_after_the_rename_says_that_the_file_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let error = sync_folder(&dir.path().join("gone/rc")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("the file is written"), "{error}");
    }
}
