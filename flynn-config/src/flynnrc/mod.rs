//! `~/.flynnrc`: the user's clusters and their keys.

mod cluster;
mod edit;
mod layout;
mod new_cluster;
mod select;
mod splice;

use std::fmt;
use std::path::{Path, PathBuf};

pub use cluster::Cluster;
pub use edit::{Added, ClusterEdit, FlynnRcEdit, Removed};
pub use new_cluster::NewCluster;

use layout::Layout;

use crate::file::{self, Mode};
use crate::{Error, Locations};

const REMEDY: &str = "create it with `flynn cluster add`, or set $FLYNNRC to another file";

/// A `.flynnrc` file. To change it, call [`FlynnRc::edit`].
///
/// The file is read as the original CLI reads it: keys are case-insensitive, unknown keys are
/// ignored (and kept), and a value of the wrong type is an error. A key that is given twice in
/// different case is an error too; the original CLI picks one at random.
///
/// ```
/// use flynn_config::FlynnRc;
///
/// let rc = FlynnRc::parse("default = \"a\"\n[[cluster]]\nName = \"a\"\nKey = \"secret\"\n")?;
/// assert_eq!(rc.select_from(None, None)?.name(), "a");
/// assert!(!format!("{rc:?}").contains("secret"));
/// # Ok::<(), flynn_config::Error>(())
/// ```
#[derive(Clone)]
pub struct FlynnRc {
    text: String,
    layout: Layout,
    mode: Mode,
    /// The file that it was read from.
    path: Option<PathBuf>,
}

impl FlynnRc {
    /// Parses the text of a `.flynnrc`.
    ///
    /// # Errors
    /// Fails with [`Syntax`](crate::ErrorKind::Syntax) with line and column if the text is not TOML, or a known key has
    /// the wrong type or is given twice. The error shows none of the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let layout = layout::read(text)?;
        Ok(Self { text: text.to_owned(), layout, mode: Mode::default(), path: None })
    }

    /// Reads the file at `path`, or standard input for `-`.
    ///
    /// # Errors
    /// Returns the errors of [`read_file`](crate::read_file) and [`parse`](Self::parse).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let (bytes, mode) = file::read_or_stdin(path).map_err(|e| e.if_missing(REMEDY))?;
        Self::from_bytes(bytes, mode, path)
    }

    /// Reads the file that the original CLI reads: `$FLYNNRC` if it is set, otherwise `~/.flynnrc` (on Windows
    /// `%APPDATA%\flynn\flynnrc`).
    ///
    /// # Errors
    /// Returns the errors of [`load`](Self::load), and [`NotFound`](crate::ErrorKind::NotFound) if there is no home
    /// folder.
    pub fn load_default() -> Result<Self, Error> {
        Self::load(Locations::from_env()?.flynnrc())
    }

    /// Changes the file at `path`.
    ///
    /// Takes a lock on the file `<path>.lock`, which is not removed afterwards. Then reads the file,
    /// calls `change`, and replaces the file in one step, so that a crash leaves the old file or the
    /// new one. Changes only the bytes that it must: comments, order, spacing, line ends and unknown
    /// keys stay. Writes nothing if `change` fails or changes nothing.
    ///
    /// A missing file counts as empty. A new file has mode 0600, an existing one keeps its mode.
    /// Symbolic links are followed and stay. As with git, the new file belongs to the caller, and
    /// other hard links keep the old content.
    ///
    /// # Errors
    /// Returns the errors of [`load`](Self::load) and of `change`. Fails with [`Locked`](crate::ErrorKind::Locked) if
    /// another program holds the lock for [10 seconds](crate::LOCK_TIMEOUT) without a change of the file, with
    /// [`Invalid`](crate::ErrorKind::Invalid) for a folder, device or pipe, with
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly) if you may not write the file or its folder, or the lock file belongs
    /// to another user, and with [`Io`](crate::ErrorKind::Io) if, for example, the disk is full; the file is then
    /// unchanged. If only flushing the folder fails, the file is written and the error says so.
    ///
    /// ```
    /// # let home = tempfile::tempdir().unwrap();
    /// # let path = home.path().join(".flynnrc");
    /// use flynn_config::{Error, FlynnRc, NewCluster};
    ///
    /// FlynnRc::edit(&path, |rc| rc.add(&NewCluster::from_domain("a", "a.test", "key", "pin")))?;
    /// FlynnRc::edit(&path, |rc| rc.cluster_mut("a")?.set_tls_pin("new pin"))?;
    /// assert_eq!(FlynnRc::load(&path)?.select(Some("a"))?.tls_pin(), "new pin");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn edit<T, E: From<Error>>(
        path: impl AsRef<Path>,
        change: impl FnOnce(&mut FlynnRcEdit) -> Result<T, E>,
    ) -> Result<T, E> {
        let path = path.as_ref();
        file::locked_edit(path, |bytes, mode| {
            let rc = Self::from_bytes(bytes, mode, path)?;
            let mut edit = FlynnRcEdit::new(rc);
            let done = change(&mut edit)?;
            Ok((done, edit.into_rc().text.into_bytes()))
        })
    }

    /// Returns the result of an edit without writing a file, for a dry run.
    ///
    /// # Errors
    /// Returns the errors of `change`.
    pub fn preview<E: From<Error>>(
        &self,
        change: impl FnOnce(&mut FlynnRcEdit) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut edit = FlynnRcEdit::new(self.clone());
        change(&mut edit)?;
        Ok(edit.into_rc())
    }

    /// Returns the clusters in the order of the file.
    pub fn clusters(&self) -> &[Cluster] {
        &self.layout.clusters
    }

    /// Returns the first cluster with this name.
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters().iter().find(|cluster| cluster.name() == name)
    }

    /// Returns the value of `default`, or an empty string. The cluster may not exist.
    pub fn default_name(&self) -> &str {
        self.layout.default.as_ref().map_or("", |(_, name)| name)
    }

    /// Returns the cluster that is used when none is named: the one that `default` names, or the
    /// first one if there is no `default`. `None` if there is no such cluster.
    pub fn default_cluster(&self) -> Option<&Cluster> {
        match self.default_name() {
            "" => self.clusters().first(),
            name => self.cluster(name),
        }
    }

    /// Returns the text of the file. It contains the keys.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true if other users may read the file. Warn about it: a key gives full control of its
    /// cluster. The original CLI creates files with mode 0644.
    ///
    /// Always false on Windows and after [`parse`](Self::parse).
    pub fn is_readable_by_others(&self) -> bool {
        self.mode.is_readable_by_others()
    }

    fn from_bytes(bytes: Vec<u8>, mode: Mode, path: &Path) -> Result<Self, Error> {
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            Error::syntax(e.as_bytes(), at, "not UTF-8").at(path)
        })?;
        let layout = layout::read(&text).map_err(|e| e.at(path))?;
        Ok(Self { text, layout, mode, path: Some(path.to_owned()) })
    }
}

impl fmt::Debug for FlynnRc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlynnRc")
            .field("default", &self.default_name())
            .field("clusters", &self.clusters())
            .finish_non_exhaustive()
    }
}
