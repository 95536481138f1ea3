//! Backups.

use bytes::Bytes;
use serde::Serialize;

use crate::store::{BackupStatus, Time, empty};

/// The record of a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Backup {
    pub(crate) id: String,
    pub(crate) status: BackupStatus,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) sha512: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) size: usize,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) error: String,
    pub(crate) created_at: Option<Time>,
    pub(crate) updated_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) completed_at: Option<Time>,
    /// The result when it is complete.
    #[serde(skip)]
    pub(crate) outcome: Option<(Bytes, Result<(), String>)>,
}
