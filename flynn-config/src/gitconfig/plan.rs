//! Changing the Flynn blocks: first as a plan to show, then for real.

use std::fmt;
use std::path::{Path, PathBuf};

use super::blocks::{Setting, is_flynn_helper};
use super::diff::Change;
use super::edit::GitConfigEdit;
use super::key::Key;
use super::{Found, GitConfig, Helper, Includes, Value};
use crate::{Error, ErrorKind};

/// What to do with the Flynn blocks of a git URL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockChange {
    /// Write both, as `flynn cluster add` does: over what is there, a single helper of another
    /// program included. Of several helpers, Flynn's is replaced and the others stay.
    Install {
        /// The CA file; without one, `sslCAInfo` goes.
        ca_file: Option<PathBuf>,
        /// The credential helper.
        helper: Helper,
    },
    /// Take `sslCAInfo` out and keep the rest: for a certificate that everybody trusts. As with
    /// `git config --unset`, a header under which nothing is left goes with it, unless there are
    /// comments (see [`GitConfigEdit::unset`]).
    DropCa,
    /// Take `sslCAInfo` and Flynn's helpers out, and each section that holds nothing else with
    /// the comments of its own. Where `flynn cluster remove` takes out both sections, other
    /// settings (a `proxy`, another helper) stay here: they are not Flynn's.
    Remove,
}

/// A change of the Flynn blocks, worked out but not done: [`GitConfig::plan`].
///
/// `Display` is the change as a diff of lines. Comments, and the values of other settings that go
/// with a section, show as `...`: they may be secret.
#[derive(Debug, Clone)]
pub struct Plan {
    git_url: String,
    change: BlockChange,
    /// The file as it was, and as it would be.
    before: GitConfig,
    after: GitConfig,
    diff: Vec<String>,
    out_of_reach: Vec<Setting>,
}

impl Plan {
    /// Nothing would change.
    pub fn is_empty(&self) -> bool {
        self.before.as_bytes() == self.after.as_bytes()
    }

    /// Settings in included files that the change is about but does not reach. While there is
    /// one, git goes on using it: say so.
    pub fn out_of_reach(&self) -> &[Setting] {
        &self.out_of_reach
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.diff {
            writeln!(f, "{line}")?;
        }
        for Setting { key, included_from, .. } in &self.out_of_reach {
            let path = included_from.as_deref().unwrap_or_else(|| "".as_ref());
            writeln!(f, "# {key} is also set in {}, which is not changed", path.display())?;
        }
        Ok(())
    }
}

impl GitConfig {
    /// Works out a change of the blocks for `git_url`; [`GitConfigEdit::apply`] does it.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a URL or path that git's configuration cannot
    /// hold.
    pub fn plan(&self, git_url: &str, change: BlockChange) -> Result<Plan, Error> {
        let before = self.own();
        let mut edit = GitConfigEdit::new(before.clone());
        edit.change_blocks(git_url, &change)?;
        let diff = edit.changes().iter().flat_map(Change::diff).collect();
        let blocks = self.flynn_blocks(git_url);
        let helpers = blocks.helpers.into_iter().filter(|helper| match change {
            BlockChange::Install { .. } => true,
            BlockChange::DropCa => false,
            BlockChange::Remove => is_flynn_helper(&helper.value),
        });
        let concerned = blocks.ca_files.into_iter().chain(helpers);
        let out_of_reach = concerned.filter(|s| s.included_from.is_some()).collect();
        let git_url = git_url.to_owned();
        Ok(Plan { git_url, change, before, after: edit.into_config(), diff, out_of_reach })
    }
}

