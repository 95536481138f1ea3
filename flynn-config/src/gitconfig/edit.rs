//! Edits one git configuration file.

use super::splices::Splices;
use super::{BlockChange, File, GitConfig, Includes, Plan};
use crate::Error;
use crate::text::spliced;

/// A git configuration that is being changed: the argument of [`GitConfig::edit`].
///
/// Its methods change only the file itself, not the files that it includes.
#[derive(Debug, Clone)]
pub struct GitConfigEdit {
    config: GitConfig,
}

impl GitConfigEdit {
    pub(super) fn new(config: GitConfig) -> Self {
        Self { config }
    }

    pub(super) fn into_config(self) -> GitConfig {
        self.config
    }

    /// Returns the file with the changes so far, without the files it includes.
    pub fn current(&self) -> &GitConfig {
        &self.config
    }

    /// Sets a key that has at most one value.
    ///
    /// Replaces the old value, or adds one as [`add`](Self::add) does.
    ///
    /// # Errors
    /// Fails with [`SeveralValues`](crate::ErrorKind::SeveralValues) if the key has more than one value, and with
    /// [`Invalid`](crate::ErrorKind::Invalid) for a key or value that a git configuration cannot hold.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        self.change(|splices| splices.set(key, value))
    }

    /// Adds a value to a key.
    ///
    /// The value is added at the end of the last section of that name. If there is none, a new section is added at the
    /// end of the file, spelled as in `key`.
    ///
    /// # Errors
    /// Fails with [`Invalid`](crate::ErrorKind::Invalid) for a key or value that a git configuration cannot hold.
    pub fn add(&mut self, key: &str, value: &str) -> Result<(), Error> {
        self.change(|splices| splices.add(key, value))
    }

    /// Removes a key that has at most one value. Returns false if the key does not exist.
    ///
    /// As with git, a section that is then empty is removed too, unless there is a comment in it
    /// or between it and the line before.
    ///
    /// # Errors
    /// Fails with [`SeveralValues`](crate::ErrorKind::SeveralValues) if the key has more than one value, and with
    /// [`Invalid`](crate::ErrorKind::Invalid) for a key that a git configuration cannot hold.
    pub fn unset(&mut self, key: &str) -> Result<bool, Error> {
        self.change(|splices| splices.unset(key))
    }

    /// Removes all values of a key. Returns the number of removed values.
    ///
    /// # Errors
    /// Fails with [`Invalid`](crate::ErrorKind::Invalid) for a key that a git configuration cannot hold.
    pub fn unset_all(&mut self, key: &str) -> Result<usize, Error> {
        self.change(|splices| splices.unset_all(key))
    }

    /// Removes all sections with a name such as `core` or `http.https://git.example.com`. Returns the number of removed
    /// sections.
    ///
    /// The part before the first dot is case-insensitive, unlike in `git config --remove-section`. The comment lines
    /// directly above a section are removed with it; those above the next section stay.
    ///
    /// # Errors
    /// Fails with [`Invalid`](crate::ErrorKind::Invalid) for a name that a git configuration cannot hold.
    pub fn remove_section(&mut self, name: &str) -> Result<usize, Error> {
        self.change(|splices| splices.remove_section(name))
    }

    /// Plans a change of the Flynn blocks for `git_url`, including the changes so far.
    ///
    /// Also reads the included files, as [`GitConfig::load`] does, so that the plan knows the
    /// settings that are [out of reach](Plan::out_of_reach).
    ///
    /// # Errors
    /// Returns the errors of [`GitConfig::plan`], and the errors of [`GitConfig::load`] for an included file.
    pub fn plan(&self, git_url: &str, change: BlockChange) -> Result<Plan, Error> {
        match self.config.files.first() {
            Some(file) => Includes::from_env().load_from(file.clone())?.plan(git_url, change),
            None => self.config.plan(git_url, change),
        }
    }

    /// Applies a plan, including the changes so far.
    ///
    /// # Errors
    /// Returns the errors of [`GitConfig::plan`].
    pub fn apply(&mut self, plan: &Plan) -> Result<(), Error> {
        self.change(|splices| splices.change_blocks(&plan.git_url, &plan.change))
    }

    /// Computes splices for the file and applies them. The file is parsed once for all splices.
    fn change<T>(
        &mut self,
        splices_for: impl FnOnce(&mut Splices<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let empty = File::default();
        let file = self.config.files.first().unwrap_or(&empty);
        let mut splices = Splices::new(file);
        let done = splices_for(&mut splices)?;
        let splices = splices.into_vec();
        if !splices.is_empty() {
            let file = File::parse(file.path.clone(), spliced(&file.text, &splices))?;
            self.config = GitConfig::from_file(file, self.config.home.take());
        }
        Ok(done)
    }
}
