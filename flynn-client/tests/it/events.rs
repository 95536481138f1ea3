use flynn_client::ErrorKind;
use flynn_client::events::EventType;
use futures_util::TryStreamExt;

use crate::server::{Server, Step, answer, events, json, open_events};

fn page(ids: std::ops::RangeInclusive<u32>) -> String {
    let events: Vec<_> =
        ids.rev().map(|id| format!(r#"{{"id":{id},"object_type":"app"}}"#)).collect();
    format!("[{}]", events.join(","))
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let server =
        Server::play([json(200, page(8..=10)), json(200, page(5..=7)), json(200, page(4..=4))])
            .await;
    let filter = server
        .client()
        .events()
        .of_app("www")
        .object_types([EventType::App, EventType::Other("x".into())]);
    let all = filter.list().page_size(3).since(3).await.unwrap();
    assert_eq!(
        all.iter().map(|event| event.id).collect::<Vec<_>>(),
        (4..=10).rev().collect::<Vec<_>>()
    );
    assert_eq!(
        server.lines(),
        [
            "GET /events?app_id=www&object_types=app%2Cx&since_id=3&count=3",
            "GET /events?app_id=www&object_types=app%2Cx&before_id=8&since_id=3&count=3",
            "GET /events?app_id=www&object_types=app%2Cx&before_id=5&since_id=3&count=3",
        ]
    );
    assert_eq!(server.seen()[0].header("accept"), Some("application/json"));
}

#[tokio::test]
async fn a_count_ends_the_list() {
    let server = Server::play([json(200, page(8..=10)), json(200, page(6..=7))]).await;
    assert_eq!(server.client().events().count(5).list().page_size(3).await.unwrap().len(), 5);
    assert!(server.lines()[1].ends_with("before_id=8&count=2"));
}

#[tokio::test]
async fn a_server_that_does_not_page_is_no_endless_loop() {
    let server = Server::play(vec![json(200, page(1..=3)); 9]).await;
    let error = server.client().events().list().page_size(3).await.unwrap_err();
    assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Unexpected, 2));
}

#[tokio::test]
async fn a_stream_is_one_connection() {
    let body = "data: {\"id\":1,\"object_type\":\"job\",\"data\":{\"uuid\":\"j\",\"state\":\"up\"}}\n\n:\ndata: {\"id\":2}\n\n";
    let server = Server::play([events(body)]).await;
    let stream = server.client().events().past().count(2).stream().await.unwrap();
    let all: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(all.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(all[0].job().unwrap().uuid, "j");
    for error in [all[0].deployment().map(drop), all[1].job().map(drop)] {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Decode, "it is about something else");
    }
    assert_eq!(server.lines(), ["GET /events?past=true&count=2"]);
    assert_eq!(server.seen()[0].header("accept"), Some("text/event-stream"));
}

