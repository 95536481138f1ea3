//! Artifacts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::{Strings, Time, empty, jsonb};

/// An artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Artifact {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(rename = "type", skip_serializing_if = "empty")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) uri: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty", serialize_with = "jsonb", deserialize_with = "present")]
    pub(crate) manifest: Option<Value>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) hashes: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) size: i64,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) layer_url_template: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

/// Decodes a field that is present. `null` is a value too, although not a manifest.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Artifact {
    /// Returns the answer for a known image: the existing one with the other sent fields.
    pub(crate) fn known_as(self, known: Self) -> Self {
        let with = |mut sent: Strings, stored: Strings| {
            sent.extend(stored);
            sent
        };
        Self {
            meta: with(self.meta, known.meta.clone()),
            hashes: with(self.hashes, known.hashes.clone()),
            ..known
        }
    }

    /// Returns whether its files are in the cluster's blobstore.
    pub(crate) fn in_blobstore(&self) -> bool {
        self.meta.get("blobstore").is_some_and(|v| v == "true")
    }

    /// Returns the ids of the layers in its manifest.
    pub(crate) fn layers(&self) -> Vec<String> {
        let lists = |value: &Value, name: &str| -> Vec<Value> {
            value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        self.manifest
            .iter()
            .flat_map(|manifest| lists(manifest, "rootfs"))
            .flat_map(|rootfs| lists(&rootfs, "layers"))
            .filter_map(|layer| layer.get("id")?.as_str().map(str::to_owned))
            .collect()
    }

    /// Returns the arguments that its image runs by default.
    pub(crate) fn default_args(&self) -> Vec<String> {
        let args = self.manifest.as_ref().and_then(|m| m.pointer("/entrypoints/_default/args"));
        let words = args.and_then(Value::as_array).cloned().unwrap_or_default();
        words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    }
}
