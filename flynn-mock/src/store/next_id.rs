//! Ids that the mock is handed for objects that it has yet to create.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The id, and what else a server makes up, of an object that the mock has yet to create. Handed to
/// [`MockController::next_ids`](crate::MockController::next_ids).
///
/// The next object of the kind that is like this one gets the id; where several ids fit an object,
/// the one that names most fields. These fields of a new object are
/// compared; one that [`like`](Self::like) leaves out may have any value:
///
/// | kind | fields |
/// |---|---|
/// | `app` | `name` |
/// | `artifact` | `uri` |
/// | `certificate` | `cert` |
/// | `deployment` | `app`, `new_release` |
/// | `job` | `app`, `release`, `type` (empty for a one-off job) |
/// | `managed_certificate` | `domain` |
/// | `provider` | `name` |
/// | `release` | `app_id` (since 2021), `env` |
/// | `resource` | `provider`, `external_id` |
/// | `route` | `type`, `service`, `domain`, `port` |
/// | `scale_request` | `app`, `release` |
/// | `volume` | `app`, `release`, `job_type`, `path`, `host_id` |
/// | `cluster_backup`, `domain_migration`, `sink` | none |
///
/// Where the mock makes up such a field itself, it takes the value of `like`: the `name` of an app
/// that was created without one, the `port` of a tcp route. A job starts on the `host_id` of `like`.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "hand it to the mock"]
pub struct NextId {
    kind: String,
    like: Map<String, Value>,
    id: String,
    created_at: Option<Timestamp>,
}

impl NextId {
    /// The id of the next object of this kind.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), like: Map::new(), id: id.into(), created_at: None }
    }

    /// Keeps the id for an object whose field has this value.
    pub fn like(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.like.insert(field.into(), value.into());
        self
    }

    /// Sets when the object is created, whatever the clock shows then.
    pub fn created_at(mut self, time: Timestamp) -> Self {
        self.created_at = Some(time);
        self
    }

    /// Returns whether a new object gets the id.
    pub(crate) fn fits(&self, kind: &str, new: &Value) -> bool {
        let same =
            |(field, value): (&String, &Value)| new.get(field).is_none_or(|own| own == value);
        self.kind == kind && self.like.iter().all(same)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// How many fields it names.
    pub(crate) fn named(&self) -> usize {
        self.like.len()
    }

    /// A field of `like`.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.like.get(name)
    }
}
