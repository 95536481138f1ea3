//! Log sinks.

use serde::Serialize;
use serde_json::json as value;

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::api::streams::{Objects, open_since};
use crate::life::Engine;
use crate::store::{Sink, Time, empty, newest_first, stored_uuid};
use crate::wire::{self, Fail, decode};

/// A new sink, with its configuration as it was sent.
#[derive(Serialize)]
struct NewSink<'a, C> {
    id: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    app_id: &'a str,
    #[serde(skip_serializing_if = "empty")]
    host_managed: bool,
    config: C,
    created_at: Time,
    updated_at: Time,
}

/// `GET /sinks`: a list, or a stream.
pub(crate) fn list_or_stream(engine: &mut Engine, call: &Call<'_>) -> Reply {
    if call.request.header_text("accept").contains("text/event-stream") {
        return Ok(open_since(engine, call, Objects::Sinks));
    }
    let alive = engine.tables.sinks.iter().filter(|sink| !sink.deleted);
    json(&newest_first(alive, |sink| sink.updated_at))
}

/// `GET /sinks/:s`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    json(engine.tables.sink(call.param(0))?)
}

/// `POST /sinks`
pub(crate) fn create(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let mut sink: Sink = decode(engine.dialect.bodies, call.request)?;
    wire::one_of("kind", &sink.kind, engine.dialect.schemas.sink_kinds)?;
    if !engine.dialect.users {
        sink.app_id.clear();
    }
    if let Some(config) = sink.config.as_ref().filter(|config| !config.is_object()) {
        return Err(wire::wrong_type("config", "object", config));
    }
    let id = match sink.id.as_str() {
        "" => engine.new_id("sink", &value!({})),
        given => stored_uuid(given).ok_or_else(Fail::unknown)?,
    };
    if sink.config.is_none() || engine.tables.sinks.iter().any(|other| other.id == id) {
        return Err(Fail::database());
    }
    if sink.id.is_empty() {
        sink.id.clone_from(&id);
    }
    let at = engine.time();
    (sink.created_at, sink.updated_at) = (Some(at), Some(at));
    let row = Sink { id, host_managed: false, ..sink.clone() };
    engine.tables.sinks.push(row);
    engine.event(at, "", "sink", &sink.id, &sink);
    json(&NewSink {
        id: &sink.id,
        kind: &sink.kind,
        app_id: &sink.app_id,
        host_managed: sink.host_managed,
        config: wire::sent(engine.dialect.bodies, call.request, "config"),
        created_at: at,
        updated_at: at,
    })
}

/// `DELETE /sinks/:s`
pub(crate) fn delete(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let sink = engine.tables.sink(call.param(0))?.clone();
    if let Some(row) = engine.tables.sinks.iter_mut().find(|row| row.id == sink.id) {
        row.deleted = true;
    }
    let at = engine.time();
    engine.event(at, "", "sink_deletion", &sink.id, &sink);
    json(&sink)
}
