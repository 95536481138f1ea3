//! The order of keys in Postgres' `jsonb`.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// Writes a document as a column of the type `jsonb` returns it: with the keys of each object sorted by length, then by
/// bytes.
#[allow(clippy::ref_option, reason = "serde's shape")]
pub(crate) fn jsonb<S: Serializer>(document: &Option<Value>, to: S) -> Result<S::Ok, S::Error> {
    document.as_ref().map(Jsonb).serialize(to)
}

/// Like [`jsonb`], for a list of documents.
pub(crate) fn jsonb_list<S: Serializer>(documents: &[Value], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(documents.iter().map(Jsonb))
}

/// Like [`jsonb`], for a document that is always there.
pub(crate) fn jsonb_value<S: Serializer>(document: &Value, to: S) -> Result<S::Ok, S::Error> {
    Jsonb(document).serialize(to)
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
