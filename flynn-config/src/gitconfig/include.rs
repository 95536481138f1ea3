//! Files that a configuration includes.

use std::path::{Path, PathBuf};

use super::wildmatch::matches;
use super::{File, Found, GitConfig};
use crate::save;
use crate::{Error, ErrorKind};

/// git's own limit.
const DEEPEST: usize = 10;

/// How includes are followed.
///
/// `include.path` always is, relative to the including file. `includeIf` with the condition
/// `gitdir:` or `gitdir/i:` is where a [repository](Self::in_repository) is given; conditions on
/// branches and remotes never are.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Includes {
    home: Option<PathBuf>,
    git_dir: Option<PathBuf>,
}

impl Includes {
    /// Includes with `~/` standing for `home`.
    pub fn new(home: Option<PathBuf>) -> Self {
        Self { home, git_dir: None }
    }

    /// As git run in the repository whose `.git` folder this is, by its real path.
    pub fn in_repository(self, git_dir: impl Into<PathBuf>) -> Self {
        Self { git_dir: Some(git_dir.into()), ..self }
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
        let folder = from.parent()?;
        let key = found.key();
        let conditional = key.strip_prefix("includeif.").and_then(|k| k.strip_suffix(".path"));
        if key != "include.path" && !conditional.is_some_and(|when| self.holds(when, folder)) {
            return None;
        }
        let value = found.value();
        let path = value.as_str().filter(|path| !path.is_empty())?;
        match path.strip_prefix("~/") {
            Some(rest) => Some(self.home.as_ref()?.join(rest)),
            None => Some(folder.join(path)),
        }
    }

    /// Whether a condition holds; `./` in it is the folder of the file it stands in.
    fn holds(&self, condition: &str, folder: &Path) -> bool {
        let Some((kind, pattern)) = condition.split_once(':') else { return false };
        let fold_case = match kind {
            "gitdir" => false,
            "gitdir/i" => true,
            _ => return false,
        };
        let (Some(git_dir), Some(mut pattern)) = (&self.git_dir, self.expanded(pattern, folder))
        else {
            return false;
        };
        if pattern.ends_with('/') {
            pattern.push_str("**");
        }
        let git_dir = git_dir.to_string_lossy().replace('\\', "/");
        matches(&pattern, git_dir.trim_end_matches('/'), fold_case)
    }

    fn expanded(&self, pattern: &str, folder: &Path) -> Option<String> {
        let under = |folder: &Path, rest: &str| {
            format!("{}/{rest}", folder.to_string_lossy().replace('\\', "/"))
        };
        if let Some(rest) = pattern.strip_prefix("~/") {
            return Some(under(self.home.as_ref()?, rest));
        }
        match pattern.strip_prefix("./") {
            Some(rest) => Some(under(folder, rest)),
            None if Path::new(pattern).is_absolute() => Some(pattern.to_owned()),
            None => Some(format!("**/{pattern}")),
        }
    }
}
