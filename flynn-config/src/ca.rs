//! The CA certificates that git is pointed at.

use std::fs;
use std::path::{Path, PathBuf};

use crate::save::{self, Mode};
use crate::{Error, ErrorKind, FlynnRc};

/// The folder of CA files, `~/.flynn/ca-certs`: one `<cluster>.pem` a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaFiles {
    dir: PathBuf,
}

impl CaFiles {
    /// The CA files in `dir`, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of a cluster's CA file, whether or not it exists.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for a name that would leave the folder or that no system
    /// could hold: empty, `.`, `..`, with a slash, a backslash, a colon or a NUL.
    pub fn path(&self, name: &str) -> Result<PathBuf, Error> {
        let outside = name.is_empty()
            || name.contains(['/', '\\', ':', '\0'])
            || matches!(name, "." | "..")
            || name.len() > 250;
        if outside {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{name:?} cannot name a CA file in {}", self.dir.display()),
            ));
        }
        Ok(self.dir.join(format!("{name}.pem")))
    }

    /// Writes a cluster's CA certificate, in one step, and gives its path. The folder is made
    /// if need be; a new file is readable by everybody, as certificates may be. A symbolic link
    /// stays, and its target is written.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for the name, or where something other than a regular file
    /// is in the way; [`NotFound`](ErrorKind::NotFound) for a link into a folder that is missing;
    /// [`ReadOnly`](ErrorKind::ReadOnly), [`Io`](ErrorKind::Io).
    pub fn write(&self, name: &str, pem: &str) -> Result<PathBuf, Error> {
        let path = self.path(name)?;
        fs::create_dir_all(&self.dir).map_err(|e| Error::io("create the folder", &self.dir, e))?;
        save::write(&path, pem.as_bytes(), Mode::PUBLIC)?;
        Ok(path)
    }

    /// Removes a cluster's CA file; false if there was none.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for the name, [`Io`](ErrorKind::Io).
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        let path = self.path(name)?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io("remove", &path, e)),
        }
    }

    /// The CA files of clusters that `rc` does not know (any more), sorted. The original never
    /// removes one.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io); a folder that does not exist holds none.
    pub fn stale(&self, rc: &FlynnRc) -> Result<Vec<PathBuf>, Error> {
        let failed = |e| Error::io("read the folder", &self.dir, e);
        let entries = match fs::read_dir(&self.dir) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut stale = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let cluster = name.and_then(|name| name.strip_suffix(".pem"));
            if cluster.is_some_and(|cluster| rc.cluster(cluster).is_none()) {
                stale.push(path);
            }
        }
        stale.sort();
        Ok(stale)
    }
}
