//! The requests that a mock has received.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;

use crate::calls::Op;
use crate::wire::Request;

/// A request that reached the mock, faults included.
///
/// Its `Debug` shows neither header values that may be secret nor the body: bodies carry env
/// values and private keys.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method.
    pub method: Method,
    /// The path as it was sent.
    pub path: String,
    /// The query as it was sent, without `?`.
    pub query: String,
    /// All headers, the credentials included.
    pub headers: HeaderMap,
    /// The body; of one that is larger than the server reads, as much as it reads.
    pub body: Bytes,
    /// The host asked for, lower case, without port.
    pub host: String,
    /// When it came, by the mock's clock.
    pub time: Timestamp,
}

impl RecordedRequest {
    /// The operation; `None` for a path that the controller does not have.
    pub fn op(&self) -> Option<Op> {
        Op::of(&self.method, &self.path)
    }

    /// The body as JSON; `Null` when it is empty or none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// How many bytes it takes, about.
    fn size(&self) -> usize {
        /// What a header and its value take besides their text.
        const HEADER: usize = 104;
        let header = |(name, value): (&http::HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() + HEADER
        };
        let headers: usize = self.headers.iter().map(header).sum();
        let texts = self.path.len() + self.query.len() + self.host.len() + self.body.len();
        size_of::<Self>() + texts + headers
    }

    /// The text of a header; `None` when it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
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
            .finish_non_exhaustive()
    }
}

/// Headers without the values that can be secret.
pub(crate) fn shown_headers(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(name, value)| {
        let text = value.to_str().unwrap_or("(not text)");
        (name.as_str(), if SHOWN.contains(&name.as_str()) { text } else { "[redacted]" })
    })
}

/// A query without the value of `key`, which old controllers take the key from.
pub(crate) fn shown_query(query: &str) -> String {
    let shown = |pair: &str| {
        if pair.starts_with("key=") { "key=[redacted]".to_owned() } else { pair.to_owned() }
    };
    query.split('&').map(shown).collect::<Vec<_>>().join("&")
}

/// How many bytes of requests are kept unless the builder says otherwise.
pub(crate) const KEPT: usize = 64 << 20;

/// Collects the requests of one mock.
#[derive(Debug)]
pub(crate) struct Recorder {
    all: VecDeque<Arc<RecordedRequest>>,
    /// How many bytes they take, about.
    size: usize,
    most: usize,
    forgotten: u64,
    /// How many there have been in all, those that were cleared included.
    total: u64,
}

/// A request and its number, counted from 1.
#[cfg(feature = "controller")]
pub(crate) type Numbered = (u64, Arc<RecordedRequest>);

impl Recorder {
    /// Keeps requests of this many bytes, the newest ones.
    pub(crate) fn new(most: usize) -> Self {
        Self { all: VecDeque::new(), size: 0, most, forgotten: 0, total: 0 }
    }

    pub(crate) fn record(&mut self, request: &Request, time: Timestamp) {
        // Headers and body are parts of the connection's buffer, which a clone would keep alive.
        let copied = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes());
        let mut headers = HeaderMap::with_capacity(request.headers.keys_len());
        for (name, value) in &request.headers {
            // What was a value stays one.
            if let Ok(value) = copied(value) {
                headers.append(name.clone(), value);
            }
        }
        let recorded = RecordedRequest {
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers,
            body: Bytes::copy_from_slice(&request.body),
            host: request.host.clone(),
            time,
        };
        self.size += recorded.size();
        self.total += 1;
        self.all.push_back(Arc::new(recorded));
        while self.size > self.most
            && let Some(oldest) = self.all.pop_front()
        {
            self.size -= oldest.size();
            self.forgotten += 1;
        }
    }

    pub(crate) fn all(&self) -> Requests {
        Requests { all: self.all.iter().map(Arc::clone).collect(), forgotten: self.forgotten }
    }

    /// The number of the last request, or 0.
    #[cfg(feature = "controller")]
    pub(crate) fn last(&self) -> u64 {
        self.total
    }

    /// The requests with a number above `after`, with their numbers.
    #[cfg(feature = "controller")]
    pub(crate) fn numbered(&self, after: u64) -> Vec<Numbered> {
        let first = self.total - self.all.len() as u64 + 1;
        let requests = (first..).zip(&self.all).skip_while(|(number, _)| *number <= after);
        requests.map(|(number, request)| (number, Arc::clone(request))).collect()
    }

    /// Forgets all of them and gives their memory back.
    pub(crate) fn clear(&mut self) {
        *self = Self { total: self.total, ..Self::new(self.most) };
    }
}

/// Requests in the order in which they came, with filters and assertions.
///
/// The assertions panic on the caller's line, and whenever requests were
/// [forgotten](Self::forgotten): what they claim could then be wrong.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    all: Vec<Arc<RecordedRequest>>,
    forgotten: u64,
}

impl Requests {
    /// Those of one operation.
    pub fn of(&self, op: Op) -> Self {
        self.filter(|request| op == Op::Any || request.op() == Some(op))
    }

    /// Those that `keep` says yes to.
    pub fn filter(&self, mut keep: impl FnMut(&&RecordedRequest) -> bool) -> Self {
        let kept = self.all.iter().filter(|request| keep(&request.as_ref()));
        Self { all: kept.map(Arc::clone).collect(), forgotten: self.forgotten }
    }

