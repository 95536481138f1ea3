//! The name of a backend.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// The built-in backend, which always exists and needs no variable.
pub(super) const POSTGRES: &str = "postgres";

/// A backend's name as `DEFAULT_BACKEND` has it: lower-case letters and digits, not `postgres`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendName(String);

impl BackendName {
    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The variable that defines the backend: `BACKEND_S3MAIN` for `s3main`.
    pub fn variable(&self) -> String {
        format!("BACKEND_{}", self.0.to_ascii_uppercase())
    }

    /// The variable of one parameter: `BACKEND_GCSMAIN_KEY` for `key` of `gcsmain`.
    pub fn parameter_variable(&self, parameter: &str) -> String {
        format!("{}_{}", self.variable(), parameter.to_ascii_uppercase())
    }

    /// The name that a variable defines, if the blobstore would read it as a definition.
    pub(super) fn of_variable(variable: &str) -> Option<Self> {
        let name = variable.strip_prefix("BACKEND_")?;
        let read =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        read.then(|| Self(name.to_ascii_lowercase()))
    }
}

impl FromStr for BackendName {
    type Err = Error;

    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::BackendName`]: the blobstore ignores variables of other names silently, and a backend named
    /// `postgres` would hide the built-in one with all its files.
    fn from_str(name: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Err(Error::new(
                ErrorKind::BackendName,
                format!("{name:?} cannot be the name of a backend: {why}"),
            ))
        };
        if name == POSTGRES {
            return refuse("it would hide the built-in backend and its files");
        }
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if name.is_empty() || !name.bytes().all(allowed) {
            return refuse("lower-case letters and digits are allowed, nothing else");
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
