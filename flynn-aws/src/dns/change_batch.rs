//! `ChangeBatch` as `aws route53 change-resource-record-sets --change-batch` takes it.

use serde::{Deserialize, Serialize};

/// Changes that Route53 makes together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ChangeBatch {
    /// A remark, 256 characters at most.
    pub comment: String,
    /// The changes.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Change {
    /// `UPSERT`: create, or replace what has the same name, type and set identifier.
    pub action: String,
    /// The records.
    pub resource_record_set: ResourceRecordSet,
}

/// Records of one name and type; with a set identifier, one of several such sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ResourceRecordSet {
    /// The full name with its final dot.
    pub name: String,
    /// `A`, `AAAA` or `CNAME`.
    pub r#type: String,
    /// Tells sets of one name and type apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_identifier: Option<String>,
    /// The share of the answers, 0 to 255.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    /// Whether the set is one of up to eight that an answer carries together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_value_answer: Option<bool>,
    /// Seconds for which an answer may be kept.
    #[serde(rename = "TTL")]
    pub ttl: u32,
    /// The values.
    pub resource_records: Vec<ResourceRecord>,
    /// The health check that takes the set out of the answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check_id: Option<String>,
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
    /// The batch as indented JSON.
    pub fn to_json(&self) -> String {
        crate::json::pretty(self)
    }
}
