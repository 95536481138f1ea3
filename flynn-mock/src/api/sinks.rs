//! Log sinks: where the logs of all apps are sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::streams::Objects;
use crate::calls::Call;
use crate::engine::Engine;
use crate::store::ids::stored_uuid;
use crate::store::state::{State, newest_first};
use crate::wire::{self, Fail, Reply, Time, decode, empty, json};

/// A log sink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sink {
    pub(crate) id: String,
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "empty")]
    host_managed: bool,
    #[serde(skip_serializing_if = "empty")]
    #[serde(serialize_with = "wire::jsonb")]
    pub(crate) config: Option<Value>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

impl State {
    /// The sink with this id, even a deleted one.
    fn sink(&self, id: &str) -> Result<&Sink, Fail> {
        let id = stored_uuid(id).ok_or(Fail::NotFound)?;
        self.sinks.iter().find(|sink| sink.id == id).ok_or(Fail::NotFound)
    }
}

impl Engine {
    /// `GET /sinks`: a list, or a stream.
    pub(crate) fn list_or_stream_sinks(&mut self, call: &Call<'_>) -> Reply {
        if call.request.header_text("accept").contains("text/event-stream") {
            return Ok(self.open_since(call, Objects::Sinks));
        }
        let alive = self.state.sinks.iter().filter(|sink| !sink.deleted);
        json(&newest_first(alive, |sink| sink.updated_at))
    }

    /// `GET /sinks/:s`
    pub(crate) fn get_sink(&mut self, call: &Call<'_>) -> Reply {
        json(self.state.sink(call.param(0))?)
    }

    /// `POST /sinks`
    pub(crate) fn create_sink(&mut self, call: &Call<'_>) -> Reply {
        let mut sink: Sink = decode(self.options.age, call.request)?;
        wire::one_of("kind", &sink.kind, &["syslog"])?;
        if let Some(config) = sink.config.as_ref().filter(|config| !config.is_object()) {
            return Err(wire::wrong_type("config", "object", config));
        }
        let id = match sink.id.as_str() {
            "" => self.ids.uuid(),
            given => stored_uuid(given).ok_or_else(Fail::unknown)?,
        };
        if sink.config.is_none() || self.state.sinks.iter().any(|other| other.id == id) {
            return Err(Fail::database());
        }
        if sink.id.is_empty() {
            sink.id.clone_from(&id);
        }
        let at = self.time();
        (sink.created_at, sink.updated_at) = (Some(at), Some(at));
        let row = Sink { id, host_managed: false, ..sink.clone() };
        self.state.sinks.push(row);
        self.event(at, "", "sink", &sink.id, &sink);
        json(&sink)
    }

    /// `DELETE /sinks/:s`
    pub(crate) fn delete_sink(&mut self, call: &Call<'_>) -> Reply {
        let sink = self.state.sink(call.param(0))?.clone();
        if let Some(row) = self.state.sinks.iter_mut().find(|row| row.id == sink.id) {
            row.deleted = true;
        }
        let at = self.time();
        self.event(at, "", "sink_deletion", &sink.id, &sink);
        json(&sink)
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use crate::engine::{Pace, ServerAge};
    use crate::tests::{engine, ok, send};

    #[test]
    fn a_deleted_sink_is_only_forgotten_by_the_list() {
        let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
        let body =
            json!({ "kind": "syslog", "config": { "url": "syslog://a" }, "host_managed": true });
        let made = ok(&mut engine, Method::POST, "/sinks", &body);
        assert_eq!(made["host_managed"], true, "echoed");
        let target = format!("/sinks/{}", made["id"].as_str().unwrap());
        let stored = engine.read(&target).unwrap();
        assert_eq!(stored.get("host_managed"), None, "not stored");
        assert_eq!(engine.read("/sinks").unwrap(), json!([stored]));
        for _ in 0..2 {
            assert_eq!(ok(&mut engine, Method::DELETE, &target, &json!({})), stored);
        }
        assert_eq!(engine.read("/sinks").unwrap(), json!([]));
        assert_eq!(engine.read(&target).unwrap(), stored);
        let events = engine.read("/events?object_types=sink,sink_deletion").unwrap();
        assert_eq!(events.as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn errors() {
        let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
        let id = "11111111-1111-4111-8111-111111111111";
        let good = json!({ "id": id, "kind": "syslog", "config": {} });
        ok(&mut engine, Method::POST, "/sinks", &good);
        for (body, status, said) in [
            (
                json!({}),
                400,
                "kind Enum error. The data must be equal to one of these values [syslog].",
            ),
            (
                json!({ "kind": "syslog", "config": "x" }),
                400,
                "config Value must be one of these types: [object]. Got string",
            ),
            (json!({ "kind": "syslog", "config": null }), 500, "Something went wrong"),
            (json!({ "kind": "syslog", "config": {}, "id": "x" }), 500, "Something went wrong"),
            (good.clone(), 500, "Something went wrong"),
        ] {
            let (got, reply) = send(&mut engine, Method::POST, "/sinks", &body.to_string());
            assert_eq!((got, reply["message"].as_str()), (status, Some(said)), "{body}");
        }
        for target in ["/sinks/nosuch", "/sinks/00000000-0000-0000-0000-000000000000"] {
            for method in [Method::GET, Method::DELETE] {
                assert_eq!(send(&mut engine, method, target, "").0, 404);
            }
        }
    }

    #[test]
    fn in_2016_there_are_none() {
        let mut engine = engine(ServerAge::V2016, Pace::AtOnce);
        for (method, target) in
            [(Method::GET, "/sinks"), (Method::POST, "/sinks"), (Method::GET, "/volumes")]
        {
            assert_eq!(send(&mut engine, method, target, "{}").0, 404);
        }
    }
}
