//! Recorded requests, with filters and assertions.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::sync::Arc;

use crate::calls::Op;
use crate::server::record::RecordedRequest;

/// Recorded requests in the order of their arrival, with filters and assertions.
///
/// The assertions panic on the caller's line. They also panic if requests were [forgotten](Self::forgotten), because
/// their result could be wrong.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    all: Vec<Arc<RecordedRequest>>,
    forgotten: u64,
}

impl Requests {
    pub(crate) fn new(all: Vec<Arc<RecordedRequest>>, forgotten: u64) -> Self {
        Self { all, forgotten }
    }

    /// Keeps the requests of one operation.
    pub fn of(&self, op: Op) -> Self {
        self.filter(|request| op == Op::Any || request.op() == Some(op))
    }

    /// Keeps the requests for which `keep` returns true.
    pub fn filter(&self, mut keep: impl FnMut(&&RecordedRequest) -> bool) -> Self {
        let kept = self.all.iter().filter(|request| keep(&request.as_ref()));
        Self { all: kept.map(Arc::clone).collect(), forgotten: self.forgotten }
    }

    /// Returns the number of requests, of all operations, that the mock has forgotten since the start or since they
    /// were last cleared; see [`Builder::request_memory`](crate::Builder::request_memory).
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns the number of requests.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether there are no requests.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the first request.
    pub fn first(&self) -> Option<&RecordedRequest> {
        self.all.first().map(Arc::as_ref)
    }

    /// Returns the last request.
    pub fn last(&self) -> Option<&RecordedRequest> {
        self.all.last().map(Arc::as_ref)
    }

    /// Iterates over the requests.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.all.iter())
    }

    /// Returns the operations in order, without requests for unknown paths.
    pub fn ops(&self) -> Vec<Op> {
        self.iter().filter_map(RecordedRequest::op).collect()
    }

    /// Asserts the number of requests.
    ///
    /// # Panics
    /// Panics unless there are exactly `n`.
    #[track_caller]
    pub fn assert_count(&self, n: usize) -> &Self {
        self.assert_complete();
        assert!(self.all.len() == n, "expected {n} requests, got {}: {:#?}", self.len(), self.all);
        self
    }

    /// Asserts that there are no requests.
    ///
    /// # Panics
    /// Panics if there are requests.
    #[track_caller]
    pub fn assert_none(&self) {
        self.assert_count(0);
    }

    /// Returns the only request.
    ///
    /// # Panics
    /// Panics unless there is exactly one.
    #[track_caller]
    pub fn assert_one(&self) -> &RecordedRequest {
        self.assert_count(1);
        let [only] = self.all.as_slice() else { panic!("counted one a line above") };
        only
    }

    /// Asserts the order of operations. Others may come between them.
    ///
    /// # Panics
    /// Panics unless these operations arrived in this order.
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
            panic!("{missing:?} did not arrive in this order: {:?}", self.ops());
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
    use http::Method;
    use jiff::Timestamp;

    use super::*;
    use crate::server::record::{KEPT, Recorder};
    use crate::wire::Request;

    fn recorded() -> Requests {
        let mut recorder = Recorder::new(KEPT);
        for (method, op) in [(Method::POST, Op::AppCreate), (Method::GET, Op::AppList)] {
            let request = Request::new(method, "/apps").json(r#"{"env":{"A":"1"}}"#);
            recorder.record(&request, Some(op), Timestamp::UNIX_EPOCH);
        }
        recorder.all()
    }

    #[test]
    fn filters_and_assertions() {
        let requests = recorded();
        requests.assert_count(2).assert_order(&[Op::AppCreate, Op::AppList]);
        assert_eq!(requests.of(Op::AppCreate).assert_one().json()["env"]["A"], "1");
        requests.of(Op::AppDelete).assert_none();
    }

    #[test]
    #[should_panic(expected = "AppList did not arrive in this order")]
    fn a_wrong_order_panics() {
        recorded().assert_order(&[Op::AppList, Op::AppList]);
    }
}
