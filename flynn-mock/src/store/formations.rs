//! Formations and scale requests.

use serde::{Deserialize, Serialize};

use crate::store::{Counts, ScaleState, Tags, Time, empty};

/// The formation of an app's release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Formation {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) app: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) release: String,
    #[serde(skip_serializing_if = "no_entries")]
    pub(crate) processes: Option<Counts>,
    #[serde(skip_serializing_if = "no_entries")]
    pub(crate) tags: Option<Tags>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

/// Go's `omitempty` for a map: leaves out nil and empty maps.
#[allow(clippy::ref_option, reason = "serde's shape")]
fn no_entries<V>(map: &Option<std::collections::BTreeMap<String, V>>) -> bool {
    map.as_ref().is_none_or(std::collections::BTreeMap::is_empty)
}

/// A request to change a formation.
#[allow(clippy::option_option, reason = "a pointer to a map that can be nil")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ScaleRequest {
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) release: String,
    pub(crate) state: ScaleState,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) old_processes: Counts,
    /// The outer option is the pointer, the inner one the nil map.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(crate) new_processes: Option<Option<Counts>>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) old_tags: Tags,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(crate) new_tags: Option<Option<Tags>>,
    pub(crate) created_at: Option<Time>,
    pub(crate) updated_at: Option<Time>,
}

#[allow(clippy::option_option, reason = "a pointer to a map that can be nil")]
fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(|value| value.map(Some))
}
