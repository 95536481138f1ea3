use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flynn_client::http_body::{self, Frame};
use flynn_client::{Body, ErrorKind, RetryPolicy, Service};
use http::{Request, Response};
use tokio::time::{Instant, Sleep, sleep};

use crate::server::{Server, Step, events, json, open_events};

const SHORT: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn an_attempt_has_its_own_deadline() {
    let server = Server::play([Step::Hang, json(200, "[]")]).await;
    let client = server.builder().attempt_timeout(SHORT).build().unwrap();
    client.apps().list().await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_repeatable_times_out_once() {
    let server = Server::play([Step::Hang, json(200, "{}")]).await;
    let client = server.builder().attempt_timeout(SHORT).build().unwrap();
    let error = client.apps().create(flynn_client::apps::NewApp::unnamed()).await.unwrap_err();
    assert!(error.is_timeout() && error.attempts() == 1, "{error:?}");
}

#[tokio::test(start_paused = true)]
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
    assert!(begun.elapsed() <= SHORT);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_an_attempt_does_not_end_streams() {
    let server = Server::play([open_events("data: {\"id\":1}\n\n")]).await;
    let client = server.builder().attempt_timeout(SHORT).build().unwrap();
    let mut stream = client.events().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().id, 1);
    // Longer than the attempt timeout: the stream is silent, but alive.
    assert!(tokio::time::timeout(SHORT * 3, stream.next()).await.is_err());
}

#[tokio::test]
async fn the_longest_timeouts_never_expire() {
    let server = Server::play([json(200, "[]"), open_events(":\ndata: {\"id\":1}\n\n")]).await;
    let client =
        server.builder().attempt_timeout(Duration::MAX).connect_timeout(Duration::MAX).build();
    let client = client.unwrap();
    client.apps().list().timeout(Duration::MAX).await.unwrap();
    let mut stream = client.events().stream().idle_timeout(Duration::MAX).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().id, 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_ends_after_its_idle_time() {
    let server = Server::play([open_events(":\n"), events("")]).await;
    let mut stream = server.client().events().stream().idle_timeout(SHORT).await.unwrap();
    assert!(stream.next().await.unwrap().unwrap_err().is_timeout());
    assert!(stream.next().await.is_none());
}

/// The body of a stream that sends a comment every 20 s, ten times, and then nothing.
struct Comments(u32, Pin<Box<Sleep>>);

impl http_body::Body for Comments {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0 == 0 {
            return Poll::Pending;
        }
        std::task::ready!(self.1.as_mut().poll(cx));
        self.0 -= 1;
        self.1 = Box::pin(sleep(Duration::from_secs(20)));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b":\n")))))
    }
}

#[derive(Clone)]
struct Commenting;

impl tower_service::Service<Request<Body>> for Commenting {
    type Response = Response<Comments>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let answer = Response::builder().header("content-type", "text/event-stream");
        ready(Ok(answer.body(Comments(10, Box::pin(sleep(Duration::ZERO)))).unwrap()))
    }
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_begins_again_with_each_piece() {
    let client = flynn_client::Client::builder("http://localhost");
    let client = client.layer(tower_layer::layer_fn(|_: Service| Commenting)).build().unwrap();
    let begun = Instant::now();
    let mut stream = client.events().stream().idle_timeout(Duration::from_secs(30)).await.unwrap();
    assert!(stream.next().await.unwrap().unwrap_err().is_timeout());
    // The tenth comment comes after 180 s.
    assert_eq!(begun.elapsed().as_secs(), 210);
}