#[tokio::test]
async fn frames_may_be_written_as_the_standard_allows() {
    let body = "\u{feff}: hello\r\n\r\nid: 9\r\nretry: 1\r\nevent: message\r\ndata: {\"id\":1,\r\ndata: \"object_id\":\"\u{e4}\"}\r\n\r\n\
        :\n:\ndata:{\"id\":2,\"unknown\":{}}\n\n\n\ndata: {\"id\":3}\n\ndata: {\"id\":4}";
    let server = Server::play([events(body)]).await;
    let stream = server.client().events().stream().await.unwrap();
    let all: Vec<_> = stream.try_collect().await.unwrap();
    // The last event was incomplete.
    assert_eq!(all.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(all[0].object_id, "\u{e4}");
}

#[tokio::test]
async fn a_connection_that_is_lost_within_an_event_is_an_error() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
        20\r\ndata: {\"id\":1}\n\ndata: {\"id\"";
    let server = Server::play([Step::SendAndClose(cut.to_owned())]).await;
    let mut stream = server.client().events().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().id, 1);
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), ErrorKind::Connection);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn the_servers_error_is_the_last_item() {
    let server = Server::play([events(
        "data: {\"id\":1}\n\nevent: error\ndata: controller: shutting down\n\n",
    )])
    .await;
    let mut stream = server.client().events().stream().await.unwrap();
    stream.next().await.unwrap().unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Stream, "controller: shutting down"));
    assert_eq!(error.path(), Some("/events"));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn an_event_that_is_too_large_is_the_last_item() {
    let body = format!("data: {}\n\ndata: {{\"id\":2}}\n\n", "x".repeat(100));
    let server = Server::play([open_events(&body)]).await;
    let client = server.builder().max_event_size(50).build().unwrap();
    let mut stream = client.events().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn refusals_come_before_the_stream() {
    let server = Server::play([answer(404, "", ""), json(200, "[]")]).await;
    let events = server.client().events().of_app("nosuch");
    assert!(events.stream().await.unwrap_err().is_not_found());
    assert_eq!(events.stream().await.unwrap_err().kind(), ErrorKind::Decode, "a list is no stream");
}

#[tokio::test]
async fn one_event_that_does_not_decode_does_not_end_the_stream() {
    let server = Server::play([events("data: s3cret\n\ndata: {\"id\":2}\n\n")]).await;
    let mut stream = server.client().events().stream().await.unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(!format!("{error:?} {error}").contains("s3cret"));
    assert_eq!(stream.next().await.unwrap().unwrap().id, 2);
}

fn stream(headers: &str, body: &str) -> Step {
    Step::SendAndClose(format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}"))
}

#[tokio::test]
async fn the_type_of_a_stream_is_told_in_any_case() {
    let types = ["Text/Event-Stream", "text/event-stream ;charset=utf-8"];
    for good in types {
        let head = format!("Content-Type: {good}\r\n");
        let server = Server::play([stream(&head, "data: {\"id\":1}\n\n")]).await;
        let all = server.client().events().stream().await.unwrap().try_collect::<Vec<_>>().await;
        assert_eq!(all.unwrap().len(), 1, "{good}");
    }
    for bad in ["text/event-streams", "text/html"] {
        let head = format!("Content-Type: {bad}\r\n");
        let server = Server::play([stream(&head, "data: {\"id\":1}\n\n")]).await;
        let error = server.client().events().stream().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains(bad), "{error}");
    }
}

#[tokio::test]
async fn a_coded_answer_is_an_error() {
    let coded = |kind: &str| {
        stream(&format!("Content-Type: {kind}\r\nContent-Encoding: GZip\r\n"), "\u{1f}")
    };
    let server = Server::play([
        coded("text/event-stream"),
        coded("text/event-stream"),
        coded("application/tar"),
        coded("application/json"),
        stream("Content-Type: application/json\r\nContent-Encoding: identity\r\n", "[]"),
    ])
    .await;
    let client = server.client();
    let errors = [
        client.events().stream().await.map(drop).unwrap_err(),
        client.app("www").log().await.map(drop).unwrap_err(),
        client.backup().tar().await.map(drop).unwrap_err(),
        client.apps().list().await.map(drop).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.message().contains("GZip"), "{error}");
    }
    client.apps().list().await.unwrap();
}

#[tokio::test]
async fn frames_of_another_name_are_no_items() {
    let ping = "event: ping\ndata: now\n\n";
    let body = format!("{ping}event: message\ndata: {{\"id\":1}}\n\n{ping}data: {{\"id\":2}}\n\n");
    let server = Server::play([events(&body)]).await;
    let all = server.client().events().stream().await.unwrap().try_collect::<Vec<_>>().await;
    assert_eq!(all.unwrap().iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2]);

    let log = format!(
        "{ping}data: {{\"event\":\"message\",\"data\":{{\"msg\":\"hi\"}}}}\n\n{ping}data: {{\"event\":\"eof\"}}\n\n"
    );
    let server = Server::play([events(&log)]).await;
    assert_eq!(server.client().app("www").log().await.unwrap()[0].msg, "hi");
}
