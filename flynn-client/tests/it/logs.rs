//! Logs.

use flynn_client::ErrorKind;
use flynn_client::logs::LogStream;
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::server::{Server, answer, events};

const LINE: &str = "data: {\"event\":\"message\",\"data\":{\"job_id\":\"h-1\",\"msg\":\"hello\",\"stream\":\"stderr\"}}\n\n";
const END: &str = "data: {\"event\":\"eof\"}\n\n";

#[tokio::test]
async fn the_end_mark_ends_a_log() {
    let server =
        Server::play([events(&(LINE.to_owned() + LINE + END)), events(&(LINE.to_owned() + END))])
            .await;
    let lines = server.client().app("www").log().await.unwrap();
    assert_eq!(
        (lines.len(), &lines[0].stream, lines[0].msg.as_str()),
        (2, &LogStream::Stderr, "hello")
    );
    let lines: Vec<_> =
        server.client().app("www").log().stream().await.unwrap().try_collect().await.unwrap();
    assert_eq!(lines.len(), 1);
}

#[tokio::test]
async fn what_is_asked_for_is_in_the_query() {
    let server = Server::play([events(END), events(END)]).await;
    let app = server.client().app("www");
    app.log().await.unwrap();
    let log = app.log().lines(0).job("h-1").process_type("").streams([LogStream::Init]);
    log.follow().await.unwrap().next().await;
    let queries: Vec<_> = server.seen().iter().map(|seen| seen.query().to_owned()).collect();
    assert_eq!(
        queries,
        [
            "stream_types=stdout%2Cstderr",
            "follow=true&job_id=h-1&lines=0&process_type=&stream_types=init"
        ]
    );
}

#[tokio::test]
async fn a_log_without_its_end_mark_is_not_whole() {
    let server = Server::play([events(LINE), events(LINE), events(LINE)]).await;
    let log = server.client().app("www").log();
    assert_eq!(log.clone().await.unwrap_err().kind(), ErrorKind::Connection);
    let items: Vec<_> = log.stream().await.unwrap().collect().await;
    assert!(
        items[0].is_ok()
            && items[1].as_ref().is_err_and(|error| error.kind() == ErrorKind::Connection)
    );
    // One that is followed has no end of its own.
    let items: Vec<_> = log.follow().await.unwrap().collect().await;
    assert_eq!(items.len(), 1);
}

#[tokio::test]
async fn error_frames_are_errors() {
    let failed = || events(&(LINE.to_owned() + "event: error\ndata: logaggregator: gone\n\n"));
    let server = Server::play([failed(), failed()]).await;
    let log = server.client().app("www").log();
    let error = log.clone().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Stream, "logaggregator: gone"));
    let items: Vec<_> = log.stream().await.unwrap().collect().await;
    assert!(
        items[1].as_ref().is_err_and(|error| error.kind() == ErrorKind::Stream) && items.len() == 2
    );
}

#[tokio::test]
async fn a_log_is_bounded() {
    let server = Server::play([events(&LINE.repeat(100)), answer(200, "", "x")]).await;
    let flynn = server.builder().max_answer_size(500).build().unwrap();
    assert_eq!(flynn.app("www").log().await.unwrap_err().kind(), ErrorKind::TooLarge);
}
