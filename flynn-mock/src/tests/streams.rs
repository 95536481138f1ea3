//! Streams.

use http::{HeaderValue, Method, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Ask as _, engine, ok, pass, running_app};
use crate::api::answer::Body;
use crate::api::streams::Cursor;
use crate::dialect::ServerAge;
use crate::life::{Engine, Pace};
use crate::wire::Request;

fn open(engine: &mut Engine, target: &str) -> Cursor {
    let request = Request::new(Method::GET, target)
        .header(header::AUTHORIZATION, HeaderValue::from_static("Basic OmtleQ=="))
        .header(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    match engine.handle(&request).body {
        Body::Stream(cursor) => cursor,
        other => panic!("no stream: {other:?}"),
    }
}

fn text(engine: &mut Engine, cursor: &mut Cursor) -> (String, bool) {
    let frames = engine.next_frames(cursor);
    (String::from_utf8(frames.bytes.to_vec()).unwrap(), frames.end)
}

fn documents(engine: &mut Engine, cursor: &mut Cursor) -> Vec<Value> {
    let (text, end) = text(engine, cursor);
    assert!(!end, "{text}");
    text.lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect()
}

#[test]
fn without_a_time_there_is_an_error_frame() {
    for target in ["/formations", "/volumes", "/sinks"] {
        let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
        let mut cursor = open(&mut engine, target);
        let (text, end) = text(&mut engine, &mut cursor);
        assert!(end && text.starts_with("event: error\ndata: parsing time \"\" as "), "{text}");
    }
}

#[test]
fn a_backlog_its_end_and_what_follows() {
    let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
    let sink = |url: &str| json!({ "kind": "syslog", "config": { "url": url } });
    let a = ok(&mut engine, Method::POST, "/sinks", &sink("a"));
    let b = ok(&mut engine, Method::POST, "/sinks", &sink("b"));
    let mut cursor = open(&mut engine, "/sinks?since=2016-01-01T00:00:00Z");
    let marker = json!({ "id": "", "kind": "" });
    assert_eq!(documents(&mut engine, &mut cursor), [b.clone(), a.clone(), marker.clone()]);
    let c = ok(&mut engine, Method::POST, "/sinks", &sink("c"));
    assert_eq!(documents(&mut engine, &mut cursor), [c]);
    let delete = |engine: &mut Engine, sink: &Value| {
        let target = format!("/sinks/{}", sink["id"].as_str().unwrap());
        ok(engine, Method::DELETE, &target, &json!({}));
    };
    delete(&mut engine, &a);
    assert_eq!(
        documents(&mut engine, &mut cursor),
        [] as [Value; 0],
        "older than the backlog's newest"
    );
    delete(&mut engine, &b);
    let mut gone = b.clone();
    gone.as_object_mut().unwrap().remove("config");
    assert_eq!(documents(&mut engine, &mut cursor), [gone]);
    let now = b["updated_at"].as_str().unwrap();
    let mut later = open(&mut engine, &format!("/sinks?since={now}"));
    assert_eq!(documents(&mut engine, &mut later).last(), Some(&marker));
}

#[test]
fn formations_follow_their_scale() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mut engine = engine(age, Pace::Timed);
        let (app, release) = running_app(&mut engine, "www");
        let mut cursor = open(&mut engine, "/formations?since=2100-01-01T00:00:00Z");
        assert_eq!(
            documents(&mut engine, &mut cursor),
            [json!({ "updated_at": "0001-01-01T00:00:00Z" })]
        );
        let mut cursor = open(&mut engine, "/formations?since=2015-01-01T00:00:00Z");
        let backlog = documents(&mut engine, &mut cursor);
        assert_eq!(backlog[0]["app"]["id"], app, "the latest first");
        let target = format!("/apps/www/formations/{release}");
        ok(&mut engine, Method::PUT, &target, &json!({ "processes": { "web": 1 } }));
        let next = documents(&mut engine, &mut cursor);
        assert_eq!(next[0]["processes"]["web"], 1, "{age:?}");
    }
}

#[test]
fn comments_and_shutdowns() {
    let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
    let mut cursor = open(&mut engine, "/volumes?since=2100-01-01T00:00:00Z");
    documents(&mut engine, &mut cursor);
    pass(&mut engine, SignedDuration::from_secs(61));
    assert_eq!(text(&mut engine, &mut cursor), (":\n:\n".to_owned(), false));
    engine.end_streams("controller: shutting down");
    let frame = "event: error\ndata: controller: shutting down\n\n".to_owned();
    assert_eq!(text(&mut engine, &mut cursor), (frame, true));
}
