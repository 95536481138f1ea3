//! Files that a configuration includes.

use std::path::{Path, PathBuf};

use super::condition::Circumstances;
use super::{File, Found, GitConfig};
use crate::save;
use crate::{Error, ErrorKind, Locations};

/// git's own limit.
const MAX_DEPTH: usize = 10;

/// The most files, and the most bytes in them, that one configuration includes. git has no such
/// limit, and reads a small set of files that include each other often for years.
const MAX_FILES: usize = 1000;
const MAX_BYTES: usize = 8 << 20;

/// The path that stands for standard input.
const STDIN: &str = "-";

/// How includes are followed, and what `~` stands for in paths.
///
/// `include.path` always is, relative to the including file. `includeIf` is, where a
/// [repository](Self::in_repository) is given, on the conditions `gitdir:`, `gitdir/i:` and
/// `onbranch:`; `hasconfig:` never is, it depends on configuration that is not read here.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Includes {
    home: Option<PathBuf>,
    git_dir: Option<PathBuf>,
}

impl Includes {
    /// Includes with `~/` standing for `home`, there and in
    /// [`FlynnBlocks::ca_file`](super::FlynnBlocks::ca_file).
    pub fn new(home: Option<PathBuf>) -> Self {
        Self { home, git_dir: None }
    }

    /// As git run in the repository whose `.git` folder this is.
    pub fn in_repository(self, git_dir: impl Into<PathBuf>) -> Self {
        Self { git_dir: Some(git_dir.into()), ..self }
    }

    /// Reads a file and the files that it includes. `-` is standard input, whose includes need
    /// absolute paths, as with `git config --file -`.
    ///
    /// # Errors
    /// Those of [`GitConfig::load`].
    pub fn load(&self, path: impl AsRef<Path>) -> Result<GitConfig, Error> {
        let path = path.as_ref();
        let mut config = self.empty();
        if path == STDIN {
            let (text, _) = save::read_or_stdin(path)?;
            self.enter(File::parse(Some(path.to_owned()), text)?, path, 0, &mut config)?;
        } else {
            self.follow(path, 0, &mut config)?;
        }
        Ok(config)
    }

    /// As for the person running this program.
    pub(super) fn from_env() -> Self {
        Self::new(home())
    }

    fn empty(&self) -> GitConfig {
        GitConfig { files: Vec::new(), order: Vec::new(), home: self.home.clone() }
    }

    /// Reads what a file, read already, includes.
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
            return refuse("includes are more than ten deep; does a file include itself?");
        }
        let (text, _) = save::read(path)?;
        let bytes: usize = into.files.iter().map(|file| file.text.len()).sum();
        if into.files.len() >= MAX_FILES || bytes + text.len() > MAX_BYTES {
            return refuse("the configuration includes more than 1000 files or 8 MiB");
        }
        self.enter(File::parse(Some(path.to_owned()), text)?, path, depth, into)
    }

    /// Takes a file in, and those that it includes.
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
                // git skips an included file that is not there.
                Some(Err(e)) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// The path that a variable includes.
    fn included(
        &self,
        file: &File,
        variable: usize,
        from: &Path,
    ) -> Result<Option<PathBuf>, Error> {
        let Some(variable) = file.parsed.variables.get(variable) else { return Ok(None) };
        let found = Found { file, variable };
        let key = found.key();
        let conditional = key.strip_prefix("includeif.").and_then(|k| k.strip_suffix(".path"));
        let around = Circumstances {
            home: self.home.as_deref(),
            git_dir: self.git_dir.as_deref(),
            file: from,
        };
        if key != "include.path" && !conditional.is_some_and(|when| around.allow(when)) {
            return Ok(None);
        }
        let value = found.value();
        let path = self.path_of(value.as_bytes(), from);
        path.map(Some).map_err(|what| {
            let fault = Error::syntax(&file.text, variable.name.start, what);
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

/// The home of the person running this program.
pub(super) fn home() -> Option<PathBuf> {
    Locations::from_env().ok().map(|locations| locations.home().to_owned())
}

/// A path of git's with `~` put in full.
pub(super) fn expanded(path: &Path, home: Option<&Path>) -> Result<PathBuf, &'static str> {
    if !path.as_os_str().as_encoded_bytes().starts_with(b"~") {
        return Ok(path.to_owned());
    }
    let rest = path.strip_prefix("~").map_err(|_| "the home of another user is not looked up")?;
    Ok(home.ok_or("no home folder is known for `~`")?.join(rest))
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
