//! The locks on a `.flynnrc`, on a git configuration and on a token cache.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::read;
use super::replace::{discard, finish, sync_folder, write_failed};
use super::target::{Mode, Target, folder, mode_of, sibling};
use crate::{Error, ErrorKind};

/// The time that an edit waits for a lock: 10 seconds without a change of the file. While other programs
/// keep changing it, the edit keeps waiting.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The lock of a `.flynnrc`. The system releases it when the process ends.
///
/// The locked file is `.flynnrc.lock`, which is never removed. A lock on `.flynnrc` itself would be lost when a rename
/// replaces the file.
#[derive(Debug)]
pub(super) struct AdvisoryLock {
    _file: File,
}

impl AdvisoryLock {
    pub(super) fn acquire(target: &Target) -> Result<Self, Error> {
        let path = sibling(&target.path, ".lock");
        let file = open_advisory(&path, target)?;
        let mut wait = LockWait::new([&target.path, &path]);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path, e)),
                Err(TryLockError::WouldBlock) => {}
            }
            if !wait.pause() {
                return Err(locked_by_another(&target.path));
            }
        }
    }
}

/// Opens or creates the lock file without following a link. Anyone who can read the file can hold the lock, so only the
/// owner can read it, even if root creates it.
fn open_advisory(path: &Path, target: &Target) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    read::flags(&mut options, rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK);
    // Only a new lock is given to the owner.
    let made = create_new(path).inspect(|lock| give_to_owner(lock, target));
    let opened = match made {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            refuse_odd_lock(path)?;
            options.open(path)
        }
        made => made,
    };
    let refused = match opened {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => e,
        Err(e) => return Err(write_failed(&target.path, e)),
        Ok(file) => return Ok(file),
    };
    // A lock of another user works if it can be read.
    options.write(false).open(path).map_err(|e| match e.kind() {
        io::ErrorKind::PermissionDenied => {
            let message = "it belongs to another user; remove it or change its owner";
            Error::file(ErrorKind::ReadOnly, "open the lock", path, message)
        }
        // There is no lock, and it cannot be created.
        _ => write_failed(&target.path, refused),
    })
}

