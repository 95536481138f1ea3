//! What a domain migration has left out.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, RouteId};

/// A route that a domain migration has not made: one under the old domain has no counterpart under the new one.
/// If you drop the old domain, you lose what the route serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MissingRoute {
    /// Id of the app that the route is for.
    pub app_id: AppId,
    /// The name under the new domain that has no route.
    pub domain: String,
    /// The path below it, `/` for all.
    pub path: String,
    /// The route under the old domain.
    pub old_route: RouteId,
}
