//! Included files.

use std::path::{Path, PathBuf};

use super::include_if::IncludeContext;
use super::{File, GitConfig};
use crate::file;
use crate::{Error, ErrorKind, Locations};

/// git's limit of nested includes.
const MAX_DEPTH: usize = 10;

/// The maximum number of files that a configuration can include. git has no such limit, so a few files that include
/// each other can keep it busy for years.
const MAX_FILES: usize = 1000;
const MAX_BYTES: usize = 8 << 20;

/// The path that stands for standard input.
const STDIN: &str = "-";

/// Reads a git configuration with its included files.
///
/// Follows `include.path`. With a [repository](Self::in_repository), also follows `includeIf` with
/// the conditions `gitdir:`, `gitdir/i:` and `onbranch:`. Does not follow `hasconfig:`, which depends
/// on other configuration files.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Includes {
    home: Option<PathBuf>,
    git_dir: Option<PathBuf>,
}

impl Includes {
    /// Sets the home folder for `~/` in included paths and in
    /// [`FlynnBlocks::ca_file`](super::FlynnBlocks::ca_file).
    pub fn new(home: Option<PathBuf>) -> Self {
        Self { home, git_dir: None }
    }

    /// Follows conditional includes as git does in a repository. `git_dir` is its `.git` folder.
    pub fn in_repository(self, git_dir: impl Into<PathBuf>) -> Self {
        Self { git_dir: Some(git_dir.into()), ..self }
    }

    /// Reads a file and the files that it includes. `-` is standard input, whose includes need
    /// absolute paths, as with `git config --file -`.
    ///
    /// # Errors
    /// Returns the errors of [`GitConfig::load`].
    pub fn load(&self, path: impl AsRef<Path>) -> Result<GitConfig, Error> {
        let path = path.as_ref();
        let mut config = self.empty();
        if path == STDIN {
            let (text, _) = file::read_or_stdin(path)?;
            self.enter(File::parse(Some(path.to_owned()), text)?, path, 0, &mut config)?;
        } else {
            self.follow(path, 0, &mut config)?;
        }
        Ok(config)
    }

    /// Uses the home folder of the current user.
    pub(super) fn from_env() -> Self {
        Self::new(home())
    }

    fn empty(&self) -> GitConfig {
        GitConfig { files: Vec::new(), order: Vec::new(), home: self.home.clone() }
    }

    /// Reads the files that a file includes.
    pub(super) fn load_from(&self, file: File) -> Result<GitConfig, Error> {
        let Some(path) = file.path.clone() else {
            return Ok(GitConfig::from_file(file, self.home.clone()));
        };
        let mut config = self.empty();
        self.enter(file, &path, 0, &mut config)?;
        Ok(config)
    }

    fn follow(&self, path: &Path, depth: usize, into: &mut GitConfig) -> Result<(), Error> {
        let refuse = |message| Err(Error::file(ErrorKind::Invalid, "include", path, message));
        if depth > MAX_DEPTH {
            return refuse("includes are more than ten deep; check if a file includes itself");
        }
        let (text, _) = file::read(path)?;
        let bytes: usize = into.files.iter().map(|file| file.text.len()).sum();
        if into.files.len() >= MAX_FILES || bytes + text.len() > MAX_BYTES {
            return refuse("the configuration includes more than 1000 files or 8 MiB");
        }
        self.enter(File::parse(Some(path.to_owned()), text)?, path, depth, into)
    }

    /// Adds a file and the files that it includes.
    fn enter(
        &self,
        file: File,
        path: &Path,
        depth: usize,
        into: &mut GitConfig,
    ) -> Result<(), Error> {
        let included: Vec<_> = (0..file.parsed.variables.len())
            .map(|variable| self.included(&file, variable, path))
            .collect::<Result<_, _>>()?;
        let index = into.files.len();
        into.files.push(file);
        for (variable, included) in included.into_iter().enumerate() {
            into.order.push((index, variable));
            match included.map(|path| self.follow(&path, depth + 1, into)) {
                // git skips a missing included file.
                Some(Err(e)) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// The path that a variable includes.
    fn included(&self, file: &File, index: usize, from: &Path) -> Result<Option<PathBuf>, Error> {
        let Some(entry) = file.entry(index) else { return Ok(None) };
        let key = entry.key();
        let conditional = key.strip_prefix("includeif.").and_then(|k| k.strip_suffix(".path"));
        let context = IncludeContext {
            home: self.home.as_deref(),
            git_dir: self.git_dir.as_deref(),
            file: from,
        };
        if key != "include.path" && !conditional.is_some_and(|when| context.holds(when)) {
            return Ok(None);
        }
        let value = entry.value();
        let path = self.path_of(value.as_bytes(), from);
        path.map(Some).map_err(|what| {
            let fault = Error::syntax(&file.text, entry.variable.name.start, what);
            fault.of_kind(ErrorKind::Invalid).at(from)
        })
    }

    fn path_of(&self, value: &[u8], from: &Path) -> Result<PathBuf, &'static str> {
        let path = as_path(value).ok_or("the path of an include is not UTF-8")?;
        if value.is_empty() {
            return Err("an include without a path");
        }
        let path = expanded(path, self.home.as_deref())?;
        if from == STDIN && path.is_relative() {
            return Err("an include in standard input needs an absolute path");
        }
        Ok(from.parent().unwrap_or(from).join(path))
    }
}

/// The home folder of the current user.
pub(super) fn home() -> Option<PathBuf> {
    Locations::from_env().ok().map(|locations| locations.home().to_owned())
}

/// Replaces `~` in a path by the home folder.
pub(super) fn expanded(path: &Path, home: Option<&Path>) -> Result<PathBuf, &'static str> {
    if !path.as_os_str().as_encoded_bytes().starts_with(b"~") {
        return Ok(path.to_owned());
    }
    let rest = path
        .strip_prefix("~")
        .map_err(|_| "the home folder of another user (`~name`) is not supported")?;
    Ok(home.ok_or("there is no home folder for `~`")?.join(rest))
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere a path is text")]
fn as_path(bytes: &[u8]) -> Option<&Path> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(Path::new(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn as_path(bytes: &[u8]) -> Option<&Path> {
    std::str::from_utf8(bytes).ok().map(Path::new)
}
