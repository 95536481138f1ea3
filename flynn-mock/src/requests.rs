//! The requests that a mock has received.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;

use crate::engine::Request;
use crate::op::Op;

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
    /// The whole body.
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

    /// The text of a header; `None` when it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Headers whose values are shown.
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
                let shown = |name: &str| SHOWN.contains(&name);
                f.debug_map()
                    .entries(self.0.iter().map(|(name, value)| {
                        let text = value.to_str().unwrap_or("(not text)");
                        (name.as_str(), if shown(name.as_str()) { text } else { "[redacted]" })
                    }))
                    .finish()
            }
        }
        f.debug_struct("RecordedRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &Query(&self.query))
            .field("host", &self.host)
            .field("headers", &Headers(&self.headers))
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// A query without the value of `key`, which old controllers take the key from.
struct Query<'a>(&'a str);

impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        for pair in self.0.split('&') {
            if !shown.is_empty() {
                shown.push('&');
            }
            shown.push_str(if pair.starts_with("key=") { "key=[redacted]" } else { pair });
        }
        fmt::Debug::fmt(&shown, f)
    }
}

/// Collects the requests of one mock.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    all: Vec<RecordedRequest>,
}

impl Recorder {
    pub(crate) fn record(&mut self, request: &Request, time: Timestamp) {
        self.all.push(RecordedRequest {
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            host: request.host.clone(),
            time,
        });
    }

    pub(crate) fn all(&self) -> Requests {
        Requests { all: self.all.clone() }
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
    }
}

/// Requests in the order in which they came, with filters and assertions.
///
/// The assertions panic on the caller's line.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    all: Vec<RecordedRequest>,
}

impl Requests {
    /// Those of one operation.
    pub fn of(&self, op: Op) -> Self {
        self.filter(|request| op == Op::Any || request.op() == Some(op))
    }

    /// Those that `keep` says yes to.
    pub fn filter(&self, keep: impl FnMut(&&RecordedRequest) -> bool) -> Self {
        Self { all: self.all.iter().filter(keep).cloned().collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The first one.
    pub fn first(&self) -> Option<&RecordedRequest> {
        self.all.first()
    }

    /// The last one.
    pub fn last(&self) -> Option<&RecordedRequest> {
        self.all.last()
    }

    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, RecordedRequest> {
        self.all.iter()
    }

    /// Their operations in order; unknown paths are left out.
    pub fn ops(&self) -> Vec<Op> {
        self.all.iter().filter_map(RecordedRequest::op).collect()
    }

    /// # Panics
    /// Unless there are exactly `n`.
    #[track_caller]
    pub fn assert_count(&self, n: usize) -> &Self {
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
}

impl IntoIterator for Requests {
    type Item = RecordedRequest;
    type IntoIter = std::vec::IntoIter<RecordedRequest>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

impl<'a> IntoIterator for &'a Requests {
    type Item = &'a RecordedRequest;
    type IntoIter = std::slice::Iter<'a, RecordedRequest>;

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
        let mut recorder = Recorder::default();
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
    #[should_panic(expected = "AppList did not come in its turn")]
    fn a_wrong_order_panics() {
        recorded().assert_order(&[Op::AppList, Op::AppList]);
    }
}
