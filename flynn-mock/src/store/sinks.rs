//! Log sinks.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::store::{Absent, Tables, Time, empty, stored_uuid};

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
    #[serde(skip_serializing_if = "empty")]
    #[serde(serialize_with = "jsonb")]
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

/// Writes a document as the database's `jsonb` does: with the keys of each object sorted by length, then by bytes.
#[allow(clippy::ref_option, reason = "serde's shape")]
fn jsonb<S: Serializer>(document: &Option<Value>, to: S) -> Result<S::Ok, S::Error> {
    document.as_ref().map(Jsonb).serialize(to)
}

struct Jsonb<'a>(&'a Value);

impl Serialize for Jsonb<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| (name.len(), *name));
                to.collect_map(fields.into_iter().map(|(name, value)| (name, Jsonb(value))))
            }
            Value::Array(items) => to.collect_seq(items.iter().map(Jsonb)),
            other => other.serialize(to),
        }
    }
}
