//! Plans changes of the Flynn blocks.

use std::fmt;
use std::path::{Path, PathBuf};

use super::blocks::{Setting, is_flynn_helper};
use super::diff::diff;
use super::key::Key;
use super::splices::Splices;
use super::{Entry, File, GitConfig, Helper};
use crate::text::Splice;
use crate::{Error, ErrorKind};

/// A change of the Flynn blocks for a git URL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockChange {
    /// Writes both blocks, as `flynn cluster add` does.
    ///
    /// Replaces existing settings, including a single helper of another program. If there are several helpers, replaces
    /// Flynn's and keeps the others.
    Install {
        /// The CA file. `None` removes `sslCAInfo`.
        ca_file: Option<PathBuf>,
        /// The credential helper.
        helper: Helper,
    },
    /// Sets `sslCAInfo` to this file, for a certificate of a private CA.
    SetCa(PathBuf),
    /// Removes `sslCAInfo`, for a certificate of a public CA.
    ///
    /// As with `git config --unset`, a section that is then empty is removed too, unless there are
    /// comments: see [`GitConfigEdit::unset`](super::GitConfigEdit::unset).
    DropCa,
    /// Removes `sslCAInfo` and Flynn's helpers.
    ///
    /// A section without other settings is removed with its comments. Other settings, such as a
    /// `proxy` or another helper, stay; `flynn cluster remove` removes both sections.
    Remove,
}

/// A planned change of the Flynn blocks: see [`GitConfig::plan`].
///
/// `Display` shows the change as a diff of lines. Comments, and the values of other settings that
/// are removed with a section, are shown as `...`, because they can be secret.
#[derive(Clone)]
pub struct Plan {
    pub(super) git_url: String,
    pub(super) change: BlockChange,
    /// The text that the splices are for.
    text: Vec<u8>,
    splices: Vec<Splice>,
    out_of_reach: Vec<Setting>,
}

impl Plan {
    /// Returns true if the change has no effect.
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Returns settings that the change does not affect because they are in included files. git keeps using them, so
    /// tell the user.
    pub fn out_of_reach(&self) -> &[Setting] {
        &self.out_of_reach
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in diff(&self.text, &self.splices) {
            writeln!(f, "{line}")?;
        }
        for Setting { key, included_from, .. } in &self.out_of_reach {
            let path = included_from.as_deref().unwrap_or_else(|| "".as_ref());
            writeln!(f, "# {key} is also set in {}, which is not changed", path.display())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("git_url", &self.git_url)
            .field("change", &self.change)
            .field("diff", &diff(&self.text, &self.splices))
            .field("out_of_reach", &self.out_of_reach)
            .finish()
    }
}

impl GitConfig {
    /// Plans a change of the Flynn blocks for `git_url`. [`GitConfigEdit::apply`] makes it.
    ///
    /// [`GitConfigEdit::apply`]: super::GitConfigEdit::apply
    ///
    /// # Errors
    /// Fails with [`Invalid`](crate::ErrorKind::Invalid) for a URL or path that a git configuration cannot hold.
    pub fn plan(&self, git_url: &str, change: BlockChange) -> Result<Plan, Error> {
        let empty = File::default();
        let file = self.files.first().unwrap_or(&empty);
        let mut splices = Splices::new(file);
        splices.change_blocks(git_url, &change)?;
        let blocks = self.flynn_blocks(git_url);
        let helpers = blocks.helpers.into_iter().filter(|helper| match change {
            BlockChange::Install { .. } => true,
            BlockChange::SetCa(_) | BlockChange::DropCa => false,
            BlockChange::Remove => is_flynn_helper(&helper.value),
        });
        let concerned = blocks.ca_files.into_iter().chain(helpers);
        let out_of_reach = concerned.filter(|s| s.included_from.is_some()).collect();
        Ok(Plan {
            git_url: git_url.to_owned(),
            change,
            text: file.text.clone(),
            splices: splices.into_vec(),
            out_of_reach,
        })
    }
}

impl Splices<'_> {
    pub(super) fn change_blocks(
        &mut self,
        git_url: &str,
        change: &BlockChange,
    ) -> Result<(), Error> {
        match change {
            BlockChange::Install { ca_file, helper } => {
                match ca_file {
                    Some(path) => self.set_ca(git_url, path)?,
                    None => self.drop_ca(git_url),
                }
                self.install(git_url, ("credential", "helper"), helper.as_str(), is_flynn_helper)
            }
            BlockChange::SetCa(path) => self.set_ca(git_url, path),
            BlockChange::DropCa => {
                self.drop_ca(git_url);
                Ok(())
            }
            BlockChange::Remove => {
                self.remove_own(&self.sections_of("http", git_url), is_ca);
                self.remove_own(&self.sections_of("credential", git_url), |entry| {
                    entry.name().eq_ignore_ascii_case(b"helper")
                        && entry.value().as_str().is_some_and(is_flynn_helper)
                });
                Ok(())
            }
        }
    }

    /// Sets one variable of a block. Replaces a single old value, or the last of several values that `is_own`;
    /// otherwise adds one.
    fn install(
        &mut self,
        git_url: &str,
        (base, variable): (&str, &str),
        value: &str,
        is_own: fn(&str) -> bool,
    ) -> Result<(), Error> {
        let file = self.file();
        let spelled = file.sections_about(base, git_url).pop();
        let section = spelled.map_or_else(|| format!("{base}.{git_url}"), |(_, name)| name);
        let key = format!("{section}.{variable}");
        let indices = file.find(&Key::parse(&key)?);
        let value_at = |index: usize| file.entry(index).map(|entry| entry.value());
        let old = match &*indices {
            [index] => Some(*index),
            several => several.iter().copied().rfind(|&index| {
                value_at(index).is_some_and(|value| value.as_str().is_some_and(is_own))
            }),
        };
        match old {
            Some(index) if value_at(index).is_some_and(|old| old == value) => Ok(()),
            Some(index) => self.replace(index, value),
            None => self.add(&key, value),
        }
    }

    fn set_ca(&mut self, git_url: &str, path: &Path) -> Result<(), Error> {
        self.install(git_url, ("http", "sslCAInfo"), path_str(path)?, |_| true)
    }

    fn drop_ca(&mut self, git_url: &str) {
        let sections = self.sections_of("http", git_url);
        let is_in = |section: usize| sections.binary_search(&section).is_ok();
        let entries = self.file().entries().enumerate();
        let own =
            entries.filter(|(_, entry)| entry.variable.section.is_some_and(is_in) && is_ca(entry));
        let own: Vec<_> = own.map(|(index, _)| index).collect();
        self.remove(&own);
    }

    fn sections_of(&self, base: &str, git_url: &str) -> Vec<usize> {
        self.file().sections_about(base, git_url).into_iter().map(|(index, _)| index).collect()
    }
}

fn is_ca(entry: &Entry<'_>) -> bool {
    entry.name().eq_ignore_ascii_case(b"sslCAInfo")
}

/// Returns a path as text, as a git configuration needs it.
pub(super) fn path_str(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::new(ErrorKind::Invalid, "the path is not UTF-8").at(path))
}
