//! Providers.

use serde::{Deserialize, Serialize};

use crate::store::{Absent, Tables, Time, empty, is_text, is_uuid};

/// A provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Provider {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) url: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) tenant_safe: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
}

impl Tables {
    /// Returns the provider with this id or name.
    pub(crate) fn provider(&self, id_or_name: &str) -> Result<&Provider, Absent> {
        is_text(id_or_name)?;
        let by_id = is_uuid(id_or_name);
        self.providers
            .iter()
            .find(|provider| provider.name == id_or_name || (by_id && provider.id == id_or_name))
            .ok_or(Absent::NoRow)
    }
}
