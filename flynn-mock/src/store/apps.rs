//! Apps.

use serde::{Deserialize, Serialize};

use crate::store::{Strings, Time, empty};

/// An app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct App {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) name: String,
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) strategy: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) release: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) deploy_timeout: i32,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

impl App {
    /// Returns whether it is one of Flynn's own.
    pub(crate) fn is_system(&self) -> bool {
        self.meta.get("flynn-system-app").is_some_and(|v| v == "true")
    }

    pub(crate) fn parent_ref(&self) -> String {
        format!("controller/apps/{}", self.id)
    }
}
