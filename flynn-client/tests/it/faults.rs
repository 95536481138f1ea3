//! Faults at a chosen request of an operation of several steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use flynn_client::{Body, Client, Error, ErrorKind, RetryPolicy, Service};
use flynn_mock::MockController;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The request arrives, its answer does not.
    AnswerLost,
    /// The server answers 500 and does nothing.
    Refused,
    /// The client's process ends before it sends the request.
    Killed,
}

#[derive(Clone)]
struct FailAt {
    inner: Service,
    seen: Arc<AtomicUsize>,
    at: usize,
    fault: Fault,
    killed: Arc<Notify>,
}

impl tower_service::Service<Request<Body>> for FailAt {
    type Response = Response<Body>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response<Body>, Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let n = self.seen.fetch_add(1, Ordering::SeqCst);
        let gone = || Error::new(ErrorKind::Connection, "a fault of the test");
        match self.fault {
            Fault::Killed if n == self.at => {
                self.killed.notify_one();
                Box::pin(std::future::pending())
            }
            Fault::AnswerLost if n == self.at => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    answer.await?;
                    Err(gone())
                })
            }
            Fault::Refused if n == self.at => Box::pin(async move {
                let body =
                    r#"{"code":"unknown_error","message":"a fault of the test","retry":false}"#;
                let answer =
                    Response::builder().status(500).header("content-type", "application/json");
                answer.body(Body::from(body.to_owned())).map_err(|e| gone().caused_by(e))
            }),
            _ => self.inner.call(request),
        }
    }
}

/// Runs an operation with a client whose request number `at` fails. `None` if it was killed; with the number of requests.
pub(crate) async fn run<T>(
    mock: &MockController,
    at: usize,
    fault: Fault,
    operation: impl AsyncFnOnce(Client) -> T,
) -> (Option<T>, usize) {
    let seen = Arc::<AtomicUsize>::default();
    let killed = Arc::<Notify>::default();
    let (counter, kill) = (Arc::clone(&seen), Arc::clone(&killed));
    let layer = tower_layer::layer_fn(move |inner| FailAt {
        inner,
        seen: Arc::clone(&counter),
        at,
        fault,
        killed: Arc::clone(&kill),
    });
    let brief = Duration::from_millis(1);
    let retry = RetryPolicy::default().delays(brief, brief).router_restart(brief);
    let client = mock.client_builder().retry(retry).layer(layer).build().unwrap();
    let result = tokio::select! {
        result = operation(client) => Some(result),
        () = killed.notified() => None,
    };
    (result, seen.load(Ordering::SeqCst))
}
