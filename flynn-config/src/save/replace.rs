//! Replacing a file in one step.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::target::{Access, folder};
use crate::{Error, ErrorKind};

/// What marks a temporary file of this crate, between the name of its target and six random
/// characters: `.flynnrc.flynn-config-AbC123.tmp`.
const INFIX: &str = ".flynn-config-";
const SUFFIX: &str = ".tmp";

/// Writes `bytes` to a temporary file in the folder of `target`, flushes it, and renames it over
/// `target`. The temporary file of a killed process (`<name>.flynn-config-*.tmp`, mode 0600 until
/// its content is complete) may stay behind; `target` never holds a part of anything.
pub(crate) fn replace(target: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
    let failed = |e: std::io::Error| full_disk(target, e);
    let mut temporary = tempfile::Builder::new()
        .prefix(&prefix(target))
        .suffix(SUFFIX)
        .tempfile_in(folder(target))
        .map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    finish(temporary.as_file(), access).map_err(failed)?;
    temporary.persist(target).map_err(|e| failed(e.error))?;
    sync_folder(target)
}

/// How the names of temporary files for `target` start.
fn prefix(target: &Path) -> String {
    format!("{}{INFIX}", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes the temporary files that killed processes left; the caller holds the lock under which
/// they are made. They hold keys, so they should not lie around.
pub(super) fn sweep(target: &Path) {
    let prefix = prefix(target);
    let Ok(entries) = fs::read_dir(folder(target)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|n| n.strip_prefix(&*prefix)?.strip_suffix(SUFFIX));
        let ours =
            random.is_some_and(|r| r.len() == 6 && r.bytes().all(|b| b.is_ascii_alphanumeric()));
        if ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            discard(&entry.path());
        }
    }
}

/// Gives a complete file the permissions of the one it replaces and flushes it to the disk.
pub(super) fn finish(file: &File, access: Access) -> std::io::Result<()> {
    access.give_to(file)?;
    file.sync_all()
}

/// Makes a rename in the folder of `target`, which is done, survive a loss of power.
pub(super) fn sync_folder(target: &Path) -> Result<(), Error> {
    use std::io::ErrorKind as Io;
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
            let doing = "tell whether the new content, which is written, survives a loss of power";
            Err(Error::io(doing, target, e).of_kind(ErrorKind::Io))
        }
        Ok(()) => Ok(()),
    }
}

/// An error of writing, which leaves the old file as it was.
pub(super) fn full_disk(target: &Path, error: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            Error::io("write (the disk is full); the old file is unchanged", target, error)
        }
        Io::PermissionDenied => {
            let message = "cannot write: no permission to create files in its folder";
            Error::new(ErrorKind::ReadOnly, message).at(target)
        }
        _ => Error::io("write", target, error),
    }
}

/// Removes a file that is in nobody's way any more.
pub(super) fn discard(path: &Path) {
    // Nothing can be done about a failure, and the caller reports a worse one already.
    let _ = fs::remove_file(path);
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    /// After the rename no error may claim that the old file is still there.
    #[test]
    fn what_fails_after_the_rename_says_that_it_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let error = sync_folder(&dir.path().join("gone/rc")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("which is written"), "{error}");
    }
}
