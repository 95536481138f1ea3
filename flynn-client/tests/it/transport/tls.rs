use std::error::Error as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use flynn_client::{Body, Error, ErrorKind, RetryPolicy, Service};
use flynn_mock::MockController;
use http::{Request, Response, Version};

use crate::server::Server;

/// Records the HTTP version of each answer.
#[derive(Clone)]
struct Versions {
    inner: Service,
    seen: Arc<Mutex<Vec<Version>>>,
}

impl tower_service::Service<Request<Body>> for Versions {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answer, seen) = (self.inner.call(request), Arc::clone(&self.seen));
        Box::pin(async move {
            let answer = answer.await?;
            seen.lock().unwrap().push(answer.version());
            Ok(answer)
        })
    }
}

#[tokio::test]
async fn http2_where_offered_and_http1_for_streams_and_upgrades() {
    let mock = MockController::builder().tls().start().await;
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let log = Arc::clone(&seen);
    let layer = tower_layer::layer_fn(move |inner| Versions { inner, seen: Arc::clone(&log) });
    let client = mock.client_builder().layer(layer).build().unwrap();
    client.apps().list().await.unwrap();
    // An upgrade survives a layer that leaves the answer as it is.
    let job = client.app("blobstore").jobs().run(["exit", "3"]).attached().await.unwrap();
    assert_eq!(job.output().await.unwrap().exit_status, 3);
    let _stream = client.events().stream().await.unwrap();
    let _backup = client.backup().tar().await.unwrap();
    let (shared, own) = (Version::HTTP_2, Version::HTTP_11);
    // The list, the release of the job, the job; the stream; the backup.
    assert_eq!(*seen.lock().unwrap(), [shared, shared, own, own, own]);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_ends_the_call_before_it_begins() {
    let mock = MockController::builder().tls().start().await;
    // Mozilla's roots do not know the mock's authority.
    let client = flynn_client::Client::builder(mock.url())
        .key(mock.key())
        .resolve(format!("controller.{}", mock.domain()), mock.addr())
        .build()
        .unwrap();
    let error = client.apps().list().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1), "{error:?}");
    assert!(error.source().is_some() && !error.is_retryable());
    assert!(mock.requests().is_empty());
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_bounded() {
    let server = Server::play([]).await;
    let url = format!("https://127.0.0.1:{}", server.address.port());
    let client = flynn_client::Client::builder(url)
        .no_proxy()
        .retry(RetryPolicy::none())
        .connect_timeout(Duration::from_millis(50));
    let error = client.build().unwrap().apps().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "nothing has left: {error:?}");
}

#[test]
fn alpn_of_the_callers_config_is_left_alone() {
    let provider = Arc::new(flynn_client::rustls::crypto::ring::default_provider());
    let config = flynn_client::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(flynn_client::rustls::RootCertStore::empty())
        .with_no_client_auth();
    let config = Arc::new(config);
    flynn_client::Client::builder("https://127.0.0.1:1")
        .rustls_config(Arc::clone(&config))
        .build()
        .unwrap();
    assert!(config.alpn_protocols.is_empty());
}
