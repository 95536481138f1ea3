//! A route that a domain migration has not created.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, RouteId};

/// A route that a domain migration has not created: a route under the old domain has no counterpart under the new one.
/// If you drop the old domain, the app can no longer be reached at this route's domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MissingRoute {
    /// The id of the route's app.
    pub app_id: AppId,
    /// The name under the new domain that has no route.
    pub domain: String,
    /// The path; `/` for all paths.
    pub path: String,
    /// The route under the old domain.
    pub old_route: RouteId,
}
