//! The CA files that git uses.

use std::fs;
use std::path::{Path, PathBuf};

use crate::file::{self, Mode};
use crate::{Error, ErrorKind, FlynnRc};

/// The folder of CA files, `~/.flynn/ca-certs`, with one `<cluster>.pem` per cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaFiles {
    dir: PathBuf,
}

impl CaFiles {
    /// Uses the folder `dir`, which need not exist.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns the folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the path of a cluster's CA file. The file may not exist.
    ///
    /// # Errors
    /// Fails with [`Invalid`](ErrorKind::Invalid) for a name that cannot be a file name: empty, too long, `.`, `..`, or
    /// with a slash, backslash, colon or NUL.
    pub fn path(&self, name: &str) -> Result<PathBuf, Error> {
        let outside = name.is_empty()
            || name.contains(['/', '\\', ':', '\0'])
            || matches!(name, "." | "..")
            || name.len() > 250;
        if outside {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{name:?} cannot be the name of a CA file in {}", self.dir.display()),
            ));
        }
        Ok(self.dir.join(format!("{name}.pem")))
    }

    /// Writes a cluster's CA certificate in one step. Returns its path.
    ///
    /// Creates the folder if it is missing. A new file has mode 0644. Symbolic links are followed
    /// and stay.
    ///
    /// # Errors
    /// Returns the errors of [`path`](Self::path) and [`write_file`](crate::write_file).
    pub fn write(&self, name: &str, pem: &str) -> Result<PathBuf, Error> {
        let path = self.path(name)?;
        fs::create_dir_all(&self.dir).map_err(|e| Error::io("create the folder", &self.dir, e))?;
        file::write(&path, pem.as_bytes(), Mode::PUBLIC)?;
        Ok(path)
    }

    /// Removes a cluster's CA file. Returns false if there was none.
    ///
    /// # Errors
    /// Returns the errors of [`path`](Self::path), and [`Io`](ErrorKind::Io) if the file cannot be removed.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        let path = self.path(name)?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io("remove", &path, e)),
        }
    }

    /// Returns the CA files of clusters that are not in `rc`, sorted. The original CLI never removes
    /// a CA file.
    ///
    /// # Errors
    /// Fails with [`Io`](ErrorKind::Io) if the folder cannot be read. A missing folder has no files.
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
