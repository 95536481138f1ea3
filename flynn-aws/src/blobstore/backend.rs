//! A named backend, and the env variables that define it.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::params::{self, Issues, Params};
use super::{AzureBackend, GcsBackend, MinioBackend, S3Backend};
use crate::{Error, ErrorKind};

/// The built-in backend, which always exists and needs no variable.
pub(super) const POSTGRES: &str = "postgres";

/// The name of a backend, as in `DEFAULT_BACKEND`: lower-case letters and digits, not `postgres`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct BackendName(String);

impl BackendName {
    /// The guide's name, `s3main`.
    pub(crate) fn s3main() -> Self {
        Self("s3main".to_owned())
    }

    /// Returns the name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the variable that defines the backend: `BACKEND_S3MAIN` for `s3main`.
    pub fn variable(&self) -> String {
        format!("BACKEND_{}", self.0.to_ascii_uppercase())
    }

    /// Returns the variable of one parameter: `BACKEND_GCSMAIN_KEY` for `key` of `gcsmain`.
    pub fn parameter_variable(&self, parameter: &str) -> String {
        format!("{}_{}", self.variable(), parameter.to_ascii_uppercase())
    }

    /// Returns the name that a variable defines, or `None` if the blobstore does not read it as a definition.
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
    /// Fails with [`ErrorKind::BackendName`] if the name is not valid. The blobstore silently ignores variables of
    /// other names, and a backend named `postgres` would hide the built-in one with all its files.
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
            return refuse("use lower-case letters and digits only");
        }
        Ok(Self(name.to_owned()))
    }
}

crate::names::text!(BackendName);

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Env variables in the order in which they were made. Values can be secrets: `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Variables(Vec<(String, SecretString)>);

impl Variables {
    pub(super) fn push(&mut self, name: String, value: impl Into<SecretString>) {
        self.0.push((name, value.into()));
    }

    /// Returns names and values, for `env().set(..)` of `flynn-client`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose_secret()))
    }

    /// Returns the names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Returns the value of one variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Returns the number of variables.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no variables.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.names().map(|name| (name, "[REDACTED]"))).finish()
    }
}

/// A named backend with checked parameters.
#[derive(Debug, Clone)]
pub struct Backend {
    name: BackendName,
    kind: BackendKind,
}

/// The kinds of backend that the blobstore knows besides Postgres.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum BackendKind {
    /// Amazon S3.
    S3(S3Backend),
    /// A `MinIO` server, or another S3-compatible server.
    Minio(MinioBackend),
    /// Google Cloud Storage.
    Gcs(GcsBackend),
    /// Azure Storage.
    Azure(AzureBackend),
}

impl Backend {
    /// Names a backend. The guide's name is `s3main`.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::BackendName`] if the name is not valid.
    pub fn new(name: &str, kind: impl Into<BackendKind>) -> Result<Self, Error> {
        Ok(Self { name: name.parse()?, kind: kind.into() })
    }

    pub(crate) fn from_parts(name: BackendName, kind: BackendKind) -> Self {
        Self { name, kind }
    }

    /// Returns the name.
    pub fn name(&self) -> &BackendName {
        &self.name
    }

    /// Returns the kind with its parameters.
    pub fn kind(&self) -> &BackendKind {
        &self.kind
    }

    /// Returns `BACKEND_<NAME>`, and `BACKEND_<NAME>_<PARAM>` for parameters that cannot be tokens.
    pub fn variables(&self) -> Variables {
        params::write(&self.name, self.kind.token(), self.kind.params())
    }

    /// Returns the [variables](Self::variables) and `DEFAULT_BACKEND`.
    ///
    /// Set them in one release: while `DEFAULT_BACKEND` is missing, the migration job moves everything back into
    /// Postgres.
    pub fn as_default(&self) -> Variables {
        let mut variables = self.variables();
        variables.push("DEFAULT_BACKEND".to_owned(), self.name.as_str());
        variables
    }
}

impl BackendKind {
    /// Returns the value of `backend=`.
    pub fn token(&self) -> &'static str {
        match self {
            Self::S3(_) => "s3",
            Self::Minio(_) => "minio",
            Self::Gcs(_) => "gcs",
            Self::Azure(_) => "azure",
        }
    }

    fn params(&self) -> Vec<params::Param> {
        match self {
            Self::S3(s3) => s3.params(),
            Self::Minio(minio) => minio.params(),
            Self::Gcs(gcs) => gcs.params(),
            Self::Azure(azure) => azure.params(),
        }
    }

    /// Reads a kind by its token; `None` if the blobstore cannot start with it. The issues say why.
    pub(super) fn read(params: &Params, issues: &mut Issues) -> Option<Self> {
        match params.get("backend") {
            "s3" => S3Backend::read(params, issues).map(Self::S3),
            "minio" => MinioBackend::read(params, issues).map(Self::Minio),
            "gcs" => GcsBackend::read(params, issues).map(Self::Gcs),
            "azure" => AzureBackend::read(params, issues).map(Self::Azure),
            _ => None,
        }
    }

    /// The parameters that the blobstore knows for a token; `None` for a token that it does not know.
    pub(super) fn known_params(token: &str) -> Option<&'static [&'static str]> {
        match token {
            "s3" => Some(&S3Backend::PARAMS),
            "minio" => Some(&MinioBackend::PARAMS),
            "gcs" => Some(&GcsBackend::PARAMS),
            "azure" => Some(&AzureBackend::PARAMS),
            _ => None,
        }
    }
}

macro_rules! kinds {
    ($($backend:ident => $kind:ident),+) => {$(
        impl From<$backend> for BackendKind {
            fn from(backend: $backend) -> Self {
                Self::$kind(backend)
            }
        }
    )+};
}

kinds!(S3Backend => S3, MinioBackend => Minio, GcsBackend => Gcs, AzureBackend => Azure);
