//! git's lock of a configuration file: `FILE.lock`, which is the new file.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::replace::{discard, finish, full_disk, sync_folder};
use super::target::{Access, sibling};
use super::wait::Patience;
use crate::{Error, ErrorKind};

/// The lock file, made exclusively beside the target, as git makes it. Renamed over the target
/// by [`commit`](Self::commit), removed when dropped.
///
/// A lock file that somebody else left behind is never removed: only a person can know that no
/// git is running.
#[derive(Debug)]
pub(crate) struct GitLock {
    target: PathBuf,
    path: PathBuf,
    file: Option<File>,
}

impl GitLock {
    pub(super) fn acquire(target: &Path) -> Result<Self, Error> {
        let path = sibling(target, ".lock");
        let mut patience = Patience::new([target, &path]);
        loop {
            match exclusive(&path) {
                Ok(file) => {
                    return Ok(Self { target: target.to_owned(), path, file: Some(file) });
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(full_disk(target, e)),
            }
            if !patience.wait() {
                return Err(held(&path));
            }
        }
    }

    /// Writes the new content, flushes it and renames it over the target.
    pub(super) fn commit(mut self, bytes: &[u8], access: Access) -> Result<(), Error> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let written = file.write_all(bytes).and_then(|()| finish(&file, access));
        // Windows renames no open file.
        drop(file);
        let renamed = written.and_then(|()| fs::rename(&self.path, &self.target));
        if let Err(e) = renamed {
            discard(&self.path);
            return Err(full_disk(&self.target, e));
        }
        sync_folder(&self.target)
    }
}

impl Drop for GitLock {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            discard(&self.path);
        }
    }
}

fn exclusive(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn held(path: &Path) -> Error {
    let age = fs::metadata(path).and_then(|m| m.modified()).ok();
    let age = age
        .and_then(|at| at.elapsed().ok())
        .map_or_else(String::new, |age| format!(", made {} ago", readable(age)));
    let message = format!(
        "git or another program holds this lock{age}; if none is running, a killed one left it: \
         remove the file"
    );
    Error::new(ErrorKind::Locked, message).at(path)
}

fn readable(age: Duration) -> String {
    match age.as_secs() {
        s @ 0..=119 => format!("{s} seconds"),
        s @ 120..=7199 => format!("{} minutes", s / 60),
        s @ 7200..=172_799 => format!("{} hours", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}
