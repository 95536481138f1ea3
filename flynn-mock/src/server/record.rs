//! The record of requests and their answers.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::Value;
#[cfg(feature = "controller")]
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::calls::Op;
use crate::server::requests::Requests;
use crate::wire::Request;

/// A request that has reached the mock, even if a fault hit it.
///
/// Its `Debug` shows neither the body nor header values that may be secret, since bodies contain env values and private
/// keys.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method.
    pub method: Method,
    /// The path as it was sent.
    pub path: String,
    /// The query as it was sent, without `?`.
    pub query: String,
    /// All headers, including the credentials.
    pub headers: HeaderMap,
    /// The body, up to the number of bytes that the server reads.
    pub body: Bytes,
    /// The requested host, in lower case, without port.
    pub host: String,
    /// The time of its arrival, on the mock's clock.
    pub time: Timestamp,
    op: Option<Op>,
    number: u64,
    answer: OnceLock<RecordedAnswer>,
}

impl RecordedRequest {
    /// Returns the operation; `None` for a path that the controller does not have.
    pub fn op(&self) -> Option<Op> {
        self.op
    }

    /// Returns the body as JSON; `Null` if it is empty or not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the body as a type of your choice, such as a `New…` type of `flynn-client`.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_client::routes::NewRoute;
    /// use flynn_mock::{AppSeed, MockController, Op};
    ///
    /// let mock = MockController::builder().app(AppSeed::new("www")).start().await;
    /// mock.client().app("www").routes().create(NewRoute::http("shop.example.org")).await?;
    ///
    /// let route: NewRoute = mock.requests().of(Op::RouteCreate).assert_one().body_as();
    /// assert_eq!(route.domain, "shop.example.org");
    /// # Ok::<(), flynn_client::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// Panics if the body cannot be decoded.
    #[track_caller]
    pub fn body_as<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(body) => body,
            Err(e) => panic!(
                "the body of {} {} is not a {}: {e}",
                self.method,
                self.path,
                std::any::type_name::<T>()
            ),
        }
    }

    /// Returns the text of a header; `None` if it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the answer; `None` until the mock has sent its head.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use flynn_mock::{MockController, Op};
    ///
    /// let mock = MockController::builder().start().await;
    /// assert!(mock.client().app("nosuch").get().await.is_err());
    ///
    /// let requests = mock.requests();
    /// let answer = requests.of(Op::AppGet).assert_one().answer().unwrap().clone();
    /// assert_eq!(answer.status.unwrap(), 404);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn answer(&self) -> Option<&RecordedAnswer> {
        self.answer.get()
    }

    /// Returns the number of the request, from 1.
    #[cfg(feature = "controller")]
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns its approximate size in bytes.
    fn size(&self) -> usize {
        /// The bytes of a header and its value besides their text.
        const HEADER: usize = 104;
        let header = |(name, value): (&http::HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() + HEADER
        };
        let headers: usize = self.headers.iter().map(header).sum();
        let texts = self.path.len() + self.query.len() + self.host.len() + self.body.len();
        let answer = self.answer.get().map_or(0, |answer| answer.body.len());
        size_of::<Self>() + texts + headers + answer
    }
}

/// The answer of the mock to a request. Its `Debug` does not show the body.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedAnswer {
    /// The status; `None` if the connection ended before the mock sent one.
    pub status: Option<StatusCode>,
    /// The body, at most its first 16 KiB. Empty for streams and attached jobs.
    pub body: Bytes,
    /// The body was longer.
    pub truncated: bool,
}

impl RecordedAnswer {
    /// The number of bytes of a body that are kept.
    const MOST: usize = 16 << 10;

    pub(crate) fn new(status: StatusCode, body: Bytes) -> Self {
        let (body, truncated) = match body.get(..Self::MOST) {
            // A slice would keep the complete body in memory.
            Some(start) if body.len() > start.len() => (Bytes::copy_from_slice(start), true),
            _ => (body, false),
        };
        Self { status: Some(status), body, truncated }
    }

    /// Records that the connection ended without an answer.
    pub(crate) fn none() -> Self {
        Self { status: None, body: Bytes::new(), truncated: false }
    }

