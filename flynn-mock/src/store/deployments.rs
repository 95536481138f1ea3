//! Deployments.

use serde::Serialize;

use crate::store::{Counts, DeploymentStatus, Tags, Time, empty};

/// A deployment of a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) app: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) old_release: String,
    pub(crate) new_release: String,
    pub(crate) strategy: String,
    pub(crate) status: DeploymentStatus,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) processes: Counts,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) tags: Tags,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) deploy_timeout: i32,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) deploy_batch_size: Option<i64>,
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) finished_at: Option<Time>,
}

impl Deployment {
    /// Returns whether it is queued or running.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(
            self.status,
            DeploymentStatus::Queued | DeploymentStatus::Pending | DeploymentStatus::Running
        )
    }
}
