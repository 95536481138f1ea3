//! The file behind a path, and who may do what with it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind};

/// As many links as Linux follows before it gives up.
const MAX_LINKS: usize = 40;

/// The permissions of a file that was read; none for one that does not exist yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Access {
    mode: Option<u32>,
}

impl Access {
    /// Those of a new file that everybody may read.
    pub(crate) fn public() -> Self {
        Self { mode: Some(0o644) }
    }

    /// Gives the file that replaces it the same permissions, or 0600 to a new one.
    pub(super) fn give_to(self, file: &File) -> std::io::Result<()> {
        mode::set(file, self.mode.unwrap_or(0o600))
    }

    pub(crate) fn is_readable_by_others(self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o044 != 0)
    }
}

#[cfg(unix)]
mod mode {
    use std::fs::{File, Metadata, Permissions};
    use std::io;
    use std::os::unix::fs::PermissionsExt as _;

    pub(super) fn of(metadata: &Metadata) -> u32 {
        metadata.permissions().mode() & 0o7777
    }

    pub(super) fn set(file: &File, mode: u32) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(mode))
    }
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
mod mode {
    use std::fs::{File, Metadata};
    use std::io;

    pub(super) fn of(_: &Metadata) -> u32 {
        0o600
    }

    pub(super) fn set(_: &File, _: u32) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<(Vec<u8>, Access), Error> {
    let failed = |e| Error::io("read", path, e);
    let mut file = File::open(path).map_err(failed)?;
    let access = Access { mode: Some(mode::of(&file.metadata().map_err(failed)?)) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes, access))
}

/// The file that is really meant, once symbolic links are followed; it need not exist.
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
                // Not a link, or nothing there yet.
                Err(_) => return Self::checked(target, path),
            }
        }
        Err(Error::new(ErrorKind::Io, "too many levels of symbolic links").at(path))
    }

    fn checked(target: PathBuf, asked: &Path) -> Result<Self, Error> {
        let invalid = |what| Err(Error::new(ErrorKind::Invalid, what).at(asked));
        match fs::metadata(&target) {
            Ok(there) if there.is_dir() => return invalid("is a folder, not a file"),
            // A rename would replace a device, and reading a pipe would wait for ever.
            Ok(there) if !there.is_file() => return invalid("is no regular file"),
            _ => {}
        }
        if target.file_name().is_none() {
            return invalid("is not the path of a file");
        }
        let folder = folder(&target);
        if !folder.is_dir() {
            let message = format!("the folder {} does not exist", folder.display());
            return Err(Error::new(ErrorKind::NotFound, message).at(asked));
        }
        Ok(Self { path: target })
    }

    /// A rename would replace a read-only file without asking: don't.
    pub(super) fn refuse_read_only(&self) -> Result<(), Error> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.permissions().readonly() => {
                Err(Error::new(ErrorKind::ReadOnly, "the file is read-only").at(&self.path))
            }
            _ => Ok(()),
        }
    }

    /// A path beside the target: its name with `suffix` appended.
    pub(super) fn sibling(&self, suffix: &str) -> PathBuf {
        sibling(&self.path, suffix)
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
