//! Logs.

use flynn_client::ErrorKind;
use flynn_client::logs::{LogItem, LogStream};
use flynn_client::{Change, Client};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::server::{Server, Step, answer, events, open_events};

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
    // A followed log ends with an error.
    let items: Vec<_> = log.follow().await.unwrap().collect().await;
    assert!(items[0].is_ok() && items[1].is_err() && items.len() == 2);
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

/// Lines with these texts and times.
fn lines(numbers: impl IntoIterator<Item = u32>) -> String {
    let line = |n| {
        format!(
            "data: {{\"event\":\"message\",\"data\":{{\"host_id\":\"h\",\"job_id\":\"h-1\",\"msg\":\"{n}\",\"timestamp\":\"2026-11-22T21:54:00.{n:09}Z\"}}}}\n\n"
        )
    };
    numbers.into_iter().map(line).collect()
}

/// Returns the items of a watch until it gives up: the texts, and `gap`.
async fn watched(client: &Client, overlap: u32) -> Vec<String> {
    let watch = client.app("www").log().watch().overlap(overlap);
    let items: Vec<_> = watch.collect().await;
    let text = |item: Result<LogItem, flynn_client::Error>| match item {
        Ok(LogItem::Line(line)) => line.msg,
        Ok(LogItem::Gap(gap)) => {
            gap.after.map_or("gap".to_owned(), |after| format!("gap after {}", after.as_str()))
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => error.kind().to_string(),
    };
    items.into_iter().map(text).collect()
}

#[tokio::test]
async fn a_watch_resumes_after_the_last_line() {
    let server = Server::play([
        events(&lines([1, 2])),
        Step::Drop,
        events(&(lines([1, 2, 3]) + "event: error\ndata: controller: shutting down\n\n")),
        events(&lines([2, 3, 4])),
        answer(404, "", ""),
    ])
    .await;
    let seen = watched(&server.client(), 1000).await;
    assert_eq!(seen, ["1", "2", "3", "4", "not found"]);
    let queries: Vec<_> = server.seen().iter().map(|seen| seen.query().to_owned()).collect();
    assert_eq!(queries[0], "follow=true&stream_types=stdout%2Cstderr");
    assert!(queries[1..].iter().all(|query| query.contains("lines=1000")), "{queries:?}");
}

#[tokio::test]
async fn a_break_before_the_first_line_is_a_gap() {
    let server = Server::play([events(""), events(""), events(&lines([5])), answer(404, "", "")]);
    assert_eq!(watched(&server.await.client(), 1000).await, ["gap", "5", "not found"]);
    // A server that was not reached before has sent nothing.
    let server = Server::play([Step::Drop, events(&lines([5])), answer(404, "", "")]);
    assert_eq!(watched(&server.await.client(), 1000).await, ["5", "not found"]);
}

#[tokio::test(start_paused = true)]
async fn lines_that_are_missing_are_a_gap() {
    // More lines than requested, and a log that was started again.
    let server = Server::play([
        events(&lines([1, 2])),
        events(&lines([5, 6, 7])),
        open_events(&lines([8])),
        answer(404, "", ""),
    ])
    .await;
    let client = server.client();
    let watch = client.app("www").log().watch().overlap(2);
    let watch = watch.idle_timeout(std::time::Duration::from_secs(5));
    let seen: Vec<_> = watch.collect().await;
    let text = |item: &Result<LogItem, flynn_client::Error>| match item {
        Ok(LogItem::Line(line)) => line.msg.clone(),
        Ok(_) => "gap".to_owned(),
        Err(_) => "end".to_owned(),
    };
    let texts: Vec<_> = seen.iter().map(text).collect();
    assert_eq!(texts, ["1", "2", "gap", "5", "6", "7", "gap", "8", "end"]);
    let Some(Ok(LogItem::Gap(gap))) = seen.get(2) else { panic!() };
    assert_eq!(gap.after.as_ref().unwrap().as_str(), "2026-11-22T21:54:00.000000002Z");
}

#[tokio::test]
async fn objects_are_watched_across_connections() {
    let volume = |id: &str, second: u32| {
        format!("data: {{\"id\":\"{id}\",\"updated_at\":\"2026-11-22T21:54:{second:02}Z\"}}\n\n")
    };
    let marker = "data: {\"id\":\"\"}\n\n";
    let server = Server::play([
        // Interrupted before the older line has arrived.
        events(&volume("b", 2)),
        events(&(volume("b", 2) + &volume("a", 1) + marker + &volume("c", 3))),
        events(&(volume("c", 3) + &volume("d", 3) + marker + &volume("a", 4))),
        answer(404, "", "404 page not found\n"),
    ])
    .await;
    let watch = server.client().volumes().stream().watch();
    let items: Vec<_> = watch.collect().await;
    let text = |item: &Result<Change<flynn_client::volumes::Volume>, _>| match item {
        Ok(Change::Existing(volume)) => format!("existing {}", volume.id),
        Ok(Change::Changed(volume)) => format!("changed {}", volume.id),
        Ok(_) => "caught up".to_owned(),
        Err(_) => "end".to_owned(),
    };
    assert_eq!(
        items.iter().map(text).collect::<Vec<_>>(),
        ["existing b", "existing a", "caught up", "changed c", "changed d", "changed a", "end"]
    );
    let queries: Vec<_> = server.seen().iter().map(|seen| seen.query().to_owned()).collect();
    let since = ["since=1970-01-01T00%3A00%3A00Z", "since=2026-11-22T21%3A54%3A02Z"];
    assert_eq!([&queries[1], &queries[2]], since);
}

/// The newest objects come first, so a connection that breaks among them has told nothing of the others.
#[tokio::test]
async fn objects_of_a_broken_connection_are_asked_for_again() {
    let volume = |id: &str, second: u32| {
        format!("data: {{\"id\":\"{id}\",\"updated_at\":\"2026-11-22T21:54:{second:02}Z\"}}\n\n")
    };
    let marker = "data: {\"id\":\"\"}\n\n";
    let server = Server::play([
        events(&(volume("a", 1) + marker)),
        events(&volume("c", 5)),
        events(&(volume("c", 5) + &volume("b", 3) + marker)),
        answer(404, "", "404 page not found\n"),
    ])
    .await;
    let watch = server.client().volumes().stream().watch();
    let changes = watch.filter_map(async |change| match change {
        Ok(Change::Existing(volume) | Change::Changed(volume)) => Some(volume.id.to_string()),
        _ => None,
    });
    assert_eq!(changes.collect::<Vec<_>>().await, ["a", "c", "b"]);
    let queries: Vec<_> = server.seen().iter().map(|seen| seen.query().to_owned()).collect();
    let since = ["00", "00", "04"].map(|at| format!("since=2026-11-22T21%3A54%3A{at}Z"));
    assert_eq!(queries[1..], since);
}

#[tokio::test]
async fn a_followed_log_has_no_regular_end() {
    let server = Server::play([events("data: {\"event\":\"eof\"}\n\n")]).await;
    let mut log = server.client().app("www").log().follow().await.unwrap();
    assert!(log.next().await.unwrap().unwrap_err().is_transient());
    assert!(log.next().await.is_none());
}
