//! The order of keys in documents that a real server stores as `jsonb`, or sends back as they came.

use flynn_mock::{MockController, ServerAge};
use http::Method;
use serde_json::json;

use crate::raw::{Events, call, get, post};

#[tokio::test]
async fn a_new_sink_is_answered_as_it_was_sent_and_stored_in_the_order_of_jsonb() {
    for age in [ServerAge::V2021, ServerAge::Fork2026June, ServerAge::Fork2026September] {
        let mock = MockController::builder().server(age).start().await;
        let mut events = Events::open(&mock, "/events?object_types=sink", None).await;
        let since = "/sinks?since=2020-01-01T00:00:00Z";
        let mut sinks = Events::open(&mock, since, None).await;
        assert_eq!(sinks.line().await.unwrap(), r#"data: {"id":"","kind":""}"#);

        let body = r#"{"kind": "syslog", "config": {"prefix": "p", "url": "syslog://a", "b": {"z": 1, "a": 2}}}"#;
        let made = call(&mock, Method::POST, "/sinks", body).await;
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let made = String::from_utf8(made.body.to_vec()).unwrap();
        let (_, times) = made.split_once(r#","created_at""#).unwrap();
        let sink = |config: &str| {
            format!(r#"{{"id":"{id}","kind":"syslog","config":{config},"created_at"{times}"#)
        };
        assert_eq!(made, sink(r#"{"prefix":"p","url":"syslog://a","b":{"z":1,"a":2}}"#));
        let stored = sink(r#"{"b":{"a":2,"z":1},"url":"syslog://a","prefix":"p"}"#);
        assert_eq!(get(&mock, &format!("/sinks/{id}")).await.body, stored);
        assert_eq!(sinks.line().await.unwrap(), format!("data: {stored}"));
        let event = events.line().await.unwrap();
        assert!(event.contains(&format!(r#""data":{stored},"created_at""#)), "{event}");
    }
}

#[tokio::test]
async fn the_data_of_events_has_short_keys_first() {
    let mock = MockController::builder().start().await;
    let mut events = Events::open(&mock, "/events?object_types=app", None).await;
    let meta = json!({"long": "", "b": "", "ab": ""});
    let app = post(&mock, "/apps", json!({"name": "www", "meta": meta})).await;
    let event = events.line().await.unwrap();
    let start = format!(r#""data":{{"id":{},"meta":{{"b":"","ab":"","long":"","#, app["id"]);
    assert!(event.contains(&start), "{event}");
    let order = ["name", "strategy", "created_at", "updated_at", "deploy_timeout"];
    let at = order.map(|key| event.find(&format!(r#""{key}":"#)));
    assert!(at.is_sorted() && at[0].is_some(), "{event}");
}

#[tokio::test]
async fn errors_have_the_order_of_the_real_server() {
    let mock = MockController::builder().start().await;
    post(&mock, "/apps", json!({"name": "www"})).await;
    let route =
        r#"{"type":"http","service":"<www>","domain":"www.example.com","drain_backends":true}"#;
    let refused = call(&mock, Method::POST, "/apps/www/routes", route).await;
    let text = String::from_utf8(refused.body.to_vec()).unwrap();
    let start =
        r#"{"code":"conflict","message":"Duplicate route","detail":{"type":"http","parent_ref":"#;
    assert!(text.starts_with(start) && text.ends_with(r#"},"retry":false}"#), "{text}");
    assert!(text.contains(r#""service":"\u003cwww\u003e""#), "{text}");
    let invalid = get(&mock, "/events?count=abc").await;
    assert_eq!(
        invalid.body,
        r#"{"code":"validation_error","message":"count is invalid","detail":{"field":"count"},"retry":false}"#
    );
}

#[tokio::test]
async fn a_stream_of_volumes_has_the_order_of_an_answer() {
    let app = flynn_mock::AppSeed::new("www").process("db", 1).process_data("db");
    let mock = MockController::builder().app(app).start().await;
    let mut volumes = Events::open(&mock, "/volumes?since=2020-01-01T00:00:00Z", None).await;
    let first = volumes.line().await.unwrap();
    let list = String::from_utf8(get(&mock, "/volumes").await.body.to_vec()).unwrap();
    assert!(list.contains(first.strip_prefix("data: ").unwrap()), "{first} is not in {list}");
    while let Some(line) = volumes.line().await {
        if line.contains(r#""id":"""#) {
            assert_eq!(line, r#"data: {"id":"","host_id":"","type":"","state":""}"#);
            break;
        }
    }
}
