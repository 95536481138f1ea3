//! The file that a path leads to, and its permissions.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::read;
use crate::{Error, ErrorKind};

/// The limit of links to follow, as on Linux.
const MAX_LINKS: usize = 40;

/// The file at the end of symbolic links. It need not exist.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: PathBuf,
}

impl Target {
    pub(super) fn resolve(path: &Path) -> Result<Self, Error> {
        let mut target = path.to_owned();
        for _ in 0..MAX_LINKS {
            match fs::read_link(&target) {
                Ok(link) => target = folder(&target).join(link),
                // Not a link, or does not exist yet.
                Err(_) => return Self::checked(target, path),
            }
        }
        let message = "too many levels of symbolic links";
        Err(Error::file(ErrorKind::Io, "follow", path, message))
    }

    fn checked(target: PathBuf, asked: &Path) -> Result<Self, Error> {
        let refuse = |kind, message: String| Err(Error::file(kind, "write", asked, message));
        match fs::metadata(&target) {
            // A rename would replace a device.
            Ok(there) if !there.is_file() => {
                let kind = read::name_of(there.file_type());
                let message = format!("it is {kind}, not a regular file");
                return refuse(ErrorKind::Invalid, message);
            }
            _ => {}
        }
        if target.file_name().is_none() || asked == "-" {
            return refuse(ErrorKind::Invalid, "not the path of a file".to_owned());
        }
        let folder = folder(&target);
        if !folder.is_dir() {
            let message = format!("the folder {} does not exist", folder.display());
            return refuse(ErrorKind::NotFound, message);
        }
        Ok(Self { path: target })
    }

    /// Refuses a read-only file, which a rename would replace.
    pub(super) fn refuse_read_only(&self) -> Result<(), Error> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.permissions().readonly() => {
                let message = "the file is read-only";
                Err(Error::file(ErrorKind::ReadOnly, "write", &self.path, message))
            }
            _ => Ok(()),
        }
    }
}

/// `path` with `suffix` appended to its name.
pub(super) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// The folder that holds `path`.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// The permissions of a file, if it exists.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mode(Option<u32>);

impl Mode {
    /// The permissions of a new file that everybody may read: 0644.
    pub(crate) const PUBLIC: Self = Self(Some(0o644));

    pub(crate) fn is_readable_by_others(self) -> bool {
        self.0.is_some_and(|mode| mode & 0o044 != 0)
    }

    /// Sets the permissions of the file that replaces the old one. A new file gets 0600.
    #[cfg(unix)]
    pub(super) fn set_on(self, file: &File) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(self.0.unwrap_or(0o600)))
    }

    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(super) fn set_on(self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
pub(super) fn mode_of(metadata: &Metadata) -> Mode {
    use std::os::unix::fs::PermissionsExt as _;
    Mode(Some(metadata.permissions().mode() & 0o7777))
}

#[cfg(not(unix))]
pub(super) fn mode_of(_: &Metadata) -> Mode {
    Mode::default()
}