impl GitConfigEdit {
    /// [`GitConfig::plan`] for the file as it is by now. The files that it includes are read too,
    /// as by [`GitConfig::load`], so that the plan tells what is [out of
    /// reach](Plan::out_of_reach).
    ///
    /// # Errors
    /// Those of [`GitConfig::plan`], and those of [`GitConfig::load`] for an included file.
    pub fn plan(&self, git_url: &str, change: BlockChange) -> Result<Plan, Error> {
        match self.file() {
            Some(file) => Includes::from_env().load_from(file.clone())?.plan(git_url, change),
            None => GitConfig::plan(self, git_url, change),
        }
    }

    /// Does what the plan says, on the file as it is now.
    ///
    /// # Errors
    /// Those of [`GitConfig::plan`].
    pub fn apply(&mut self, plan: &Plan) -> Result<(), Error> {
        if self.as_bytes() == plan.before.as_bytes() {
            self.replace_with(plan.after.clone());
            return Ok(());
        }
        self.change_blocks(&plan.git_url, &plan.change)
    }

    fn change_blocks(&mut self, git_url: &str, change: &BlockChange) -> Result<(), Error> {
        match change {
            BlockChange::Install { ca_file, helper } => {
                match ca_file {
                    Some(path) => {
                        let path = text_of(path)?;
                        self.install(git_url, ("http", "sslCAInfo"), path, |_| true)?;
                    }
                    None => self.drop_ca(git_url)?,
                }
                self.install(git_url, ("credential", "helper"), helper.as_str(), is_flynn_helper)
            }
            BlockChange::DropCa => self.drop_ca(git_url),
            BlockChange::Remove => {
                self.remove("http", git_url, |name, _| is_ca(name))?;
                self.remove("credential", git_url, |name, value| {
                    name.eq_ignore_ascii_case(b"helper")
                        && value.as_str().is_some_and(is_flynn_helper)
                })
            }
        }
    }

    /// Sets one variable of a block: over a single old value, over the last of several that is
    /// `ours`, or beside them.
    fn install(
        &mut self,
        git_url: &str,
        (base, variable): (&str, &str),
        value: &str,
        ours: fn(&str) -> bool,
    ) -> Result<(), Error> {
        let spelled = self.sections_about(base, git_url).pop();
        let section = spelled.map_or_else(|| format!("{base}.{git_url}"), |(_, name)| name);
        let key = format!("{section}.{variable}");
        let matches = self.matches(&Key::parse(&key)?);
        let old = self.get_all(&key);
        let at = match &*old {
            [_] => Some(0),
            several => several.iter().rposition(|old| old.as_str().is_some_and(ours)),
        };
        let same = at.and_then(|at| old.get(at)).is_some_and(|old| *old == value);
        match at.and_then(|at| matches.get(at)) {
            Some(_) if same => Ok(()),
            Some(index) => self.replace(*index, value),
            None => self.add(&key, value),
        }
    }

    fn remove(
        &mut self,
        base: &str,
        git_url: &str,
        is_own: impl Fn(&[u8], &Value<'_>) -> bool,
    ) -> Result<(), Error> {
        let sections = self.section_indices(base, git_url);
        self.remove_own(&sections, |found| is_own(found.name(), &found.value()))
    }

    fn section_indices(&self, base: &str, git_url: &str) -> Vec<usize> {
        self.sections_about(base, git_url).into_iter().map(|(index, _)| index).collect()
    }

    fn drop_ca(&mut self, git_url: &str) -> Result<(), Error> {
        let sections = self.section_indices("http", git_url);
        let is_own = |found: &Found<'_>| {
            found.variable.section.is_some_and(|section| sections.binary_search(&section).is_ok())
                && is_ca(found.name())
        };
        let variables = GitConfig::variables(self).enumerate();
        let own: Vec<_> =
            variables.filter_map(|(index, found)| is_own(&found).then_some(index)).collect();
        self.take_out(&own)
    }
}

fn is_ca(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"sslCAInfo")
}

/// A path as text: git's configuration here is written as such.
pub(super) fn text_of(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::new(ErrorKind::Invalid, "the path is not UTF-8").at(path))
}
