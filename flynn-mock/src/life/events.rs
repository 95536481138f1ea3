//! Appends events.

use serde::Serialize;

use crate::life::Engine;
use crate::store::{Event, Time};

impl Engine {
    /// Appends an event.
    pub(crate) fn event(
        &mut self,
        at: Time,
        app: &str,
        object_type: &'static str,
        object_id: &str,
        data: &impl Serialize,
    ) {
        self.use_up(object_id);
        self.events.push(Event {
            id: 0,
            app: app.to_owned(),
            object_type,
            object_id: object_id.to_owned(),
            data: serde_json::to_value(data).unwrap_or_default(),
            created_at: at,
        });
        self.version += 1;
    }

    /// Appends an event, unless an event with this key exists.
    pub(crate) fn event_once(
        &mut self,
        key: String,
        at: Time,
        app: &str,
        object_type: &'static str,
        object_id: &str,
        data: &impl Serialize,
    ) {
        if self.events.unique.insert(key) {
            self.event(at, app, object_type, object_id, data);
        }
    }
}
