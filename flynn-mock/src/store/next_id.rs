//! Ids that a test sets for objects that the mock will create.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The id and other server-generated values of an object that the mock will create, for
/// [`MockController::next_ids`](crate::MockController::next_ids).
///
/// The next object of the kind with the fields that [`like`](Self::like) sets gets the id. If several ids fit an
/// object, it gets the one with the most fields to compare. Only these fields of a new object are compared:
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
/// If the mock generates such a field, it uses the value of `like`: the `name` of an app that was created without one,
/// or the `port` of a TCP route. A job starts on the `host_id` of `like`.
#[derive(Clone, PartialEq)]
#[must_use = "hand it to the mock"]
pub struct NextId {
    kind: String,
    like: Map<String, Value>,
    id: String,
    created_at: Option<Timestamp>,
}

/// Shows the names of the fields of `like`, not their values: an env holds secrets.
impl fmt::Debug for NextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextId")
            .field("kind", &self.kind)
            .field("like", &self.like.keys().collect::<Vec<_>>())
            .field("id", &self.id)
            .field("created_at", &self.created_at)
            .finish()
    }
}

impl NextId {
    /// Creates an id for the next object of this kind.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), like: Map::new(), id: id.into(), created_at: None }
    }

    /// Reserves the id for an object whose field has this value.
    pub fn like(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.like.insert(field.into(), value.into());
        self
    }

    /// Sets the object's time of creation, independent of the clock.
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

    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// Returns the number of fields that it compares with a new object.
    pub(crate) fn compared(&self, new: &Value) -> usize {
        self.like.keys().filter(|field| new.get(field).is_some()).count()
    }

    /// Returns the object as far as it is known.
    pub(crate) fn document(&self) -> Value {
        let mut document = self.like.clone();
        let id = if self.kind == "job" { "uuid" } else { "id" };
        document.entry(id).or_insert(self.id.as_str().into());
        document.into()
    }

    /// Returns a field of `like`.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.like.get(name)
    }
}
