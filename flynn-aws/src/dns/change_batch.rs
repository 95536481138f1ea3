//! `ChangeBatch` as `aws route53 change-resource-record-sets --change-batch` takes it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Domain;

/// Changes that Route53 makes together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ChangeBatch {
    /// A comment of 256 characters at most.
    pub comment: String,
    /// The changes.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Change {
    /// What to do.
    pub action: ChangeAction,
    /// The records.
    pub resource_record_set: ResourceRecordSet,
}

/// What a [`Change`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum ChangeAction {
    /// Creates a set that does not exist yet.
    Create,
    /// Deletes a set, which must be given exactly as it is.
    Delete,
    /// Creates a set, or replaces the one with the same name, type and set identifier.
    Upsert,
}

/// Records of one name and type; with a set identifier, one of several such sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ResourceRecordSet {
    /// The full name with its final dot.
    pub name: String,
    /// The type, such as `A`, `AAAA` or `CNAME`.
    pub r#type: String,
    /// Tells sets of one name and type apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_identifier: Option<String>,
    /// The share of the answers, 0 to 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    /// Whether the set is one of the up to eight that one answer contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_value_answer: Option<bool>,
    /// How long resolvers may cache an answer, in seconds. Aliases have none.
    #[serde(rename = "TTL", default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// The values. Aliases have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_records: Vec<ResourceRecord>,
    /// The health check that removes the set from the answers while it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_id: Option<String>,
    /// Everything else that a set of a zone has, such as `AliasTarget`. A `DELETE` needs it.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One value of a record set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ResourceRecord {
    /// An IP address or a name.
    pub value: String,
}

impl ChangeBatch {
    pub(super) fn of(domain: &Domain, changes: Vec<Change>) -> Self {
        // 256 characters at most, and a domain can have 240.
        let domain = domain.as_str();
        let comment = format!("Flynn cluster {}", domain.get(..200).unwrap_or(domain));
        Self { comment, changes }
    }

    /// Returns the batch as indented JSON.
    pub fn to_json(&self) -> String {
        crate::json::pretty(self)
    }

    /// Returns how many record values Route53 counts: those of an `UPSERT` count twice. It takes 1,000 at most.
    pub fn counted_records(&self) -> usize {
        let of = |change: &Change| {
            let values = change.resource_record_set.resource_records.len().max(1);
            if change.action == ChangeAction::Upsert { 2 * values } else { values }
        };
        self.changes.iter().map(of).sum()
    }
}
