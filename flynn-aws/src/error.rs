//! The crate's error: opaque, pointer-sized, and without secrets.

use std::fmt;

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The blobstore does not read backends with this name.
    BackendName,
    /// A parameter of a backend is missing, or the blobstore could not read it.
    Parameter,
    /// The name breaks the rules for S3 buckets.
    Bucket,
    /// The name is not an AWS region, or Flynn cannot use the region.
    Region,
    /// The text is not a Flynn version.
    Version,
    /// The domain cannot be the domain of a cluster.
    Domain,
    /// The address cannot be a node's public address.
    Address,
    /// The text cannot be the id of a Route53 health check.
    HealthCheckId,
    /// A value of a [`ClusterSpec`](crate::ClusterSpec) is not valid.
    Spec,
    /// A JSON document is not the one that was expected, or it is incomplete.
    Document,
    /// The backend may still hold files, which removing it would lose.
    BackendInUse,
}

/// The error of this crate. `Display` is one line and never contains a secret.
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

    /// Returns the kind of the error.
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
