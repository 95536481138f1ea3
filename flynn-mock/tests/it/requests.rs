//! The record of requests and their answers.

use std::time::Duration;

use flynn_mock::{Fault, MockController, Op, RecordedRequest};
use http::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::raw::{Events, call, get, request, send};

/// The status and the body of a recorded answer; an empty status means that the connection broke.
fn answer(request: &RecordedRequest) -> (Option<u16>, String) {
    let answer = request.answer().expect("it is answered");
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    (answer.status.map(|status| status.as_u16()), body)
}

#[tokio::test]
async fn answers_are_recorded_as_they_were_sent() {
    let mock = MockController::builder().start().await;
    let made = call(&mock, Method::POST, "/apps", r#"{"name":"www"}"#).await;
    let lost = get(&mock, "/apps/nosuch").await;
    let head = call(&mock, Method::HEAD, "/apps", "").await;
    let recorded = mock.requests();
    let answers: Vec<_> = recorded.iter().map(answer).collect();
    for (sent, recorded) in [made, lost, head].iter().zip(answers) {
        let body = String::from_utf8(sent.body.to_vec()).unwrap();
        assert_eq!(recorded, (Some(sent.status.as_u16()), body));
    }
    let made = recorded.of(Op::AppCreate).assert_one().answer().unwrap().json();
    assert_eq!(made["name"], "www");
}

#[tokio::test]
async fn the_answers_of_faults_are_recorded() {
    let mock = MockController::builder().start().await;
    let whole = get(&mock, "/apps/controller").await.body;
    let whole = std::str::from_utf8(&whole).unwrap();
    for (fault, status, body) in [
        (Fault::answer(418, "mine"), Some(418), "mine"),
        (Fault::drop_before(), None, ""),
        (Fault::drop_after(), None, ""),
        (Fault::cut_body(10), Some(200), &whole[..10]),
        (Fault::malformed_json(), Some(200), &whole[..whole.len() / 2]),
        (Fault::silent_stream(), Some(200), ""),
    ] {
        mock.clear_requests();
        mock.fail_next(Op::AppGet, fault);
        let response = send(&mock, request(&mock, Method::GET, "/apps/controller", "")).await;
        let got = response.ok().map(|response| response.status().as_u16());
        assert_eq!(answer(mock.requests().assert_one()), (status, body.to_owned()));
        assert_eq!(got, status);
    }
}

#[tokio::test]
async fn a_stream_is_recorded_when_it_opens() {
    let mock = MockController::builder().start().await;
    let _events = Events::open(&mock, "/events", None).await;
    assert_eq!(answer(mock.requests().assert_one()), (Some(200), String::new()));
}

#[tokio::test]
async fn a_client_that_leaves_gets_no_answer() {
    let start = flynn_mock::jiff::Timestamp::UNIX_EPOCH;
    let mock = MockController::builder().clock(start).start().await;
    mock.fail_next(Op::AppList, Fault::delay(Duration::from_secs(3)));
    let mut client = TcpStream::connect(mock.addr()).await.unwrap();
    client.write_all(b"GET /apps HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    mock.wait_for(Op::AppList, 1).await;
    assert!(mock.requests().assert_one().answer().is_none());

    drop(client);
    while mock.requests().assert_one().answer().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(answer(mock.requests().assert_one()), (None, String::new()));
}

#[tokio::test]
async fn bodies_are_decoded_into_types() {
    #[derive(serde::Deserialize)]
    struct NewApp {
        name: String,
    }
    let mock = MockController::builder().start().await;
    call(&mock, Method::POST, "/apps", r#"{"name":"www"}"#).await;
    let requests = mock.requests();
    let app: NewApp = requests.assert_one().body_as();
    assert_eq!(app.name, "www");
    let decode = || requests.assert_one().body_as::<Vec<NewApp>>();
    assert!(std::panic::catch_unwind(decode).is_err());
}
