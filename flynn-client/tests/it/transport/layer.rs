use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use flynn_client::{Body, Service};
use http::{Request, Response};

use crate::server::{Server, Step, events, json};

/// Records the headers of requests and answers.
#[derive(Clone)]
struct Note<S> {
    inner: S,
    name: &'static str,
    notes: Arc<Mutex<Vec<(&'static str, http::HeaderMap)>>>,
}

impl<S: tower_service::Service<Request<Body>, Response = Response<Body>>>
    tower_service::Service<Request<Body>> for Note<S>
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        self.notes.lock().unwrap().push((self.name, request.headers().clone()));
        self.inner.call(request)
    }
}

#[tokio::test]
async fn each_attempt_passes_and_the_key_is_not_seen() {
    let server = Server::play([Step::Drop, json(200, "[]")]).await;
    let notes = Arc::<Mutex<Vec<_>>>::default();
    let layer = |name| {
        let notes = Arc::clone(&notes);
        tower_layer::layer_fn(move |inner: Service| Note { inner, name, notes: Arc::clone(&notes) })
    };
    let client = server.builder().layer(layer("outer")).layer(layer("inner")).build().unwrap();
    client.apps().list().await.unwrap();
    let notes = notes.lock().unwrap();
    assert_eq!(
        notes.iter().map(|note| note.0).collect::<Vec<_>>(),
        ["outer", "inner", "outer", "inner"]
    );
    assert!(
        notes
            .iter()
            .all(|note| note.1.get("authorization").is_none()
                && note.1.get("x-request-id").is_some())
    );
    assert!(server.seen().iter().all(|seen| seen.header("authorization").is_some()));
}

#[tokio::test]
async fn a_layer_that_leads_elsewhere_does_not_take_the_key_along() {
    #[derive(Clone)]
    struct Elsewhere(Service, http::Uri);
    impl tower_service::Service<Request<Body>> for Elsewhere {
        type Response = Response<Body>;
        type Error = flynn_client::Error;
        type Future = <Service as tower_service::Service<Request<Body>>>::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, mut request: Request<Body>) -> Self::Future {
            *request.uri_mut() = self.1.clone();
            self.0.call(request)
        }
    }
    let (server, other) = (Server::play([]).await, Server::play([json(200, "[]")]).await);
    let uri: http::Uri = format!("{}/apps", other.url()).parse().unwrap();
    let layer = tower_layer::layer_fn(move |inner| Elsewhere(inner, uri.clone()));
    server.builder().layer(layer).build().unwrap().apps().list().await.unwrap();
    assert_eq!(other.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_layer_may_bring_an_authorization_of_its_own() {
    #[derive(Clone)]
    struct Signed(Service);
    impl tower_service::Service<Request<Body>> for Signed {
        type Response = Response<Body>;
        type Error = flynn_client::Error;
        type Future = <Service as tower_service::Service<Request<Body>>>::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, mut request: Request<Body>) -> Self::Future {
            request.headers_mut().insert("authorization", "Bearer fresh".parse().unwrap());
            self.0.call(request)
        }
    }
    let server = Server::play([json(200, "[]")]).await;
    let client = server.builder().layer(tower_layer::layer_fn(Signed)).build().unwrap();
    client.apps().list().await.unwrap();
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer fresh"));
}

#[tokio::test]
async fn a_layer_may_answer_by_itself() {
    #[derive(Clone)]
    struct Canned;
    impl tower_service::Service<Request<Body>> for Canned {
        type Response = Response<Body>;
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<Response<Body>, Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            assert_eq!(request.uri().path(), "/apps/www");
            std::future::ready(Ok(Response::new(Body::from(r#"{"name":"canned"}"#.to_owned()))))
        }
    }
    let server = Server::play([]).await;
    let client =
        server.builder().layer(tower_layer::layer_fn(|_: Service| Canned)).build().unwrap();
    assert_eq!(client.app("www").get().await.unwrap().name, "canned");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_layers_own_error_is_a_lost_connection() {
    #[derive(Clone)]
    struct Failing(Service);
    impl tower_service::Service<Request<Body>> for Failing {
        type Response = Response<Body>;
        type Error = Box<dyn std::error::Error + Send + Sync>;
        type Future = std::future::Ready<Result<Response<Body>, Self::Error>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.0.poll_ready(cx).map_err(Into::into)
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            std::future::ready(Err("out of order".into()))
        }
    }
    let server = Server::play([]).await;
    let client = server.builder().layer(tower_layer::layer_fn(Failing)).build().unwrap();
    let error = client.apps().list().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (flynn_client::ErrorKind::Connection, 4));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "out of order");
}

/// A wrapper of an answer's body, as tracing and metrics layers use.
struct Around(Body);

impl http_body::Body for Around {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx).map_err(std::io::Error::other)
    }
}

#[derive(Clone)]
struct Wrapping(Service);

impl tower_service::Service<Request<Body>> for Wrapping {
    type Response = Response<Around>;
    type Error = flynn_client::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Around>, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move { Ok(answer.await?.map(Around)) })
    }
}

#[tokio::test]
async fn a_layer_may_put_a_body_of_its_own_around_calls_streams_and_upgrades() {
    let server = Server::play([
        json(200, "[]"),
        events("data: {\"id\":7}\n\n"),
        json(200, r#"{"id":"r1"}"#),
        Step::Send(
            "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: flynn-attach/0\r\n\r\n\
             \x05\0\0\0\x03"
                .to_owned(),
        ),
    ])
    .await;
    let client = server.builder().layer(tower_layer::layer_fn(Wrapping)).build().unwrap();
    assert!(client.apps().list().await.unwrap().is_empty());
    let mut stream = client.events().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().id, 7);
    let attached = client.app("www").jobs().run(["x"]).attached().await.unwrap();
    assert_eq!(attached.output().await.unwrap().exit_status, 3);
}

#[tokio::test]
async fn the_trace_layer_of_tower_http_fits() {
    let server = Server::play([json(200, "[]"), events("data: {\"id\":7}\n\n")]).await;
    let statuses = Arc::<Mutex<Vec<_>>>::default();
    let seen = Arc::clone(&statuses);
    let trace = tower_http::trace::TraceLayer::new_for_http().on_response(
        move |response: &Response<Body>, _: std::time::Duration, _: &tracing::Span| {
            seen.lock().unwrap().push(response.status().as_u16());
        },
    );
    let client = server.builder().layer(trace).build().unwrap();
    client.apps().list().await.unwrap();
    let mut stream = client.events().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().id, 7);
    assert!(client.apps().list().await.is_err(), "the connection is dropped");
    assert_eq!(*statuses.lock().unwrap(), [200, 200]);
}
