//! The lock of a `.flynnrc`: an advisory lock on a file beside it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::replace::full_disk;
use super::target::{Target, folder};
use super::wait::Patience;
use crate::{Error, ErrorKind};

/// Held until dropped; the system releases it when the process dies.
///
/// It lies on a file of its own (`.flynnrc.lock`) that is never removed: a lock on the
/// `.flynnrc` itself would go away with the file that a rename replaces.
#[derive(Debug)]
pub(super) struct RcLock {
    _file: File,
}

impl RcLock {
    pub(super) fn acquire(target: &Target) -> Result<Self, Error> {
        let path = target.sibling(".lock");
        let file = open(&path, target)?;
        let mut patience = Patience::new([&target.path, &path]);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path, e)),
                Err(TryLockError::WouldBlock) => {}
            }
            if !patience.wait() {
                let message = "another program is changing the file and does not finish";
                return Err(Error::new(ErrorKind::Locked, message).at(&target.path));
            }
        }
    }
}

/// Opens the lock file, making it if need be. Whoever can read it can lock it: it is for the owner
/// alone, also when root makes it.
fn open(path: &Path, target: &Target) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Only what was just made is given away: what was there may be a link to another's file.
    let made = options.clone().create_new(true).open(path);
    let opened = match made {
        Err(there) if there.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        made => made.inspect(|lock| give_to_owner(lock, target)),
    };
    opened.or_else(|refused| {
        if refused.kind() != io::ErrorKind::PermissionDenied {
            return Err(full_disk(&target.path, refused));
        }
        File::open(path).map_err(|e| match e.kind() {
            io::ErrorKind::PermissionDenied => {
                let message = "no permission to open this lock, which belongs to another user: \
                               remove it, or change its owner";
                Error::new(ErrorKind::ReadOnly, message).at(path)
            }
            // There is none, and none can be made.
            _ => full_disk(&target.path, refused),
        })
    })
}

/// Leaves a lock that root has made to whom the `.flynnrc`, or else its folder, belongs.
#[cfg(unix)]
fn give_to_owner(lock: &File, target: &Target) {
    use std::os::unix::fs::{MetadataExt as _, fchown};

    let owner = target.path.metadata().or_else(|_| folder(&target.path).metadata());
    let (Ok(owner), Ok(lock_owner)) = (owner, lock.metadata()) else { return };
    if owner.uid() != lock_owner.uid() {
        // Only root may, and everybody else has no need to.
        let _ = fchown(lock, Some(owner.uid()), Some(owner.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner(_: &File, _: &Target) {}
