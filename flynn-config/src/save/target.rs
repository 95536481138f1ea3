//! The file behind the symbolic links of a path.

use std::fs;
use std::path::{Path, PathBuf};

use super::read;
use crate::{Error, ErrorKind};

/// As many links as Linux follows before it gives up.
const MAX_LINKS: usize = 40;

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
            return refuse(ErrorKind::Invalid, "it is not the path of a file".to_owned());
        }
        let folder = folder(&target);
        if !folder.is_dir() {
            let message = format!("the folder {} does not exist", folder.display());
            return refuse(ErrorKind::NotFound, message);
        }
        Ok(Self { path: target })
    }

    /// A rename would replace a read-only file without asking.
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
