//! The crate's error: opaque, one pointer wide, never holding a secret.

use std::fmt;

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A backend's name is not one that the blobstore would read.
    BackendName,
    /// A parameter of a backend cannot be written so that the blobstore reads it back.
    Parameter,
    /// A bucket's name breaks the rules of S3.
    Bucket,
    /// A region's name does not look like one.
    Region,
    /// A domain that cannot be a cluster's.
    Domain,
    /// An address that cannot be a node's public one.
    Address,
    /// The id of a health check cannot be one that Route53 gave.
    HealthCheckId,
}

/// Why a value was refused. `Display` is one line; secrets are never part of it.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into() }))
    }

    /// What was refused.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .finish()
    }
}

impl std::error::Error for Error {}
