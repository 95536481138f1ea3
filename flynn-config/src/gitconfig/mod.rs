//! git's configuration: read, and changed byte by byte.

mod blocks;
mod condition;
mod diff;
mod edit;
mod environment;
mod helper;
mod include;
mod key;
mod parse;
mod plan;
mod value;
mod wildmatch;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use blocks::{FlynnBlocks, Setting};
pub use edit::GitConfigEdit;
pub use environment::Environment;
pub use helper::Helper;
pub(crate) use helper::shell_word;
pub use include::Includes;
pub use plan::{BlockChange, Plan};
pub use value::Value;

use key::Key;
use parse::{Parsed, Variable};

use crate::Error;
use crate::save;

/// A git configuration file, and the files that it includes.
///
/// Read as git reads it; [`GitConfig::edit`] changes one file and leaves every other byte of it.
///
/// ```
/// use flynn_config::GitConfig;
///
/// let config = GitConfig::parse("[user]\n\tname = \"Ann \\\"A\\\"\" ; me\n")?;
/// assert_eq!(config.get("user.name").unwrap(), "Ann \"A\"");
/// # Ok::<(), flynn_config::Error>(())
/// ```
#[derive(Clone)]
pub struct GitConfig {
    /// The file itself, then the files it includes.
    files: Vec<File>,
    /// All variables in git's order: (file, variable).
    order: Vec<(usize, usize)>,
    /// What `~` stands for in a path, where that is known.
    home: Option<PathBuf>,
}

/// One file.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) path: Option<PathBuf>,
    pub(crate) text: Vec<u8>,
    pub(crate) parsed: Parsed,
}

/// A variable and the file it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) file: &'a File,
    pub(crate) variable: &'a Variable,
}

impl GitConfig {
    /// Reads a configuration from memory; includes are not followed, and no home is known that `~`
    /// could stand for.
    ///
    /// # Errors
    /// [`Syntax`](crate::ErrorKind::Syntax) with line and column, for whatever git refuses.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(Self::from_file(File::parse(None, text.as_ref().to_vec())?, None))
    }

    /// Reads the file at `path` and the files it includes (`include.path`, relative to the file,
    /// `~/` being the home of [`Locations::from_env`](crate::Locations::from_env)). Conditional includes, which depend on a
    /// repository, are left out; [`Includes`] knows more.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when `path` is missing (a missing included file
    /// is skipped, as git does), [`Syntax`](crate::ErrorKind::Syntax), and
    /// [`Invalid`](crate::ErrorKind::Invalid) for includes more than ten deep, without a path, or
    /// with one in the home of another user (`~name/`).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Includes::from_env().load(path)
    }

    /// Changes the file at `path`, and no file that it includes: the one way to write it.
    ///
    /// Takes git's own lock (`FILE.lock`, made exclusively, which becomes the new file), reads
    /// the file, calls `change`, and renames. Only what was asked for changes. Nothing is
    /// written when `change` fails or changes nothing. A missing file counts as empty. Mode,
    /// symbolic and hard links as with [`FlynnRc::edit`](crate::FlynnRc::edit).
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse) and of `change`; [`Locked`](crate::ErrorKind::Locked),
    /// with path and age, when the lock file is still there after
    /// [10 seconds](crate::LOCK_TIMEOUT) without a change; otherwise those of
    /// [`FlynnRc::edit`](crate::FlynnRc::edit). [`Invalid`](crate::ErrorKind::Invalid) includes
    /// the `/dev/null` of `GIT_CONFIG_GLOBAL`, which git, where it may, replaces by a file.
    pub fn edit<T, E: From<Error>>(
        path: impl AsRef<Path>,
        change: impl FnOnce(&mut GitConfigEdit) -> Result<T, E>,
    ) -> Result<T, E> {
        let path = path.as_ref();
        save::git_locked_edit(path, |bytes| {
            let file = File::parse(Some(path.to_owned()), bytes)?;
            let mut edit = GitConfigEdit::new(Self::from_file(file, include::home()));
            let done = change(&mut edit)?;
            Ok((done, edit.into_config().into_text()))
        })
    }

    /// What an edit would make of the file itself (not of those it includes), without writing
    /// it: for a dry run.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn preview<E: From<Error>>(
        &self,
        change: impl FnOnce(&mut GitConfigEdit) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut edit = GitConfigEdit::new(self.own());
        change(&mut edit)?;
        Ok(edit.into_config())
    }

    /// The value of `section.variable` or `section.subsection.variable`: the last one, where
    /// there are several. `None` for a key that cannot exist, too.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        self.find(key).last().map(|found| found.value())
    }

    /// All values of a key, in git's order.
    pub fn get_all(&self, key: &str) -> Vec<Value<'_>> {
        self.find(key).map(|found| found.value()).collect()
    }

    /// Every variable with its value, in git's order and with the keys as `git config --list`
    /// prints them: section and variable in lower case, U+FFFD for what is not UTF-8.
    pub fn entries(&self) -> impl Iterator<Item = (String, Value<'_>)> {
        self.variables().map(|found| (found.key(), found.value()))
    }

    /// The text of the file itself, byte for byte.
    pub fn as_bytes(&self) -> &[u8] {
        self.files.first().map_or(&[], |file| &file.text)
    }

    /// The file itself without those it includes.
    fn own(&self) -> Self {
        match self.files.first() {
            Some(file) => Self::from_file(file.clone(), self.home.clone()),
            None => self.clone(),
        }
    }

    fn into_text(self) -> Vec<u8> {
        self.files.into_iter().next().map(|file| file.text).unwrap_or_default()
    }

    fn from_file(file: File, home: Option<PathBuf>) -> Self {
        let order = (0..file.parsed.variables.len()).map(|variable| (0, variable)).collect();
        Self { files: vec![file], order, home }
    }

    /// Every variable, in git's order.
    fn variables(&self) -> impl Iterator<Item = Found<'_>> {
        self.order.iter().filter_map(|&(file, variable)| {
            let file = self.files.get(file)?;
            Some(Found { file, variable: file.parsed.variables.get(variable)? })
        })
    }

    fn find<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = Found<'a>> + use<'a, 'k> {
        let key = Key::parse(key).ok();
        self.variables().filter(move |found| key.is_some_and(|key| found.is(&key)))
    }
}

