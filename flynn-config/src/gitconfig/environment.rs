//! git configuration through the environment, for CI: no file at all.

use std::path::Path;

use super::Helper;
use super::key::Key;
use super::plan::text_of;
use crate::{Error, ErrorKind};

/// git counts settings in an `int` (`config.c`, "too many entries").
const MOST: usize = 0x7fff_ffff;

/// Settings for `GIT_CONFIG_COUNT`, `GIT_CONFIG_KEY_0`, `GIT_CONFIG_VALUE_0` and so on, which git
/// (2.31 or newer) takes as if they stood last in its configuration.
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
    /// No setting yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Settings to go after those that the environment already has: `count` is the value of
    /// `GIT_CONFIG_COUNT`, an empty one for none.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for what git refuses: no number, or one past 2³¹ - 1.
    pub fn after(count: &str) -> Result<Self, Error> {
        let first = match count {
            "" => Some(0),
            number => number.trim_start().parse().ok().filter(|first| *first <= MOST),
        };
        let message = "GIT_CONFIG_COUNT is not a number that git takes";
        let first = first.ok_or_else(|| Error::new(ErrorKind::Invalid, message))?;
        Ok(Self { first, settings: Vec::new() })
    }

    /// Adds one setting.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for a key that git cannot hold, and for more than the
    /// 2³¹ - 1 settings that it takes.
    pub fn set(mut self, key: &str, value: &str) -> Result<Self, Error> {
        Key::parse(key)?;
        if self.first + self.settings.len() >= MOST {
            return Err(Error::new(ErrorKind::Invalid, "more settings than git takes"));
        }
        self.settings.push((key.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Adds the Flynn settings of a cluster's git URL.
    ///
    /// # Errors
    /// Those of [`set`](Self::set), and [`Invalid`](ErrorKind::Invalid) for a path that is not
    /// UTF-8.
    pub fn flynn(
        self,
        git_url: &str,
        ca_file: Option<&Path>,
        helper: &Helper,
    ) -> Result<Self, Error> {
        let with_ca = match ca_file {
            Some(path) => self.set(&format!("http.{git_url}.sslCAInfo"), text_of(path)?)?,
            None => self,
        };
        with_ca.set(&format!("credential.{git_url}.helper"), helper.as_str())
    }

    /// The variables, the count first: for [`Command::envs`](std::process::Command::envs) or a
    /// CI file.
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
        // Values may be secret: an `http.extraHeader` is.
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
