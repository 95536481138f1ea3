//! Files that a configuration includes.

use std::path::{Path, PathBuf};

use super::key::Key;
use super::{File, Found, GitConfig};
use crate::save;
use crate::{Error, ErrorKind};

/// git's own limit.
const DEEPEST: usize = 10;

/// How includes are followed.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Includes {
    home: Option<PathBuf>,
}

impl Includes {
    /// Includes with `~/` standing for `home`.
    pub fn new(home: Option<PathBuf>) -> Self {
        Self { home }
    }

    /// Reads a file and what it includes.
    ///
    /// # Errors
    /// Those of [`GitConfig::load`].
    pub fn load(&self, path: impl AsRef<Path>) -> Result<GitConfig, Error> {
        let mut config = GitConfig { files: Vec::new(), order: Vec::new() };
        self.follow(path.as_ref(), 0, &mut config)?;
        Ok(config)
    }

    fn follow(&self, path: &Path, depth: usize, into: &mut GitConfig) -> Result<(), Error> {
        if depth > DEEPEST {
            let message = "includes go more than ten deep; does a file include itself?";
            return Err(Error::new(ErrorKind::Invalid, message).at(path));
        }
        let (text, _) = save::read(path)?;
        let file = File::parse(Some(path.to_owned()), text)?;
        let included: Vec<_> = (0..file.parsed.variables.len())
            .map(|variable| self.included(&file, variable, path))
            .collect();
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
    fn included(&self, file: &File, variable: usize, from: &Path) -> Option<PathBuf> {
        let found = Found { file, variable: file.parsed.variables.get(variable)? };
        Key::parse("include.path").ok().filter(|key| found.is(key))?;
        let value = found.value();
        let path = value.as_str().filter(|path| !path.is_empty())?;
        match path.strip_prefix("~/") {
            Some(rest) => Some(self.home.as_ref()?.join(rest)),
            None => Some(from.parent()?.join(path)),
        }
    }
}