impl File {
    fn parse(path: Option<PathBuf>, text: Vec<u8>) -> Result<Self, Error> {
        match parse::parse(&text) {
            Ok(parsed) => Ok(Self { path, text, parsed }),
            Err(e) => Err(path.iter().fold(e, |e, path| e.at(path))),
        }
    }
}

impl<'a> Found<'a> {
    /// The name of the variable, as it is spelled.
    pub(crate) fn name(&self) -> &'a [u8] {
        self.file.text.get(self.variable.name.clone()).unwrap_or_default()
    }

    pub(crate) fn value(&self) -> Value<'a> {
        let raw = || self.file.text.get(self.variable.value.clone()).unwrap_or_default();
        Value::read(self.variable.equals.map(|_| raw()))
    }

    fn key(&self) -> String {
        let File { text, parsed, .. } = self.file;
        let piece = |span: &Range<usize>| {
            String::from_utf8_lossy(text.get(span.clone()).unwrap_or_default())
        };
        let name = piece(&self.variable.name).to_ascii_lowercase();
        let Some(section) = self.variable.section.and_then(|s| parsed.sections.get(s)) else {
            return name;
        };
        let base = piece(&section.base).to_ascii_lowercase();
        match &section.subsection {
            None => format!("{base}.{name}"),
            Some(span) => {
                let raw = text.get(span.clone()).unwrap_or_default();
                let subsection = value::unescaped(raw);
                format!("{base}.{}.{name}", String::from_utf8_lossy(&subsection))
            }
        }
    }

    fn is(&self, key: &Key<'_>) -> bool {
        let File { text, parsed, .. } = self.file;
        self.name().eq_ignore_ascii_case(key.variable.as_bytes())
            && self
                .variable
                .section
                .and_then(|section| parsed.sections.get(section))
                .is_some_and(|section| key.section.is_of(section, text))
    }
}

impl fmt::Debug for GitConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.files.iter().map(|file| &file.path).collect();
        f.debug_struct("GitConfig")
            .field("files", &paths)
            .field("variables", &self.order.len())
            .finish_non_exhaustive()
    }
}
