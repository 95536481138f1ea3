//! Composite calls with a fault at every one of their requests. Afterwards the cluster is as before or as asked, or the
//! error says what lies between, and resuming ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use flynn_client::apps::NewApp;
use flynn_client::releases::ProcessType;
use flynn_client::{Body, Client, Error, ErrorKind, RetryPolicy, Service};
use flynn_mock::MockController;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The request is lost.
    Before,
    /// The answer is lost.
    After,
    /// The program is killed when the server has acted.
    Killed,
}

/// Strikes one request.
#[derive(Clone)]
struct Strike {
    inner: Service,
    /// Requests before it.
    left: Arc<AtomicI64>,
    fault: Fault,
    killed: Arc<Notify>,
    struck: Arc<AtomicBool>,
}

impl tower_service::Service<Request<Body>> for Strike {
    type Response = Response<Body>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response<Body>, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if self.left.fetch_sub(1, SeqCst) != 0 {
            return self.inner.call(request);
        }
        self.struck.store(true, SeqCst);
        let lost = || Error::new(ErrorKind::Connection, "struck");
        let (fault, killed, answer) =
            (self.fault, Arc::clone(&self.killed), self.inner.call(request));
        async move {
            if fault == Fault::Before {
                return Err(lost());
            }
            answer.await?;
            if fault == Fault::Killed {
                killed.notify_one();
                std::future::pending::<()>().await;
            }
            Err(lost())
        }
        .boxed()
    }
}

/// A cluster with an app that runs a job.
async fn cluster() -> MockController {
    let mock = MockController::builder().bootstrapped("example.com").start().await;
    let client = mock.client();
    client.apps().create(NewApp::named("www")).await.unwrap();
    let artifacts = client.app("blobstore").release().await.unwrap().artifact_ids;
    let change = client.app("www").change_release().artifacts(artifacts);
    change.process("web", ProcessType::running(["x"])).await.unwrap();
    client.app("www").scale([("web", 1)]).await.unwrap().wait().await.unwrap();
    mock
}

type Call = fn(&Client) -> BoxFuture<'static, Result<(), Error>>;

fn set_env(client: &Client) -> BoxFuture<'static, Result<(), Error>> {
    client.app("www").env().set([("A", "1")]).into_future().map(|done| done.map(drop)).boxed()
}

fn change_release(client: &Client) -> BoxFuture<'static, Result<(), Error>> {
    let change = client.app("www").change_release().env([("A", "1")]).args("web", ["y"]);
    change.after_running().into_future().map(|done| done.map(drop)).boxed()
}

/// Whether the call is carried out, as a whole; half of it never is.
async fn is_done(client: &Client) -> bool {
    client.app("www").env().get().await.unwrap().contains_key("A")
}

/// Returns false when the call has fewer requests.
async fn strike(call: Call, at: i64, fault: Fault) -> bool {
    let mock = cluster().await;
    let (killed, struck) = (Arc::<Notify>::default(), Arc::<AtomicBool>::default());
    let layer = {
        let (killed, struck, left) =
            (Arc::clone(&killed), Arc::clone(&struck), Arc::new(AtomicI64::new(at)));
        tower_layer::layer_fn(move |inner| Strike {
            inner,
            left: Arc::clone(&left),
            fault,
            killed: Arc::clone(&killed),
            struck: Arc::clone(&struck),
        })
    };
    let quick = RetryPolicy::default().delays(Duration::from_millis(1), Duration::from_millis(2));
    let client = Client::builder(mock.url()).key(mock.key()).no_proxy().retry(quick).layer(layer);
    let client = client.build().unwrap();
    let clean = mock.client();
    let result = tokio::select! {
        result = call(&client) => result,
        () = killed.notified() => {
            // Another run does it again.
            clean.app("www").env().set([("A", "1")]).after_running().await.unwrap();
            Ok(())
        }
    };
    match result {
        Ok(()) => assert!(is_done(&clean).await, "{at} {fault:?}"),
        Err(error) => match error.pending().cloned() {
            Some(pending) => {
                clean.resume(pending).await.unwrap();
                assert!(is_done(&clean).await, "{at} {fault:?} {error}");
            }
            None => assert!(!is_done(&clean).await, "{at} {fault:?} {error}"),
        },
    }
    struck.load(SeqCst)
}

#[tokio::test]
async fn a_fault_at_every_request_leaves_all_or_nothing_or_says_so() {
    for call in [set_env as Call, change_release] {
        for fault in [Fault::Before, Fault::After, Fault::Killed] {
            let mut requests = 0;
            while strike(call, requests, fault).await {
                requests += 1;
            }
            assert!(requests > 4, "{fault:?} {requests}");
        }
    }
}