    /// Returns the body as JSON; `Null` if it is empty, truncated or not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl fmt::Debug for RecordedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedAnswer")
            .field("status", &self.status)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// Headers whose values are not secret.
const SHOWN: [&str; 8] = [
    "accept",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "upgrade",
    "user-agent",
    "x-request-id",
];

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Headers<'a>(&'a HeaderMap);
        impl fmt::Debug for Headers<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_map().entries(shown_headers(self.0)).finish()
            }
        }
        f.debug_struct("RecordedRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &shown_query(&self.query))
            .field("host", &self.host)
            .field("headers", &Headers(&self.headers))
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("answer", &self.answer.get().map(|answer| answer.status))
            .finish_non_exhaustive()
    }
}

/// Returns headers without values that can be secret.
pub(crate) fn shown_headers(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(name, value)| {
        let text = value.to_str().unwrap_or("(not text)");
        (name.as_str(), if SHOWN.contains(&name.as_str()) { text } else { "[redacted]" })
    })
}

/// Returns a query without the value of `key`, which can be the controller's key.
pub(crate) fn shown_query(query: &str) -> String {
    let shown = |pair| {
        let (name, _) = str::split_once(pair, '=')?;
        (percent_decode_str(name).collect::<Vec<_>>() == b"key")
            .then(|| format!("{name}=[redacted]"))
    };
    let pairs = query.split_inclusive(['&', ';']).map(|pair| {
        let (pair, end) = pair.split_at(pair.trim_end_matches(['&', ';']).len());
        shown(pair).unwrap_or_else(|| pair.to_owned()) + end
    });
    pairs.collect()
}

/// The default number of bytes of requests that are kept.
pub(crate) const KEPT: usize = 64 << 20;

/// Collects the requests of one mock.
#[derive(Debug)]
pub(crate) struct Recorder {
    all: VecDeque<Arc<RecordedRequest>>,
    /// Their approximate size in bytes.
    size: usize,
    most: usize,
    forgotten: u64,
    /// Their total number, including cleared ones.
    total: u64,
    #[cfg(feature = "controller")]
    journals: Vec<UnboundedSender<Arc<RecordedRequest>>>,
}

