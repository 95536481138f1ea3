//! Event streams: nothing panics, and the sizes of the pieces do not matter.

#![no_main]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use flynn_client::bytes::Bytes;
use flynn_client::http::{Request, Response};
use flynn_client::http_body::{self, Frame};
use flynn_client::tower_layer::layer_fn;
use flynn_client::tower_service;
use flynn_client::{Body, Client, ErrorKind, Service};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    /// The body of the next answer.
    static ANSWER: RefCell<VecDeque<Bytes>> = RefCell::default();
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let client = Client::builder("http://localhost").max_event_size(1 << 10);
    client.layer(layer_fn(|_: Service| Canned)).build().unwrap()
});

#[derive(Clone)]
struct Canned;

impl tower_service::Service<Request<Body>> for Canned {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let answer = Response::builder().header("content-type", "text/event-stream");
        ready(Ok(answer.body(Body::new(Pieces(ANSWER.take()))).unwrap()))
    }
}

struct Pieces(VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

/// Returns the ids of a stream's events, and the kinds of its errors.
fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Result<i64, ErrorKind>> {
    ANSWER.set(pieces.map(Bytes::copy_from_slice).collect());
    RUNTIME.block_on(async {
        let mut stream = CLIENT.events().stream().await.unwrap();
        let mut seen = Vec::new();
        while let Some(event) = stream.next().await {
            seen.push(event.map(|event| event.id).map_err(|error| error.kind()));
        }
        seen
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((size, body)) = data.split_first() else { return };
    let size = usize::from(size % 16) + 1;
    assert_eq!(events([body].into_iter()), events(body.chunks(size)));
});
