//! Log sinks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Engine;
use super::ids::is_uuid;
use super::routing::Call;
use super::state::newest_first;
use super::streams::Objects;
use super::wire::{self, Fail, Reply, Time, decode, empty, json};

/// A log sink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sink {
    pub(crate) id: String,
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "empty")]
    host_managed: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) config: Option<Value>,
    #[serde(skip_serializing_if = "empty")]
    created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

impl Engine {
    /// `GET /sinks`: a list or a stream.
    pub(crate) fn list_or_stream_sinks(&mut self, call: &Call<'_>) -> Reply {
        if call.request.header_text("accept").contains("text/event-stream") {
            return Ok(self.open_since(call, Objects::Sinks));
        }
        let alive = self.state.sinks.iter().filter(|sink| !sink.deleted);
        json(&newest_first(alive, |sink| sink.updated_at))
    }

    /// `GET /sinks/:s`: deleted ones too.
    pub(crate) fn get_sink(&mut self, call: &Call<'_>) -> Reply {
        json(self.sink(call)?)
    }

    fn sink(&self, call: &Call<'_>) -> Result<&Sink, Fail> {
        let id = call.param(0);
        self.state.sinks.iter().find(|sink| sink.id == id).ok_or(Fail::NotFound)
    }

    /// `POST /sinks`
    pub(crate) fn create_sink(&mut self, call: &Call<'_>) -> Reply {
        let mut sink: Sink = decode(self.options.age, call.request)?;
        wire::one_of("kind", &sink.kind, &["syslog"])?;
        if let Some(other) = sink.config.as_ref().filter(|config| !config.is_object()) {
            return Err(wire::wrong_type("config", "object", other));
        }
        if sink.id.is_empty() {
            sink.id = self.ids.uuid();
        } else if !is_uuid(&sink.id) {
            return Err(Fail::unknown());
        }
        let taken = self.state.sinks.iter().any(|other| other.id == sink.id);
        if sink.config.is_none() || taken {
            return Err(Fail::database());
        }
        let at = self.time();
        (sink.created_at, sink.updated_at) = (Some(at), Some(at));
        // Whether a host manages it is echoed, not stored.
        self.state.sinks.push(Sink { host_managed: false, ..sink.clone() });
        self.event(at, "", "sink", &sink.id, &sink);
        json(&sink)
    }

    /// `DELETE /sinks/:s`: answers the object, again and again.
    pub(crate) fn delete_sink(&mut self, call: &Call<'_>) -> Reply {
        let sink = self.sink(call)?.clone();
        if let Some(row) = self.state.sinks.iter_mut().find(|row| row.id == sink.id) {
            row.deleted = true;
        }
        let at = self.time();
        self.event(at, "", "sink_deletion", &sink.id, &sink);
        json(&sink)
    }
}