/// Refuses a link or a pipe in place of the lock, which an attacker could have created.
fn refuse_odd_lock(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => {
            let kind = read::name_of(there.file_type());
            let message = format!("it is {kind}, not a regular file; remove it");
            Err(Error::file(ErrorKind::Invalid, "open the lock", path, message))
        }
        _ => Ok(()),
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Gives a lock that root has created to the owner of the `.flynnrc`, or else of its folder.
#[cfg(unix)]
fn give_to_owner(lock: &File, target: &Target) {
    use std::os::unix::fs::{MetadataExt as _, fchown};

    let owner = target.path.metadata().or_else(|_| folder(&target.path).metadata());
    let (Ok(owner), Ok(lock_owner)) = (owner, lock.metadata()) else { return };
    if owner.uid() != lock_owner.uid() {
        // Only root may do this, and only root needs to.
        let _ = fchown(lock, Some(owner.uid()), Some(owner.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner(_: &File, _: &Target) {}

/// Opens a file and locks it, as the CLI does with its token cache. Dropping the file releases the
/// lock.
pub(super) fn lock_itself(path: &Path, kind: LockKind) -> Result<(File, Mode), Error> {
    let failed = |e| Error::io("read", path, e);
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    read::flags(&mut options, rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY);
    if kind == LockKind::Exclusive {
        options.write(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut wait = LockWait::new([path, path]);
    loop {
        if let Ok(there) = fs::metadata(path) {
            read::check(path, &there)?;
        }
        let file = options.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        read::check(path, &metadata)?;
        let locked = match kind {
            LockKind::Shared => file.try_lock_shared(),
            LockKind::Exclusive => file.try_lock(),
        };
        match locked {
            // Another writer may have replaced the file since it was opened.
            Ok(()) if is_still_at(path, &metadata) => return Ok((file, mode_of(&metadata))),
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        if !wait.pause() {
            return Err(locked_by_another(path));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LockKind {
    Shared,
    Exclusive,
}

#[cfg(unix)]
fn is_still_at(path: &Path, opened: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let is_same = |there: fs::Metadata| (there.dev(), there.ino()) == (opened.dev(), opened.ino());
    fs::metadata(path).is_ok_and(is_same)
}

#[cfg(not(unix))]
fn is_still_at(_: &Path, _: &fs::Metadata) -> bool {
    true
}

/// git's lock of a configuration file: the new file `FILE.lock`. [`commit`](Self::commit) renames
/// it over the old file; dropping the lock removes it.
///
/// A lock that another program left is not removed, because only the user knows whether git is running.
#[derive(Debug)]
pub(super) struct GitLock {
    target: PathBuf,
    path: PathBuf,
    file: Option<File>,
}

impl GitLock {
    pub(super) fn acquire(target: &Path) -> Result<Self, Error> {
        let path = sibling(target, ".lock");
        let mut wait = LockWait::new([target, &path]);
        loop {
            match create_new(&path) {
                Ok(file) => {
                    return Ok(Self { target: target.to_owned(), path, file: Some(file) });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(write_failed(target, e)),
            }
            if !wait.pause() {
                return Err(held_by_git(&path));
            }
        }
    }

    /// Writes and flushes the new content and renames the file over the target.
    pub(super) fn commit(mut self, bytes: &[u8], mode: Mode) -> Result<(), Error> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let written = file.write_all(bytes).and_then(|()| finish(&file, mode));
        // Windows does not rename an open file.
        drop(file);
        let renamed = written.and_then(|()| fs::rename(&self.path, &self.target));
        if let Err(e) = renamed {
            discard(&self.path);
            return Err(write_failed(&self.target, e));
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

fn locked_by_another(path: &Path) -> Error {
    let seconds = LOCK_TIMEOUT.as_secs();
    let message = format!("another program has held its lock for {seconds} seconds; try again");
    Error::file(ErrorKind::Locked, "edit", path, message)
}

fn held_by_git(lock: &Path) -> Error {
    let age = fs::symlink_metadata(lock).and_then(|m| m.modified()).ok();
    let age = age.and_then(|at| at.elapsed().ok()).map(readable);
    let age = age.map_or_else(String::new, |age| format!(", created {age} ago"));
    let message = format!(
        "git or another program holds it{age}; if none is running, a killed program has left the \
         file: remove it and try again"
    );
    Error::file(ErrorKind::Locked, "take the lock", lock, message)
}

fn readable(age: Duration) -> String {
    match age.as_secs() {
        1 => "1 second".to_owned(),
        s @ 0..=119 => format!("{s} seconds"),
        s @ 120..=7199 => format!("{} minutes", s / 60),
        s @ 7200..=172_799 => format!("{} hours", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

/// Waits for a lock while other programs make progress.
#[derive(Debug)]
struct LockWait<'a> {
    /// The files whose modification times show progress.
    watched: [&'a Path; 2],
    seen: [Option<SystemTime>; 2],
    until: Instant,
    pause: Duration,
}

impl<'a> LockWait<'a> {
    /// Edits take milliseconds. With longer pauses, a waiting edit could starve.
    const LONGEST: Duration = Duration::from_millis(5);

    fn new(watched: [&'a Path; 2]) -> Self {
        Self {
            watched,
            seen: watched.map(changed),
            until: Instant::now() + LOCK_TIMEOUT,
            pause: Duration::from_micros(200),
        }
    }

    /// Pauses, or returns false if nothing has changed for [`LOCK_TIMEOUT`].
    fn pause(&mut self) -> bool {
        if Instant::now() >= self.until {
            let seen = self.watched.map(changed);
            if seen == self.seen {
                return false;
            }
            self.seen = seen;
            self.until = Instant::now() + LOCK_TIMEOUT;
        }
        std::thread::sleep(self.pause.mul_f64(0.5 + fastrand::f64()));
        self.pause = (self.pause * 2).min(Self::LONGEST);
        true
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
