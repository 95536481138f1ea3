//! Logs.

use http::{HeaderValue, Method, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Ask as _, engine, ok, pass, running_app, send};
use crate::api::answer::Body;
use crate::api::streams::Cursor;
use crate::dialect::ServerAge;
use crate::life::{Engine, Pace};
use crate::wire::Request;

const AGES: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];

fn open(engine: &mut Engine, target: &str, accept: &'static str) -> Cursor {
    let request = Request::new(Method::GET, target)
        .header(header::AUTHORIZATION, HeaderValue::from_static("Basic OmtleQ=="))
        .header(header::ACCEPT, HeaderValue::from_static(accept));
    match engine.handle(&request).body {
        Body::Stream(cursor) => cursor,
        other => panic!("no stream: {other:?}"),
    }
}

fn text(engine: &mut Engine, target: &str) -> String {
    let request = Request::new(Method::GET, target)
        .header(header::AUTHORIZATION, HeaderValue::from_static("Basic OmtleQ=="));
    String::from_utf8(engine.handle(&request).bytes().to_vec()).unwrap()
}

fn messages(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["msg"].clone()).collect()
}

fn frames(engine: &mut Engine, cursor: &mut Cursor) -> (String, bool) {
    let frames = engine.next_frames(cursor);
    (String::from_utf8(frames.bytes.to_vec()).unwrap(), frames.end)
}

#[test]
fn lines_and_filters() {
    for age in AGES {
        let mut engine = engine(age, Pace::Timed);
        running_app(&mut engine, "www");
        let log = "/apps/www/log";
        assert_eq!(text(&mut engine, log).lines().count(), 6);
        assert_eq!(
            messages(&text(&mut engine, &format!("{log}?lines=1"))),
            ["listening on port 8080"]
        );
        for (query, count) in [
            ("lines=0", 0),
            ("lines=-1", 6),
            ("process_type=worker", 2),
            ("process_type=worker&process_type=web", 4),
            ("process_type=", 0),
            ("stream_types=stderr", 0),
            ("stream_types=stderr,stdout", 6),
            ("job_id=nosuch", 0),
            ("process_type=web&lines=3", 3),
        ] {
            let got = text(&mut engine, &format!("{log}?{query}")).lines().count();
            assert_eq!(got, count, "{query}");
        }
        assert_eq!(send(&mut engine, Method::GET, &format!("{log}?lines=x"), "").0, 500);
        let (status, reply) = send(&mut engine, Method::GET, &format!("{log}?lines=10001"), "");
        assert_eq!((status, &reply["detail"]["field"]), (400, &json!("lines")));
    }
}

#[test]
fn server_sent_lines_end_with_eof() {
    let mut engine = engine(ServerAge::V2021, Pace::Timed);
    running_app(&mut engine, "www");
    let mut cursor = open(&mut engine, "/apps/www/log?lines=1", "text/event-stream");
    let (text, end) = frames(&mut engine, &mut cursor);
    assert!(text.starts_with("data: {\"event\":\"message\",\"data\":{\"host_id\":"), "{text}");
    assert!(text.ends_with("}}\n\ndata: {\"event\":\"eof\"}\n\n"), "{text}");
    assert!(end);
}

#[test]
fn followers_see_ticks_and_new_lines() {
    let mut engine = engine(ServerAge::V2016, Pace::Timed);
    let (_, release) = running_app(&mut engine, "www");
    let mut cursor = open(&mut engine, "/apps/www/log?follow=true", "*/*");
    assert_eq!(frames(&mut engine, &mut cursor), (String::new(), false), "old lines unasked for");
    let job = json!({ "release": release, "args": ["hello"] });
    ok(&mut engine, Method::POST, "/apps/www/jobs", &job);
    pass(&mut engine, SignedDuration::from_millis(4100));
    let (text, _) = frames(&mut engine, &mut cursor);
    assert_eq!(messages(&text), ["hello", "tick 1", "tick 2"]);
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first.get("process_type"), None, "a one-off job has no type");
    let mut workers = open(&mut engine, "/apps/www/log?follow=true&process_type=worker", "*/*");
    pass(&mut engine, SignedDuration::from_secs(2));
    assert_eq!(frames(&mut engine, &mut workers).0, "", "the ticking job is a web one");
    engine.options.ticking_log = false;
    pass(&mut engine, SignedDuration::from_secs(4));
    assert_eq!(frames(&mut engine, &mut cursor).0.lines().count(), 0);
}

#[test]
fn a_clock_that_jumps_leaves_the_last_ticks() {
    let mut engine = engine(ServerAge::V2016, Pace::Timed);
    running_app(&mut engine, "www");
    let mut cursor = open(&mut engine, "/apps/www/log?follow=true", "*/*");
    pass(&mut engine, SignedDuration::from_hours(24 * 30));
    let ticks = messages(&frames(&mut engine, &mut cursor).0);
    assert!((1000..=1002).contains(&ticks.len()), "{}", ticks.len());
    assert_eq!(ticks.last().unwrap(), &format!("tick {}", 30 * 24 * 1800));
    engine.advance(jiff::Timestamp::MAX);
    assert!(messages(&frames(&mut engine, &mut cursor).0).len() <= 1002);
}
