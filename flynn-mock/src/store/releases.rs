//! Releases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::{Process, Strings, Time, empty};

/// A release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Release {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) app_id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) artifacts: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) env: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) processes: BTreeMap<String, Process>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    /// The first artifact, for old clients.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) artifact: String,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

impl Release {
    /// Returns whether a git push created it.
    pub(crate) fn is_slug(&self) -> bool {
        self.meta.get("git").is_some_and(|value| value == "true")
    }

    /// Returns the release in the form of answers, with the legacy artifact.
    pub(crate) fn stored(&self) -> Self {
        let artifact = self.artifacts.first().cloned().unwrap_or_default();
        Self { artifact, ..self.clone() }
    }
}
