//! The crate's error: opaque, one pointer wide, never holding a secret.

use std::fmt;

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The blobstore would not read a backend of this name.
    BackendName,
    /// A backend's parameter cannot be written so that the blobstore reads it back, or it is missing.
    Parameter,
    /// The name breaks the rules for S3 buckets.
    Bucket,
    /// The name is not that of an AWS region, or of one that Flynn cannot use.
    Region,
    /// The text is not a version of Flynn.
    Version,
    /// The domain cannot be a cluster's.
    Domain,
    /// The address cannot be a node's public address.
    Address,
    /// Route53 never gives a health check this id.
    HealthCheckId,
    /// A value of a [`ClusterSpec`](crate::ClusterSpec) cannot be used.
    Spec,
    /// A JSON document is not the one that was expected, or it is incomplete.
    Document,
    /// Removing a backend would lose the files in it.
    BackendInUse,
}

/// Why a value was refused. `Display` is one line and never shows a secret.
#[derive(thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into() }))
    }

    /// Returns what was refused.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
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
