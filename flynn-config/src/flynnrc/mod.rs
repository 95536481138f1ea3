//! `~/.flynnrc`: the clusters that a person knows, and their keys.

mod cluster;
mod cluster_edit;
mod edit;
mod field;
mod layout;
mod new_cluster;
mod select;
mod splice;

use std::fmt;
use std::path::{Path, PathBuf};

pub use cluster::Cluster;
pub use cluster_edit::ClusterEdit;
pub use edit::{Added, FlynnRcEdit, Removed};
pub use new_cluster::NewCluster;

use layout::Layout;

use crate::save::{self, Mode};
use crate::{Error, Locations};

const REMEDY: &str = "`flynn cluster add` makes it, and $FLYNNRC names another file";

/// A `.flynnrc`, read. Writing goes through [`FlynnRc::edit`] alone.
///
/// Read as the original CLI reads it: keys match without regard to case, unknown keys are
/// ignored (and kept), and a value of the wrong type is an error. Two keys that match the same
/// name are an error here, where the original takes one of them by chance.
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
    /// The file that it came from.
    path: Option<PathBuf>,
}

impl FlynnRc {
    /// Reads a `.flynnrc` from memory.
    ///
    /// # Errors
    /// [`Syntax`](crate::ErrorKind::Syntax) with line and column, for what is no TOML, a known
    /// key of the wrong type, or given twice. No content of the text shows in the error.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let layout = layout::read(text)?;
        Ok(Self { text: text.to_owned(), layout, mode: Mode::default(), path: None })
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it is missing, and those of
    /// [`parse`](Self::parse).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let (bytes, mode) = save::read_or_stdin(path).map_err(|e| e.if_missing(REMEDY))?;
        Self::from_bytes(bytes, mode, path)
    }

    /// Reads the file where the original looks for it: `$FLYNNRC`, or `~/.flynnrc`
    /// (Windows: `%APPDATA%\flynn\flynnrc`).
    ///
    /// # Errors
    /// Those of [`load`](Self::load), and [`NotFound`](crate::ErrorKind::NotFound) when there is
    /// no home folder.
    pub fn load_default() -> Result<Self, Error> {
        Self::load(Locations::from_env()?.flynnrc())
    }

    /// Changes the file at `path`: the one way to write it.
    ///
    /// Takes the lock (a file of the same name with `.lock` appended, which stays), reads the
    /// file again, calls `change`, and replaces the file in one step, so that a crash at any
    /// point leaves the old or the new one. Only what was asked for changes: comments, order,
    /// spacing, line ends and unknown keys stay. Nothing is written when `change` fails or
    /// changes nothing. A missing file counts as empty, and is made with mode 0600; one that is
    /// there keeps its mode. Symbolic links are followed and stay. As with git, the new file
    /// belongs to the caller, and other hard links keep the old content.
    ///
    /// # Errors
    /// Those of [`load`](Self::load) and of `change`; [`Locked`](crate::ErrorKind::Locked) when
    /// another program holds the lock for [10 seconds](crate::LOCK_TIMEOUT) and nothing changes;
    /// [`Invalid`](crate::ErrorKind::Invalid) for a folder, device or pipe;
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly) for a file or folder that may not be written, and
    /// for a lock that another user made and nobody else may open;
    /// [`Io`](crate::ErrorKind::Io) for a full disk and the like, which leave the file as it was.
    /// One error comes after the file is replaced, and says so: the disk that fails to flush the
    /// folder.
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
        save::locked_edit(path, |bytes, mode| {
            let rc = Self::from_bytes(bytes, mode, path)?;
            let mut edit = FlynnRcEdit::new(rc);
            let done = change(&mut edit)?;
            Ok((done, edit.into_rc().text.into_bytes()))
        })
    }

    /// What an edit would make of this text, without any file: for a dry run.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn preview<E: From<Error>>(
        &self,
        change: impl FnOnce(&mut FlynnRcEdit) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut edit = FlynnRcEdit::new(self.clone());
        change(&mut edit)?;
        Ok(edit.into_rc())
    }

    /// The clusters, in the order of the file.
    pub fn clusters(&self) -> &[Cluster] {
        &self.layout.clusters
    }

    /// The first cluster of that name.
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters().iter().find(|cluster| cluster.name() == name)
    }

    /// The name after `default =`, whether or not such a cluster exists; empty when unset.
    pub fn default_name(&self) -> &str {
        self.layout.default.as_ref().map_or("", |(_, name)| name)
    }

    /// The cluster used when none is named: that of `default`, or the first one when no default
    /// is set. `None` also when `default` names no cluster.
    pub fn default_cluster(&self) -> Option<&Cluster> {
        match self.default_name() {
            "" => self.clusters().first(),
            name => self.cluster(name),
        }
    }

    /// The text as it was read, keys included: byte for byte what a save would keep.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A warning: others than the owner may read the file that this came from, and every key in
    /// it is as good as root on its cluster. The original leaves files like that (mode 0644).
    /// Always false on Windows and for [`parse`](Self::parse).
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
