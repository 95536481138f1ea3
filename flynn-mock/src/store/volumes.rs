//! Volumes.

use serde::{Deserialize, Serialize};

use crate::store::{Strings, Time, VolumeState, empty};

/// A volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Volume {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) path: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) delete_on_stop: bool,
    /// The size in bytes; 0 for the host's default.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) size: i64,
    pub(crate) id: String,
    pub(crate) host_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) state: VolumeState,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) app: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) release: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) job: Option<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) job_type: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) decommissioned_at: Option<Time>,
}