impl Recorder {
    /// Creates a recorder that keeps the newest requests of at most this many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            all: VecDeque::new(),
            size: 0,
            most,
            forgotten: 0,
            total: 0,
            #[cfg(feature = "controller")]
            journals: Vec::new(),
        }
    }

    /// Records a request. Its answer comes [later](Self::answered).
    pub(crate) fn record(
        &mut self,
        request: &Request,
        op: Option<Op>,
        time: Timestamp,
    ) -> Arc<RecordedRequest> {
        // Headers and body share the connection's buffer, which a clone would keep alive.
        let copied = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes());
        let mut headers = HeaderMap::with_capacity(request.headers.keys_len());
        for (name, value) in &request.headers {
            // A valid value stays valid.
            if let Ok(value) = copied(value) {
                headers.append(name.clone(), value);
            }
        }
        self.total += 1;
        let recorded = Arc::new(RecordedRequest {
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers,
            body: Bytes::copy_from_slice(&request.body),
            host: request.host.clone(),
            time,
            op,
            number: self.total,
            answer: OnceLock::new(),
        });
        self.size += recorded.size();
        self.all.push_back(Arc::clone(&recorded));
        self.forget();
        recorded
    }

    /// Records the answer to a request.
    pub(crate) fn answered(&mut self, request: &Arc<RecordedRequest>, answer: RecordedAnswer) {
        let size = answer.body.len();
        if request.answer.set(answer).is_err() {
            return;
        }
        if request.number >= self.first() {
            self.size += size;
            self.forget();
        }
        #[cfg(feature = "controller")]
        self.journals.retain(|journal| journal.send(Arc::clone(request)).is_ok());
    }

    /// Hands on each request once it is answered, also if it is forgotten soon after.
    #[cfg(feature = "controller")]
    pub(crate) fn journal(&mut self) -> UnboundedReceiver<Arc<RecordedRequest>> {
        let (journal, requests) = unbounded_channel();
        for request in self.all.iter().filter(|request| request.answer.get().is_some()) {
            // The receiver is still here.
            let _ = journal.send(Arc::clone(request));
        }
        self.journals.push(journal);
        requests
    }

    fn forget(&mut self) {
        while self.size > self.most
            && let Some(oldest) = self.all.pop_front()
        {
            self.size -= oldest.size();
            self.forgotten += 1;
        }
    }

    /// Returns the number of the oldest request that is kept.
    fn first(&self) -> u64 {
        self.total - self.all.len() as u64 + 1
    }

    pub(crate) fn all(&self) -> Requests {
        Requests::new(self.all.iter().map(Arc::clone).collect(), self.forgotten)
    }

    /// Returns the number of kept requests of an operation.
    pub(crate) fn count(&self, op: Op) -> usize {
        self.all.iter().filter(|request| op == Op::Any || request.op == Some(op)).count()
    }

    /// Returns the requests with a number above `after`.
    #[cfg(feature = "controller")]
    pub(crate) fn after(&self, after: u64) -> impl Iterator<Item = &Arc<RecordedRequest>> {
        let known = after.saturating_add(1).saturating_sub(self.first());
        self.all.iter().skip(usize::try_from(known).unwrap_or(usize::MAX))
    }

    /// Returns the number of forgotten requests.
    #[cfg(feature = "controller")]
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Forgets all requests and frees their memory.
    pub(crate) fn clear(&mut self) {
        self.all = VecDeque::new();
        (self.size, self.forgotten) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;

    fn keep(recorder: &mut Recorder, request: &Request) -> Arc<RecordedRequest> {
        let op = Op::of(&request.method, &request.path);
        recorder.record(request, op, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut recorder = Recorder::new(KEPT);
        let request =
            Request::new(Method::POST, "/apps?key=hunter2&x=1&%6bey=hunter2;k%65y=hunter2")
                .header(AUTHORIZATION, HeaderValue::from_static("Basic aHVudGVyMg=="))
                .json(r#"{"env":{"A":"hunter2"}}"#);
        let entry = keep(&mut recorder, &request);
        let answer = RecordedAnswer::new(StatusCode::OK, "hunter2".into());
        recorder.answered(&entry, answer);
        let shown = format!("{:?} {:?}", recorder.all(), entry.answer());
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
        assert!(shown.contains("application/json") && shown.contains("x=1"), "{shown}");
    }

    #[test]
    fn what_is_kept_holds_no_buffer_of_a_connection() {
        let buffer = Bytes::from(vec![b'x'; 8192]);
        let mut request = Request::new(Method::GET, "/apps").json(buffer.slice(..4));
        let value = HeaderValue::from_maybe_shared(buffer.slice(4..8)).unwrap();
        request.headers.append("x-a", value.clone());
        request.headers.append("x-a", value);
        let mut recorder = Recorder::new(KEPT);
        keep(&mut recorder, &request);
        assert_eq!(recorder.all().assert_one().headers, request.headers);
        assert_eq!(recorder.all().assert_one().body, "xxxx");
        drop(request);
        assert!(buffer.is_unique());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recorder = Recorder::new(64 << 10);
        let get = |path: &str| Request::new(Method::GET, path).json(vec![b'x'; 500]);
        for n in 0..1000 {
            let entry = keep(&mut recorder, &get(&format!("/apps/{n}")));
            let answer = RecordedAnswer::new(StatusCode::OK, vec![b'x'; 500].into());
            recorder.answered(&entry, answer);
        }
        let kept = recorder.all();
        assert!((30..64).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.forgotten(), 1000 - kept.len() as u64);
        assert_eq!(kept.last().unwrap().path, "/apps/999");
        let claim = || kept.of(Op::AppCreate).assert_none();
        assert!(std::panic::catch_unwind(claim).is_err(), "one of them may have been forgotten");
        recorder.clear();
        keep(&mut recorder, &get("/apps/1"));
        recorder.all().assert_count(1);
        assert_eq!(recorder.count(Op::AppGet), 1);
    }

    #[test]
    fn an_answer_to_a_forgotten_request_takes_no_memory_of_the_record() {
        let mut recorder = Recorder::new(KEPT);
        let entry = keep(&mut recorder, &Request::new(Method::GET, "/apps"));
        recorder.clear();
        recorder.answered(&entry, RecordedAnswer::new(StatusCode::OK, "[]".into()));
        assert_eq!(recorder.size, 0);
        assert_eq!(entry.answer().unwrap().body, "[]");
    }

    #[test]
    fn a_long_answer_is_truncated() {
        let body = Bytes::from(vec![b'x'; RecordedAnswer::MOST + 1]);
        let answer = RecordedAnswer::new(StatusCode::OK, body.clone());
        assert!(answer.truncated && answer.body.len() == RecordedAnswer::MOST);
        assert!(body.is_unique());
    }
}
