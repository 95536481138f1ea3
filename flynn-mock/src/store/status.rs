//! What services say of their health.

use serde::Serialize;

/// What a service says of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Health {
    pub(crate) status: &'static str,
    /// None of a service that cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

impl Health {
    pub(crate) fn new(healthy: bool) -> Self {
        Self {
            status: if healthy { HEALTHY } else { UNHEALTHY },
            version: Some(VERSION.to_owned()),
        }
    }
}

pub(crate) const HEALTHY: &str = "healthy";

pub(crate) const UNHEALTHY: &str = "unhealthy";

/// What a server says that was not built as a release.
pub(crate) const VERSION: &str = "dev";