    /// How many earlier requests the mock has forgotten since it started or they were last
    /// cleared, of whatever operation; see
    /// [`Builder::request_memory`](crate::Builder::request_memory).
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The first one.
    pub fn first(&self) -> Option<&RecordedRequest> {
        self.all.first().map(Arc::as_ref)
    }

    /// The last one.
    pub fn last(&self) -> Option<&RecordedRequest> {
        self.all.last().map(Arc::as_ref)
    }

    /// One after the other.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.all.iter())
    }

    /// Their operations in order; unknown paths are left out.
    pub fn ops(&self) -> Vec<Op> {
        self.iter().filter_map(RecordedRequest::op).collect()
    }

    /// # Panics
    /// Unless there are exactly `n`.
    #[track_caller]
    pub fn assert_count(&self, n: usize) -> &Self {
        self.assert_complete();
        assert!(self.all.len() == n, "expected {n} requests, got {}: {:#?}", self.len(), self.all);
        self
    }

    /// # Panics
    /// Unless there are none.
    #[track_caller]
    pub fn assert_none(&self) {
        self.assert_count(0);
    }

    /// The only one.
    ///
    /// # Panics
    /// Unless there is exactly one.
    #[track_caller]
    pub fn assert_one(&self) -> &RecordedRequest {
        self.assert_count(1);
        let [only] = self.all.as_slice() else { panic!("counted one a line above") };
        only
    }

    /// # Panics
    /// Unless these operations came in this order, others between them allowed.
    #[track_caller]
    pub fn assert_order(&self, ops: &[Op]) -> &Self {
        self.assert_complete();
        let mut wanted = ops.iter();
        let mut next = wanted.next();
        for request in &self.all {
            if request.op().as_ref() == next {
                next = wanted.next();
            }
        }
        if let Some(missing) = next {
            panic!("{missing:?} did not come in its turn: {:?}", self.ops());
        }
        self
    }

    #[track_caller]
    fn assert_complete(&self) {
        let forgotten = self.forgotten;
        assert!(
            forgotten == 0,
            "{forgotten} earlier requests are forgotten: clear them before what is asserted on, or \
             set a larger `Builder::request_memory`"
        );
    }
}

/// Iterates over [`Requests`].
#[derive(Clone, Debug)]
pub struct Iter<'a>(std::slice::Iter<'a, Arc<RecordedRequest>>);

impl<'a> Iterator for Iter<'a> {
    type Item = &'a RecordedRequest;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Arc::as_ref)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(Arc::as_ref)
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Requests {
    type Item = &'a RecordedRequest;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;

    fn recorded() -> Requests {
        let mut recorder = Recorder::new(KEPT);
        let request = Request::new(Method::POST, "/apps?key=hunter2&x=1")
            .header(AUTHORIZATION, HeaderValue::from_static("Basic aHVudGVyMg=="))
            .json(r#"{"env":{"A":"hunter2"}}"#);
        recorder.record(&request, Timestamp::UNIX_EPOCH);
        recorder.record(&Request::new(Method::GET, "/apps"), Timestamp::UNIX_EPOCH);
        recorder.all()
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", recorded());
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
        assert!(shown.contains("application/json") && shown.contains("x=1"), "{shown}");
    }

    #[test]
    fn filters_and_assertions() {
        let requests = recorded();
        requests.assert_count(2).assert_order(&[Op::AppCreate, Op::AppList]);
        assert_eq!(requests.of(Op::AppCreate).assert_one().json()["env"]["A"], "hunter2");
        requests.of(Op::AppDelete).assert_none();
    }

    #[test]
    fn what_is_kept_holds_no_buffer_of_a_connection() {
        let buffer = Bytes::from(vec![b'x'; 8192]);
        let mut request = Request::new(Method::GET, "/apps").json(buffer.slice(..4));
        let value = HeaderValue::from_maybe_shared(buffer.slice(4..8)).unwrap();
        request.headers.append("x-a", value.clone());
        request.headers.append("x-a", value);
        let mut recorder = Recorder::new(KEPT);
        recorder.record(&request, Timestamp::UNIX_EPOCH);
        assert_eq!(recorder.all().assert_one().headers, request.headers);
        assert_eq!(recorder.all().assert_one().body, "xxxx");
        drop(request);
        assert!(buffer.is_unique());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recorder = Recorder::new(64 << 10);
        let record = |recorder: &mut Recorder, path: &str| {
            let request = Request::new(Method::GET, path).json(vec![b'x'; 1000]);
            recorder.record(&request, Timestamp::UNIX_EPOCH);
        };
        for n in 0..1000 {
            record(&mut recorder, &format!("/apps/{n}"));
        }
        let kept = recorder.all();
        assert!((30..64).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.forgotten(), 1000 - kept.len() as u64);
        assert_eq!(kept.last().unwrap().path, "/apps/999");
        let claim = || kept.of(Op::AppCreate).assert_none();
        assert!(std::panic::catch_unwind(claim).is_err(), "one of them may have been forgotten");
        recorder.clear();
        record(&mut recorder, "/apps/1");
        recorder.all().assert_count(1);
    }

    #[test]
    #[should_panic(expected = "AppList did not come in its turn")]
    fn a_wrong_order_panics() {
        recorded().assert_order(&[Op::AppList, Op::AppList]);
    }
}
