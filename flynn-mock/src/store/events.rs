//! The event log.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::store::{Time, jsonb_value};

/// One event.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event {
    pub(crate) id: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) app: String,
    pub(crate) object_type: &'static str,
    pub(crate) object_id: String,
    #[serde(serialize_with = "jsonb_value")]
    pub(crate) data: Value,
    pub(crate) created_at: Time,
}

/// All events, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventLog {
    pub(crate) events: Vec<Event>,
    pub(crate) unique: BTreeSet<String>,
}

impl EventLog {
    pub(crate) fn push(&mut self, mut event: Event) {
        event.id = self.last_id() + 1;
        self.events.push(event);
    }

    /// Returns the id of the newest event; 0 if there is none.
    pub(crate) fn last_id(&self) -> u64 {
        self.events.last().map_or(0, |event| event.id)
    }

    /// Returns the events after this id, oldest first.
    pub(crate) fn after(&self, id: u64) -> &[Event] {
        let from = self.events.partition_point(|event| event.id <= id);
        self.events.get(from..).unwrap_or_default()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Event> {
        self.after(id.checked_sub(1)?).first().filter(|event| event.id == id)
    }
}
