//! Live streams: replay, resume, keep-alive, end.

use std::time::Duration;

use flynn_mock::{MockController, Pace, ServerAge};
use http::Method;
use serde_json::json;

use crate::raw::{Events, call, post, put, release};

#[tokio::test]
async fn events_come_live() {
    let mock = MockController::builder().start().await;
    let mut events = Events::open(&mock, "/events?object_types=app", None).await;
    for name in ["a", "b"] {
        post(&mock, "/apps", json!({"name": name})).await;
        assert_eq!(events.event().await["data"]["name"], name);
    }
}

#[tokio::test]
async fn delayed_events_arrive_without_another_request() {
    let mock = MockController::builder().pace(Pace::Timed).start().await;
    let mut events = Events::open(&mock, "/events?object_types=app_deletion", None).await;
    post(&mock, "/apps", json!({"name": "a"})).await;
    assert_eq!(call(&mock, Method::DELETE, "/apps/a", "").await.status, 200);
    let event = tokio::time::timeout(Duration::from_secs(60), events.event()).await;
    assert_eq!(event.expect("an event")["object_type"], "app_deletion");
}

#[tokio::test]
async fn missed_events_are_replayed_then_the_stream_goes_on() {
    let mock = MockController::builder().start().await;
    let mut events = Events::open(&mock, "/events?object_types=app", None).await;
    post(&mock, "/apps", json!({"name": "a"})).await;
    let first = events.event().await["id"].as_u64().unwrap();
    drop(events);
    post(&mock, "/apps", json!({"name": "b"})).await;
    let mut events = Events::open(&mock, "/events?object_types=app", Some(first)).await;
    assert_eq!(events.event().await["data"]["name"], "b");
    post(&mock, "/apps", json!({"name": "c"})).await;
    assert_eq!(events.event().await["data"]["name"], "c");
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive_on_the_mocks_clock() {
    let mock = MockController::builder().seed(1).start().await;
    let mut events = Events::open(&mock, "/events?object_types=nosuch", None).await;
    mock.settled().await;
    mock.advance(Duration::from_secs(31));
    assert_eq!(events.line().await.unwrap(), ":");
    mock.advance(Duration::from_secs(31));
    assert_eq!(events.line().await.unwrap(), ":");
}

#[tokio::test]
async fn in_2016_the_event_of_a_new_apps_route_comes_after_its_release() {
    for (age, route_first) in [(ServerAge::V2016, false), (ServerAge::V2021, true)] {
        let mock = MockController::builder()
            .server(age)
            .bootstrapped("d.test")
            .pace(Pace::Timed)
            .seed(1)
            .start()
            .await;
        let types = "object_types=app,route,app_release";
        let mut events = Events::open(&mock, &format!("/events?{types}"), None).await;
        let app = post(&mock, "/apps", json!({"name": "www"})).await;
        let release = release(&mock, &app, json!({})).await;
        put(&mock, "/apps/www/release", json!({"id": release["id"]})).await;
        mock.advance(Duration::from_millis(20));
        let mut kinds = Vec::new();
        for _ in 0..3 {
            kinds.push(events.event().await["object_type"].as_str().unwrap().to_owned());
        }
        let rest = if route_first { ["route", "app_release"] } else { ["app_release", "route"] };
        assert_eq!(kinds[0], "app", "{age:?}");
        assert_eq!(kinds[1..], rest, "{age:?}");
    }
}

#[tokio::test]
async fn a_shutdown_ends_the_streams() {
    let mock = MockController::builder().start().await;
    let mut events = Events::open(&mock, "/events", None).await;
    mock.end_streams();
    let mut lines = Vec::new();
    while let Some(line) = events.line().await {
        lines.push(line);
    }
    assert_eq!(lines, ["event: error", "data: controller: shutting down"]);
}

#[tokio::test]
async fn settled_means_all_is_sent() {
    let mock = MockController::builder().start().await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(Events::open(&mock, "/events?object_types=app", None).await);
    }
    post(&mock, "/apps", json!({"name": "a"})).await;
    mock.settled().await;
    for stream in &mut streams {
        assert_eq!(stream.event().await["data"]["name"], "a");
    }
}
