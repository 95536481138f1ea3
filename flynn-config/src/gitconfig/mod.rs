//! Reads and edits git's configuration.

mod blocks;
mod diff;
mod edit;
mod environment;
mod helper;
mod include;
mod include_if;
mod key;
mod parse;
mod plan;
mod sections;
mod splices;
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
use crate::file;

/// A git configuration file and the files that it includes.
///
/// The files are read as git reads them. To change a file, call [`GitConfig::edit`].
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
    /// All variables in git's order, as indices of a file and of a variable.
    order: Vec<(usize, usize)>,
    /// The home folder for `~` in a path, if it is known.
    home: Option<PathBuf>,
}

/// One file, with the places of its sections and variables.
#[derive(Clone, Default)]
pub(crate) struct File {
    pub(crate) path: Option<PathBuf>,
    pub(crate) text: Vec<u8>,
    pub(crate) parsed: Parsed,
}

/// A variable of a file.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) file: &'a File,
    pub(crate) variable: &'a Variable,
}

impl GitConfig {
    /// Parses the text of a configuration. Ignores the files that it includes, and has no home folder for `~`.
    ///
    /// # Errors
    /// Fails with [`Syntax`](crate::ErrorKind::Syntax) with line and column if git would refuse it.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(Self::from_file(File::parse(None, text.as_ref().to_vec())?, None))
    }

    /// Reads the file at `path`, or standard input for `-`, and the files that it includes.
    ///
    /// `~/` is the home of [`Locations::from_env`](crate::Locations::from_env). Conditional includes
    /// (`includeIf`) are skipped, because they depend on a repository: see [`Includes`].
    ///
    /// # Errors
    /// Returns the errors of [`read_file`](crate::read_file) and [`parse`](Self::parse). A missing included file is
    /// skipped, as git does. Also fails with [`Invalid`](crate::ErrorKind::Invalid) if includes are nested more than
    /// ten deep, lack a path, or have a path in the home of another user (`~name/`), and if the files are too many or
    /// too large.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Includes::from_env().load(path)
    }

    /// Changes the file at `path`, but not the files that it includes.
    ///
    /// Takes git's own lock, which is the new file `<path>.lock`. Then reads the file, calls
    /// `change`, and renames the new file over the old one. Changes only the bytes that it must.
    /// Writes nothing if `change` fails or changes nothing. A missing file counts as empty. Handles
    /// modes and links as [`FlynnRc::edit`](crate::FlynnRc::edit) does.
    ///
    /// # Errors
    /// Returns the errors of [`parse`](Self::parse), of `change` and of [`FlynnRc::edit`](crate::FlynnRc::edit). Fails
    /// with [`Locked`](crate::ErrorKind::Locked), with the age of the lock, if the lock file exists for [10
    /// seconds](crate::LOCK_TIMEOUT) without a change, and with [`Invalid`](crate::ErrorKind::Invalid) for
    /// `GIT_CONFIG_GLOBAL=/dev/null`, which git would replace by a file.
    pub fn edit<T, E: From<Error>>(
        path: impl AsRef<Path>,
        change: impl FnOnce(&mut GitConfigEdit) -> Result<T, E>,
    ) -> Result<T, E> {
        let path = path.as_ref();
        file::git_locked_edit(path, |bytes| {
            let file = File::parse(Some(path.to_owned()), bytes)?;
            let mut edit = GitConfigEdit::new(Self::from_file(file, include::home()));
            let done = change(&mut edit)?;
            Ok((done, edit.into_config().into_text()))
        })
    }

    /// Returns the result of an edit without writing the file, for a dry run.
    ///
    /// # Errors
    /// Returns the errors of `change`.
    pub fn preview<E: From<Error>>(
        &self,
        change: impl FnOnce(&mut GitConfigEdit) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut edit = GitConfigEdit::new(self.own());
        change(&mut edit)?;
        Ok(edit.into_config())
    }

    /// Returns the last value of a key, `section.variable` or `section.subsection.variable`. Returns `None` for a key
    /// that is missing or not valid.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        self.find(key).last().map(|entry| entry.value())
    }

    /// Returns all values of a key in git's order.
    pub fn get_all(&self, key: &str) -> Vec<Value<'_>> {
        self.find(key).map(|entry| entry.value()).collect()
    }

    /// Returns all variables with their values in git's order.
    ///
    /// The keys are those of `git config --list`: section and variable in lower case. Bytes that are
    /// not UTF-8 become U+FFFD.
    pub fn entries(&self) -> impl Iterator<Item = (String, Value<'_>)> {
        self.variables().map(|entry| (entry.key(), entry.value()))
    }

    /// Returns the text of the file itself.
    pub fn as_bytes(&self) -> &[u8] {
        self.files.first().map_or(&[], |file| &file.text)
    }

    /// Returns the file itself without the included ones.
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

    /// All variables in git's order.
    fn variables(&self) -> impl Iterator<Item = Entry<'_>> {
        self.order.iter().filter_map(|&(file, index)| self.files.get(file)?.entry(index))
    }

    fn find<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = Entry<'a>> + use<'a, 'k> {
        let key = Key::parse(key).ok();
        self.variables().filter(move |entry| key.is_some_and(|key| entry.is(&key)))
    }
}

impl File {
    fn parse(path: Option<PathBuf>, text: Vec<u8>) -> Result<Self, Error> {
        match parse::parse(&text) {
            Ok(parsed) => Ok(Self { path, text, parsed }),
            Err(e) => Err(path.iter().fold(e, |e, path| e.at(path))),
        }
    }

    fn entry(&self, index: usize) -> Option<Entry<'_>> {
        Some(Entry { file: self, variable: self.parsed.variables.get(index)? })
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.parsed.variables.iter().map(|variable| Entry { file: self, variable })
    }

    /// The indices of the variables with a name.
    fn find(&self, key: &Key<'_>) -> Vec<usize> {
        let entries = self.entries().enumerate();
        entries.filter_map(|(index, entry)| entry.is(key).then_some(index)).collect()
    }
}

impl<'a> Entry<'a> {
    /// Returns the name of the variable as it is spelled.
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
