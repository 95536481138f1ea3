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
    /// The request does not arrive.
    RequestLost,
    /// The request arrives, its answer does not.
    AnswerLost,
    /// The server answers 500 and does nothing.
    Refused,
    /// Neither this request arrives nor the next ones, so a retry does not help.
    Outage,
    /// The request arrives. Its answer is lost, and the next requests do not arrive.
    Cut,
    /// The client's process ends when the server has acted.
    Killed,
}

const ALL: [Fault; 6] = [
    Fault::RequestLost,
    Fault::AnswerLost,
    Fault::Refused,
    Fault::Outage,
    Fault::Cut,
    Fault::Killed,
];

/// The number of requests that an outage lasts, which is more than the attempts of a call.
const OUTAGE: usize = 6;

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
        let lost = || Error::new(ErrorKind::Connection, "a fault of the test");
        let since = self.seen.fetch_add(1, Ordering::SeqCst).checked_sub(self.at);
        match (self.fault, since) {
            (Fault::AnswerLost | Fault::Cut, Some(0)) => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    answer.await?;
                    Err(lost())
                })
            }
            (Fault::RequestLost, Some(0)) | (Fault::Outage | Fault::Cut, Some(..OUTAGE)) => {
                Box::pin(async move { Err(lost()) })
            }
            (Fault::Killed, Some(0)) => {
                let (answer, killed) = (self.inner.call(request), Arc::clone(&self.killed));
                Box::pin(async move {
                    let _ = answer.await;
                    killed.notify_one();
                    std::future::pending().await
                })
            }
            (Fault::Refused, Some(0)) => Box::pin(async move {
                let body =
                    r#"{"code":"unknown_error","message":"a fault of the test","retry":false}"#;
                let answer =
                    Response::builder().status(500).header("content-type", "application/json");
                answer.body(Body::from(body.to_owned())).map_err(|e| lost().caused_by(e))
            }),
            _ => self.inner.call(request),
        }
    }
}

/// Runs an operation with a client whose request number `at` fails. Returns `None` if it was killed, and the number of
/// requests.
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

/// Runs an operation once without a fault, and then with a fault at its requests. `run` takes the request and the
/// fault, and returns the number of requests, of which there are `least` or more.
///
/// With `FLYNN_LONG`, or if `step` is 1, each fault hits each request. Otherwise, to keep the test to seconds, every
/// `step`th request is struck, and the fault changes from one to the next.
pub(crate) async fn everywhere(
    step: usize,
    least: usize,
    run: impl AsyncFn(usize, Fault) -> usize,
) {
    let requests = run(usize::MAX, Fault::None).await;
    assert!(requests >= least, "{requests}");
    if is_long() || step == 1 {
        for at in 0..requests {
            for fault in ALL {
                run(at, fault).await;
            }
        }
    } else {
        for (n, at) in (0..requests).step_by(step).enumerate() {
            run(at, ALL[n % ALL.len()]).await;
        }
    }
}

/// Returns whether this is a run of `cargo xtask long`.
pub(crate) fn is_long() -> bool {
    std::env::var_os("FLYNN_LONG").is_some()
}
