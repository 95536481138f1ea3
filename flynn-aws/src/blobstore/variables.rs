//! Env variables whose values stay out of `Debug`.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Env variables in the order in which they were made. Values may be secrets: `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Variables(Vec<(String, SecretString)>);

impl Variables {
    pub(super) fn push(&mut self, name: String, value: impl Into<SecretString>) {
        self.0.push((name, value.into()));
    }

    /// The variables as names and values, for the client's `env().set(..)`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose_secret()))
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The value of one variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.names().map(|name| (name, "[REDACTED]"))).finish()
    }
}
