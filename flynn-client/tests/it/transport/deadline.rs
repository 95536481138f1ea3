use std::time::Duration;

use flynn_client::{ErrorKind, RetryPolicy};

use crate::server::{Server, Step, events, json, open_events};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn an_attempt_has_its_own_deadline() {
    let server = Server::play([Step::Hang, json(200, "[]")]).await;
    let client = server.builder().attempt_timeout(SHORT).build().unwrap();
    client.apps().list().await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn what_must_not_happen_twice_times_out_once() {
    let server = Server::play([Step::Hang, json(200, "{}")]).await;
    let client = server.builder().attempt_timeout(SHORT).build().unwrap();
    let error = client.apps().create(flynn_client::apps::NewApp::unnamed()).await.unwrap_err();
    assert!(error.is_timeout() && error.attempts() == 1, "{error:?}");
}

#[tokio::test]
async fn the_whole_call_has_a_deadline() {
    let server = Server::play([Step::Hang]).await;
    let error = server.client().apps().list().timeout(SHORT).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));

    // The deadline includes the body, even one that never ends.
    let server =
        Server::play([Step::Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[".into())]).await;
    assert!(server.client().apps().list().timeout(SHORT).await.unwrap_err().is_timeout());

    // It also includes waiting between attempts.
    let server = Server::play(vec![Step::Drop; 9]).await;
    let slow = RetryPolicy::default().delays(Duration::from_secs(20), Duration::from_secs(20));
    let client = server.builder().retry(slow).build().unwrap();
    let begun = tokio::time::Instant::now();
    assert!(client.apps().list().timeout(SHORT).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn the_deadline_of_an_attempt_does_not_end_streams() {
    let server = Server::play([open_events("data: {\"id\":1}\n\n")]).await;
    let client = server.builder().attempt_timeout(SHORT).build().unwrap();
    let mut stream = client.events().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().id, 1);
    // Longer than the attempt timeout: the stream is silent, but alive.
    assert!(tokio::time::timeout(SHORT * 3, stream.next()).await.is_err());
}

#[tokio::test]
async fn the_longest_times_there_are_mean_for_ever() {
    let server = Server::play([json(200, "[]"), open_events(":\ndata: {\"id\":1}\n\n")]).await;
    let client =
        server.builder().attempt_timeout(Duration::MAX).connect_timeout(Duration::MAX).build();
    let client = client.unwrap();
    client.apps().list().timeout(Duration::MAX).await.unwrap();
    let mut stream = client.events().stream().idle_timeout(Duration::MAX).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().id, 1);
}

#[tokio::test]
async fn a_silent_stream_ends_after_its_idle_time() {
    let server = Server::play([open_events(":\n"), events("")]).await;
    let mut stream = server.client().events().stream().idle_timeout(SHORT).await.unwrap();
    assert!(stream.next().await.unwrap().unwrap_err().is_timeout());
    assert!(stream.next().await.is_none());
}
