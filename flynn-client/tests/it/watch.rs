//! Watches of events.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};

use crate::server::{Server, Step, answer, events, json, open_events};

#[tokio::test]
async fn it_begins_where_a_break_can_be_bridged() {
    let server = Server::play([
        json(200, r#"[{"id":41}]"#),
        events(""),
        events("data: {\"id\":42}\n\n"),
        answer(401, "", ""),
    ])
    .await;
    let mut watch = server.client().events().of_app("www").watch();
    assert_eq!(watch.next().await.unwrap().unwrap().id, 42);
    assert!(
        watch.next().await.unwrap().unwrap_err().is_unauthorized(),
        "a wrong key does not heal"
    );
    assert!(watch.next().await.is_none());
    assert_eq!(server.lines()[0], "GET /events?count=1");
    let seen = server.seen();
    let resumed: Vec<_> =
        seen[1..].iter().map(|seen| seen.header("last-event-id").unwrap()).collect();
    assert_eq!(resumed, ["41"; 3], "what was committed late is between 41 and 42 at most");
}

#[tokio::test]
async fn duplicates_are_dropped_and_counts_left_out() {
    let server = Server::play([
        events("data: {\"id\":1}\n\ndata: {\"id\":2}\n\n"),
        Step::Drop,
        answer(503, "", ""),
        events("data: {\"id\":2}\n\ndata: {\"id\":3}\n\n"),
        answer(404, "", ""),
    ])
    .await;
    let watch = server.client().events().past().count(9).watch();
    let (ids, errors): (Vec<_>, Vec<_>) =
        watch.collect::<Vec<_>>().await.into_iter().partition(Result::is_ok);
    assert_eq!(ids.into_iter().map(|event| event.unwrap().id).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(errors.into_iter().next().unwrap().unwrap_err().is_not_found());
    let lines = server.lines();
    assert_eq!(lines[0], "GET /events?past=true&count=9");
    assert!(lines[1..].iter().all(|line| line == "GET /events"), "{lines:?}");
}

#[tokio::test]
async fn an_event_that_was_committed_late_is_no_duplicate() {
    let server = Server::play([
        events("data: {\"id\":5}\n\ndata: {\"id\":8}\n\ndata: {\"id\":7}\n\n"),
        events("data: {\"id\":7}\n\ndata: {\"id\":6}\n\ndata: {\"id\":900}\n\n"),
        answer(404, "", ""),
    ])
    .await;
    let watch = server.client().events().past().watch();
    let ids: Vec<_> =
        watch.filter_map(async |event| event.ok().map(|event| event.id)).collect().await;
    assert_eq!(ids, [5, 8, 7, 6, 900]);
    let resumed =
        [1, 2].map(|n: usize| server.seen()[n].header("last-event-id").map(str::to_owned));
    // Not before the start of the watch, and not much before the newest event.
    assert_eq!(resumed, [Some("5".to_owned()), Some("868".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn connections_without_new_events_count_as_failures() {
    let server = Server::answering(|_| events("data: {\"id\":1}\n\ndata: {\"id\":2}\n\n")).await;
    let patience = Duration::from_millis(100);
    let mut watch = server.client().events().past().watch().patience(patience);
    for id in [1, 2] {
        assert_eq!(watch.next().await.unwrap().unwrap().id, id);
    }
    let end = tokio::time::timeout(Duration::from_secs(10), watch.next()).await;
    assert!(end.expect("it gives up").unwrap().unwrap_err().is_retryable());
}

#[tokio::test(start_paused = true)]
async fn connections_with_keep_alives_are_not_failures() {
    // Keep-alives hold each connection open for longer than the patience, and only the last one carries an event.
    let quiet = || {
        let Step::Send(head) = open_events("") else { unreachable!() };
        Step::Trickle(head, ":\n", 6, Duration::from_millis(50))
    };
    let server =
        Server::play([quiet(), quiet(), quiet(), open_events("data: {\"id\":1}\n\n")]).await;
    let mut watch = server
        .client()
        .events()
        .past()
        .watch()
        .idle_timeout(Duration::from_millis(200))
        .patience(Duration::from_millis(150));
    assert_eq!(watch.next().await.unwrap().unwrap().id, 1);
}

#[tokio::test(start_paused = true)]
async fn connections_without_data_count_as_failures() {
    let server = Server::answering(|_| open_events("")).await;
    let mut watch = server
        .client()
        .events()
        .past()
        .watch()
        .idle_timeout(Duration::from_millis(80))
        .patience(Duration::from_millis(60));
    let end = tokio::time::timeout(Duration::from_secs(10), watch.next()).await;
    assert!(end.expect("it gives up").unwrap().unwrap_err().is_timeout());
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_replaced() {
    let server =
        Server::play([open_events("data: {\"id\":1}\n\n"), open_events("data: {\"id\":2}\n\n")])
            .await;
    let watch = server.client().events().past().watch().idle_timeout(Duration::from_millis(50));
    let two: Vec<_> = watch.take(2).try_collect().await.unwrap();
    assert_eq!(two[1].id, 2);
}

#[tokio::test]
async fn it_goes_on_where_another_left_off() {
    let server = Server::play([events("data: {\"id\":8}\n\n")]).await;
    let mut watch = server.client().events().watch().after(7);
    watch.next().await.unwrap().unwrap();
    assert_eq!(server.seen()[0].header("last-event-id"), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let server = Server::play([]).await;
    let mut watch = server.client().events().past().watch().patience(Duration::from_millis(20));
    let error = watch.next().await.unwrap().unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(watch.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_as_long_as_the_server_asks() {
    for status in [429, 503] {
        // Longer than the retries of calls.
        let busy = answer(status, "Retry-After: 40\r\n", "");
        let server = Server::play([busy, events("data: {\"id\":1}\n\n")]).await;
        let begun = tokio::time::Instant::now();
        let mut watch = server.client().events().past().watch();
        assert_eq!(watch.next().await.unwrap().unwrap().id, 1);
        let waited = begun.elapsed().as_secs();
        assert!((40..50).contains(&waited), "{waited}");
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn it_does_not_wait_for_longer_than_its_patience() {
    let server = Server::answering(|_| answer(503, "Retry-After: 301\r\n", "")).await;
    let begun = tokio::time::Instant::now();
    let error = server.client().events().past().watch().next().await.unwrap().unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(301)));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn events_that_come_again_and_again_are_given_once() {
    use std::fmt::Write as _;
    let mut body = String::new();
    let mut send = |id: i64| write!(body, "data: {{\"id\":{id}}}\n\n").unwrap();
    // Twice as many as are remembered, then one of the first, then an old one and a new one.
    (1..=1500).chain(1..=1500).for_each(&mut send);
    [2500, 1501, 1500, 1499, 2501, 2500, 1600].into_iter().for_each(&mut send);
    let server = Server::play([events(&body), answer(404, "", "")]).await;
    let watch = server.client().events().past().watch();
    let ids: Vec<_> =
        watch.filter_map(async |event| event.ok().map(|event| event.id)).collect().await;
    assert_eq!(ids, (1..=1500).chain([2500, 1501, 2501, 1600]).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_watch_of_a_deleted_app_ends_although_keep_alives_arrive() {
    let looks = AtomicU32::new(0);
    let server = Server::answering(move |seen| match seen.call() {
        "GET /apps/www" if looks.fetch_add(1, Relaxed).is_multiple_of(2) => {
            json(200, r#"{"id":"a1"}"#)
        }
        "GET /apps/www" => answer(404, "", ""),
        _ => {
            let Step::Send(head) = open_events("") else { unreachable!() };
            Step::Trickle(head, ":\n", 10_000, Duration::from_millis(50))
        }
    })
    .await;
    let (client, silence) = (server.client(), Duration::from_millis(200));
    let mut events = client.events().of_app("www").past().watch().idle_timeout(silence);
    let mut log = client.app("www").log().watch().idle_timeout(silence);
    let end = tokio::time::timeout(Duration::from_secs(9), events.next()).await;
    assert!(end.expect("it ends").unwrap().unwrap_err().is_not_found());
    let end = tokio::time::timeout(Duration::from_secs(9), log.next()).await;
    assert!(end.expect("it ends").unwrap().unwrap_err().is_not_found());
    assert!(log.next().await.is_none() && events.next().await.is_none());
}
