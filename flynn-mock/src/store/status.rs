//! The health of services.

use serde::Serialize;

/// The reported health of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Health {
    pub(crate) status: &'static str,
    /// The version; `None` for a service that cannot be reached.
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

/// The version of a server that was not built as a release.
pub(crate) const VERSION: &str = "dev";
