//! Faults on the wire.

use std::time::Duration;

use flynn_mock::{Fault, MockController, Op};
use http::Method;
use http_body_util::BodyExt;
use serde_json::json;

use crate::raw::{Events, call, get, post, request, send};

#[tokio::test]
async fn a_status_strikes_so_often_and_its_operation_only() {
    let mock = MockController::builder().start().await;
    let busy = Fault::status(503).retry(true).retry_after(3);
    let fault = mock.fail_next(Op::AppList, busy).times(2);
    assert_eq!(get(&mock, "/apps/controller").await.status, 200);
    for _ in 0..2 {
        let answer = get(&mock, "/apps").await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.headers["retry-after"], "3");
        assert_eq!(answer.json()["code"], "service_unavailable");
        assert_eq!(answer.json()["retry"], true);
    }
    assert_eq!(get(&mock, "/apps").await.status, 200);
    assert_eq!(fault.hits(), 2);
}

#[tokio::test]
async fn a_fault_on_any_operation_stays_until_it_is_lifted() {
    let mock = MockController::builder().start().await;
    let fault = mock.fail_next(Op::Any, Fault::status(500)).until_lifted();
    for path in ["/apps", "/ping", "/nosuch"] {
        assert_eq!(get(&mock, path).await.status, 500, "{path}");
    }
    fault.lift();
    assert_eq!(get(&mock, "/apps").await.status, 200);
}

#[tokio::test]
async fn a_dropped_connection_has_or_has_not_done_its_work() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::AppCreate, Fault::drop_before());
    let create = || request(&mock, Method::POST, "/apps", r#"{"name":"www"}"#);
    assert!(send(&mock, create()).await.is_err());
    assert_eq!(get(&mock, "/apps/www").await.status, 404);
    mock.fail_next(Op::AppCreate, Fault::drop_after());
    assert!(send(&mock, create()).await.is_err());
    assert_eq!(get(&mock, "/apps/www").await.status, 200);
    mock.requests().of(Op::AppCreate).assert_count(2);
}

#[tokio::test]
async fn a_body_is_cut_or_malformed() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::AppList, Fault::cut_body(10));
    let response = send(&mock, request(&mock, Method::GET, "/apps", "")).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.is_err());
    mock.fail_next(Op::AppGet, Fault::malformed_json());
    let answer = get(&mock, "/apps/controller").await;
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
}

#[tokio::test]
async fn a_delay_is_a_time_of_the_mocks_clock() {
    let mock = MockController::builder().seed(1).start().await;
    mock.fail_next(Op::AppGet, Fault::delay(Duration::from_secs(3600)));
    let mut answer = std::pin::pin!(get(&mock, "/apps/controller"));
    // It waits for the clock ...
    while mock.requests().is_empty() {
        tokio::select! {
            _ = &mut answer => panic!("answered before its time"),
            () = tokio::task::yield_now() => {}
        }
    }
    // ... and only for the clock.
    mock.advance(Duration::from_secs(3601));
    assert_eq!(answer.await.status, 200);
}

#[tokio::test]
async fn streams_fall_silent_break_and_report_errors() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::EventList, Fault::silent_stream());
    let mut silent = Events::open(&mock, "/events", None).await;
    mock.fail_next(Op::EventList, Fault::error_frame("listener lost"));
    let mut failing = Events::open(&mock, "/events", None).await;
    assert_eq!(failing.line().await.unwrap(), "event: error");
    assert_eq!(failing.line().await.unwrap(), "data: listener lost");
    assert_eq!(failing.line().await, None);
    let mut sound = Events::open(&mock, "/events", None).await;
    post(&mock, "/apps", json!({"name": "www"})).await;
    assert_eq!(sound.until(|event| event["object_type"] == "app").await["data"]["name"], "www");
    let heard = tokio::time::timeout(Duration::from_millis(20), silent.line()).await;
    assert!(heard.is_err(), "{heard:?}");
}

#[tokio::test]
async fn a_cut_stream_breaks_after_its_bytes() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::EventList, Fault::cut_body(40));
    let mut request = request(&mock, Method::GET, "/events?past=true", "");
    request.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
    let mut body = send(&mock, request).await.unwrap().into_body();
    let mut bytes = 0;
    let broken = loop {
        match body.frame().await {
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, bytes::Bytes::len),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    assert!(broken);
    assert_eq!(bytes, 40);
}

#[tokio::test]
async fn lifting_all_faults_leaves_none() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::Any, Fault::status(502)).until_lifted();
    assert_eq!(call(&mock, Method::GET, "/ping", "").await.status, 502);
    mock.lift_faults();
    assert_eq!(get(&mock, "/ping").await.status, 200);
}

#[tokio::test]
async fn any_answer_can_begin_and_say_nothing_more() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::Backup, Fault::silent_stream());
    let response = send(&mock, request(&mock, Method::GET, "/backup", "")).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let silence = tokio::time::timeout(Duration::from_millis(50), body.frame()).await;
    assert!(silence.is_err(), "it said something");
}

#[tokio::test]
async fn a_stream_can_send_a_broken_document() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::EventList, Fault::malformed_json());
    let mut events = Events::open(&mock, "/events", None).await;
    let line = events.line().await.unwrap();
    let document = line.strip_prefix("data: ").unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(document).is_err(), "{line}");
}

#[tokio::test]
async fn an_error_frame_spares_lists_and_a_path_the_others() {
    let mock = MockController::builder().start().await;
    let fault = mock.fail_next(Op::EventList, Fault::error_frame("gone"));
    let mut list = request(&mock, Method::GET, "/events?count=1", "");
    list.headers_mut().insert("accept", "application/json".parse().unwrap());
    let body = send(&mock, list).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert!(serde_json::from_slice::<Vec<serde_json::Value>>(&body).is_ok());
    assert_eq!(fault.hits(), 0);
    let mut events = Events::open(&mock, "/events", None).await;
    assert_eq!(events.line().await.unwrap(), "event: error");
    assert_eq!(fault.hits(), 1);

    mock.fail_next(Op::AppGet, Fault::status(500)).on_path("/apps/router");
    assert_eq!(get(&mock, "/apps/controller").await.status, 200);
    assert_eq!(get(&mock, "/apps/router").await.status, 500);
}

#[test]
#[should_panic(expected = "AppList has no stream")]
fn an_error_frame_needs_a_stream() {
    let mock = MockController::builder().start_blocking();
    mock.fail_next(Op::AppList, Fault::error_frame("gone"));
}

#[test]
#[should_panic(expected = "cannot say whether to retry")]
fn only_an_error_body_says_whether_to_retry() {
    let _ = Fault::drop_before().retry(true);
}
