//! Sinks.

use http::Method;
use serde_json::json;

use super::{Ask as _, engine, ok, send};
use crate::dialect::ServerAge;
use crate::life::Pace;

#[test]
fn a_deleted_sink_is_only_forgotten_by_the_list() {
    let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
    let body = json!({ "kind": "syslog", "config": { "url": "syslog://a" }, "host_managed": true });
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
fn servers_of_2016_have_no_sinks_or_volumes() {
    let mut engine = engine(ServerAge::V2016, Pace::AtOnce);
    for (method, target) in
        [(Method::GET, "/sinks"), (Method::POST, "/sinks"), (Method::GET, "/volumes")]
    {
        assert_eq!(send(&mut engine, method, target, "{}").0, 404);
    }
}
