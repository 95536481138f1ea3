//! git configuration in environment variables, for CI.

use std::path::Path;

use super::Helper;
use super::key::Key;
use super::plan::path_str;
use crate::{Error, ErrorKind};

/// The maximum number of settings that git accepts (`config.c`, "too many entries").
const MOST: usize = 0x7fff_ffff;

/// git configuration in environment variables: `GIT_CONFIG_COUNT`, `GIT_CONFIG_KEY_0`,
/// `GIT_CONFIG_VALUE_0` and so on.
///
/// git 2.31 and newer read them after all files.
///
/// ```
/// use flynn_config::{Environment, Helper};
///
/// let helper = Helper::key_from_variable("FLYNN_KEY")?;
/// let variables = Environment::new().flynn("https://git.a.test", None, &helper)?.variables();
/// assert_eq!(variables[0], ("GIT_CONFIG_COUNT".into(), "1".into()));
/// assert_eq!(variables[1].1, "credential.https://git.a.test.helper");
/// # Ok::<(), flynn_config::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Environment {
    first: usize,
    settings: Vec<(String, String)>,
}

impl Environment {
    /// Creates an empty environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an environment that adds to the settings of the process. `count` is the value of `GIT_CONFIG_COUNT`, or
    /// empty.
    ///
    /// # Errors
    /// Fails with [`Invalid`](ErrorKind::Invalid) if git refuses the count: it is not a number or larger than 2³¹ - 1.
    pub fn after(count: &str) -> Result<Self, Error> {
        let first = match count {
            "" => Some(0),
            number => number.trim_start().parse().ok().filter(|first| *first <= MOST),
        };
        let message = "git does not accept this value of GIT_CONFIG_COUNT";
        let first = first.ok_or_else(|| Error::new(ErrorKind::Invalid, message))?;
        Ok(Self { first, settings: Vec::new() })
    }

    /// Adds a setting.
    ///
    /// # Errors
    /// Fails with [`Invalid`](ErrorKind::Invalid) for a key that a git configuration cannot hold, and for more than 2³¹
    /// - 1 settings.
    pub fn set(mut self, key: &str, value: &str) -> Result<Self, Error> {
        Key::parse(key)?;
        if self.first + self.settings.len() >= MOST {
            return Err(Error::new(ErrorKind::Invalid, "git does not accept so many settings"));
        }
        self.settings.push((key.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Adds the settings of a cluster's git URL.
    ///
    /// # Errors
    /// Returns the errors of [`set`](Self::set), and [`Invalid`](ErrorKind::Invalid) for a path that is not UTF-8.
    pub fn flynn(
        self,
        git_url: &str,
        ca_file: Option<&Path>,
        helper: &Helper,
    ) -> Result<Self, Error> {
        let with_ca = match ca_file {
            Some(path) => self.set(&format!("http.{git_url}.sslCAInfo"), path_str(path)?)?,
            None => self,
        };
        with_ca.set(&format!("credential.{git_url}.helper"), helper.as_str())
    }

    /// Returns the variables with their values, for [`Command::envs`](std::process::Command::envs) or
    /// the settings of a CI job.
    pub fn variables(&self) -> Vec<(String, String)> {
        let count = (self.first + self.settings.len()).to_string();
        let numbered = (self.first..).zip(&self.settings).flat_map(|(n, (key, value))| {
            [
                (format!("GIT_CONFIG_KEY_{n}"), key.clone()),
                (format!("GIT_CONFIG_VALUE_{n}"), value.clone()),
            ]
        });
        std::iter::once(("GIT_CONFIG_COUNT".to_owned(), count)).chain(numbered).collect()
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A value such as an `http.extraHeader` can be secret.
        f.debug_list().entries(self.settings.iter().map(|(key, _)| key)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_git_takes_them() {
        let count = |text: &str| Environment::after(text).map(|environment| environment.first);
        for (text, first) in [("", 0), ("0", 0), ("7", 7), (" 1", 1), ("+1", 1)] {
            assert_eq!(count(text).unwrap(), first, "{text:?}");
        }
        for bad in ["abc", "-1", "1 ", " ", "0x1", "2147483648", "18446744073709551615"] {
            assert_eq!(count(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
        let last = Environment::after("2147483646").unwrap().set("a.b", "c").unwrap();
        assert_eq!(last.variables()[0].1, "2147483647");
        assert_eq!(last.set("a.b", "c").unwrap_err().kind(), ErrorKind::Invalid);
    }
}
