//! Log sinks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::{Absent, Tables, Time, empty, jsonb, stored_uuid};

/// A log sink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sink {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// The app whose logs it receives; empty for all apps.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) app_id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) host_managed: bool,
    #[serde(skip_serializing_if = "empty", serialize_with = "jsonb")]
    pub(crate) config: Option<Value>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

impl Tables {
    /// Returns the sink with this id, even if it was deleted.
    pub(crate) fn sink(&self, id: &str) -> Result<&Sink, Absent> {
        let id = stored_uuid(id).ok_or(Absent::NoRow)?;
        self.sinks.iter().find(|sink| sink.id == id).ok_or(Absent::NoRow)
    }
}
