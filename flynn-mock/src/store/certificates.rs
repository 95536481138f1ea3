//! Certificates of routes.

use serde::{Deserialize, Serialize};

use crate::store::{Time, empty};

/// The certificate of a route, with its key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Certificate {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) routes: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) cert: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) key: String,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
}
