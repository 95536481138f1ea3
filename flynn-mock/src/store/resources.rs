//! Resources.

use serde::{Deserialize, Serialize};

use crate::store::{Absent, Strings, Tables, Time, empty, stored_uuid};

/// A resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Resource {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) provider: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) external_id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) env: Strings,
    /// The ids of the apps that use it, the newest link first.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) apps: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) owner_account: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

impl Tables {
    pub(crate) fn alive_resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(|resource| !resource.deleted)
    }

    /// Returns the resource with this id.
    pub(crate) fn resource(&self, id: &str) -> Result<&Resource, Absent> {
        let id = stored_uuid(id).ok_or(Absent::NoRow)?;
        self.alive_resources().find(|resource| resource.id == id).ok_or(Absent::NoRow)
    }
}
