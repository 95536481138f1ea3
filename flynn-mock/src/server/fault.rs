//! Faults: failures on request.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use crate::calls::Op;
use crate::server::hub::Hub;
use crate::wire::Request;

/// A fault of a request, for [`MockController::fail_next`](crate::MockController::fail_next).
///
/// ```
/// use std::time::Duration;
/// use flynn_mock::Fault;
///
/// let busy = Fault::status(503).retry(true).after(Duration::from_millis(5));
/// let lost = Fault::drop_after();
/// # let _ = (busy, lost);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is handed to `fail_next`"]
pub struct Fault {
    delay: Duration,
    kind: Option<Effect>,
}

/// The effect of a fault on the answer.
#[derive(Clone)]
pub(crate) enum Effect {
    /// Sends another answer. The request is not handled.
    Instead { status: StatusCode, body: Bytes, json: bool, retry_after: Option<u64> },
    /// Closes the connection before the request is handled.
    DropBefore,
    /// Handles the request, then closes the connection.
    DropAfter,
    /// Closes the connection after this many bytes of the body.
    Cut(usize),
    /// Damages the JSON of the body.
    Malformed,
    /// Starts the answer and then sends nothing, not even keep-alives.
    Silent,
    /// Ends a stream with an error frame.
    ErrorFrame(String),
    /// Only delays the answer.
    Nothing,
}

/// Does not show bodies.
impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instead { status, .. } => write!(f, "Instead({status})"),
            Self::DropBefore => f.write_str("DropBefore"),
            Self::DropAfter => f.write_str("DropAfter"),
            Self::Cut(after) => write!(f, "Cut({after})"),
            Self::Malformed => f.write_str("Malformed"),
            Self::Silent => f.write_str("Silent"),
            Self::ErrorFrame(_) => f.write_str("ErrorFrame"),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

impl Fault {
    fn of(kind: Effect) -> Self {
        Self { delay: Duration::ZERO, kind: Some(kind) }
    }

    /// Creates an error with this status and the controller's body for it. The request is not handled. As on a real
    /// controller, 401, 404, 502 and 504 have no body.
    ///
    /// # Panics
    /// Panics if the status is not between 100 and 999.
    #[track_caller]
    pub fn status(status: u16) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else {
            panic!("{status} is not an HTTP status");
        };
        let (code, message) = match status.as_u16() {
            400 => ("validation_error", "The request is invalid"),
            403 => ("forbidden", "Forbidden"),
            409 => ("conflict", "Conflict"),
            412 => ("precondition_failed", "Precondition failed"),
            429 => ("ratelimited", "Too many requests"),
            503 => ("service_unavailable", "The service is unavailable"),
            _ => ("unknown_error", "Something went wrong"),
        };
        let bare = matches!(status.as_u16(), 401 | 404 | 502 | 504) || status.is_success();
        let body = if bare {
            Bytes::new()
        } else {
            let retry = matches!(status.as_u16(), 429 | 503);
            error_body(code, message, retry)
        };
        Self::of(Effect::Instead { status, body, json: !bare, retry_after: None })
    }

    /// Creates an answer with this status and body. The request is not handled.
    ///
    /// # Panics
    /// Panics if the status is not between 100 and 999.
    #[track_caller]
    pub fn answer(status: u16, body: impl Into<Bytes>) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else {
            panic!("{status} is not an HTTP status");
        };
        Self::of(Effect::Instead { status, body: body.into(), json: true, retry_after: None })
    }

    /// Sets `retry` in the error body of [`status`](Self::status) or [`answer`](Self::answer).
    ///
    /// # Panics
    /// Panics if the fault has no such body, as with 401, 404, 502 and 504.
    #[track_caller]
    pub fn retry(mut self, retry: bool) -> Self {
        let Some(Effect::Instead { body, json: true, .. }) = &mut self.kind else {
            panic!("a fault without an error body cannot say whether to retry");
        };
        let document = serde_json::from_slice::<serde_json::Value>(body);
        let Ok(serde_json::Value::Object(mut object)) = document else {
            panic!("a fault whose body is not a JSON object cannot say whether to retry");
        };
        object.insert("retry".to_owned(), retry.into());
        *body = serde_json::Value::Object(object).to_string().into();
        self
    }

    /// Adds a `Retry-After` header, in seconds, to the answer of [`status`](Self::status) or [`answer`](Self::answer).
    ///
    /// # Panics
    /// Panics if the fault is not an answer.
    #[track_caller]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        let Some(Effect::Instead { retry_after, .. }) = &mut self.kind else {
            panic!("a fault that is not an answer has no Retry-After");
        };
        *retry_after = Some(seconds);
        self
    }

    /// Delays the real answer by this time of the mock's clock.
    pub fn delay(time: Duration) -> Self {
        Self { delay: time, kind: None }
    }

    /// Delays the fault by this time of the mock's clock.
    pub fn after(mut self, time: Duration) -> Self {
        self.delay = time;
        self
    }

    /// Breaks the connection before the request is handled.
    pub fn drop_before() -> Self {
        Self::of(Effect::DropBefore)
    }

    /// Breaks the connection after the request is handled, before a byte of the answer.
    pub fn drop_after() -> Self {
        Self::of(Effect::DropAfter)
    }

    /// Breaks the connection after this many bytes of the answer's body. The request is handled.
    pub fn cut_body(after: usize) -> Self {
        Self::of(Effect::Cut(after))
    }

    /// Cuts off the second half of the answer's body. The request is handled. A stream sends one broken document and
    /// ends, and an attached job sends a frame of an unknown type.
    pub fn malformed_json() -> Self {
        Self::of(Effect::Malformed)
    }

    /// Opens the stream and then sends nothing, not even keep-alives. Any other answer stops after its headers.
    pub fn silent_stream() -> Self {
        Self::of(Effect::Silent)
    }

    /// Opens the stream and ends it at once with `event: error` and this text. An attached job sends an error frame, as a
    /// host does whose job is already gone. Other answers are not affected, and
    /// [`fail_next`](crate::MockController::fail_next) refuses it for operations without a stream.
    pub fn error_frame(text: impl Into<String>) -> Self {
        Self::of(Effect::ErrorFrame(text.into()))
    }
}

fn error_body(code: &str, message: &str, retry: bool) -> Bytes {
    json!({"code": code, "message": message, "retry": retry}).to_string().into()
}

/// The faults of a mock.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next: u64,
    set: Vec<SetFault>,
}

/// A fault of a mock.
#[derive(Debug)]
pub(crate) struct SetFault {
    pub(crate) id: u64,
    pub(crate) op: Op,
    /// The only path that it hits.
    pub(crate) path: Option<String>,
    pub(crate) fault: Fault,
    /// The number of requests that still pass.
    pub(crate) skip: usize,
    /// The number of requests that it still hits; `None` until it is lifted.
    pub(crate) left: Option<usize>,
    pub(crate) hits: usize,
}

/// The fault that hits a request.
#[derive(Clone, Debug)]
pub(crate) struct Struck {
    pub(crate) delay: Duration,
    pub(crate) effect: Effect,
}

impl Faults {
    /// Sets a fault that lets the first `skip` requests pass and then hits `times` requests, or all until it is lifted.
    /// Returns its id.
    pub(crate) fn set(
        &mut self,
        op: Op,
        fault: Fault,
        path: Option<String>,
        times: Option<usize>,
        skip: usize,
    ) -> u64 {
        let id = self.next;
        self.next += 1;
        self.set.push(SetFault { id, op, path, fault, skip, left: times, hits: 0 });
        id
    }

    /// Returns the first active fault for this request, and counts it down. Each earlier fault that the request matches
    /// lets one request less pass.
    pub(crate) fn pick(&mut self, request: &Request, op: Option<Op>) -> Option<Struck> {
        let mut due = self.set.iter_mut().filter(|set| {
            let aimed = (set.op == Op::Any || op == Some(set.op))
                && set.path.as_ref().is_none_or(|path| *path == request.path);
            let only_streams = matches!(set.fault.kind, Some(Effect::ErrorFrame(_)));
            set.left != Some(0)
                && aimed
                && (!only_streams || op.is_some_and(|op| op.is_stream(request)))
        });
        let set = due.find_map(|set| {
            let strikes = set.skip == 0;
            set.skip = set.skip.saturating_sub(1);
            strikes.then_some(set)
        })?;
        set.hits += 1;
        set.left = set.left.map(|left| left.saturating_sub(1));
        let effect = set.fault.kind.clone().unwrap_or(Effect::Nothing);
        Some(Struck { delay: set.fault.delay, effect })
    }

    pub(crate) fn lift_all(&mut self) {
        self.set.clear();
    }

    pub(crate) fn find(&mut self, id: u64) -> Option<&mut SetFault> {
        self.set.iter_mut().find(|set| set.id == id)
    }
}

/// For the control API.
#[cfg(feature = "controller")]
impl Faults {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SetFault> {
        self.set.iter()
    }

    /// Removes a fault. Returns false if the id does not exist.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.set.len();
        self.set.retain(|set| set.id != id);
        self.set.len() != before
    }
}

#[cfg(feature = "controller")]
impl Fault {
    /// Returns whether [`retry`](Self::retry) can be set.
    pub(crate) fn has_error_body(&self) -> bool {
        matches!(&self.kind, Some(Effect::Instead { json: true, .. }))
    }

    /// Describes the kind with its numbers.
    pub(crate) fn describe(&self) -> String {
        let kind = match &self.kind {
            Some(Effect::Instead { status, .. }) => format!("status {}", status.as_u16()),
            Some(Effect::DropBefore) => "drop_before".to_owned(),
            Some(Effect::DropAfter) => "drop_after".to_owned(),
            Some(Effect::Cut(after)) => format!("cut_body after {after} bytes"),
            Some(Effect::Malformed) => "malformed_json".to_owned(),
            Some(Effect::Silent) => "silent_stream".to_owned(),
            Some(Effect::ErrorFrame(_)) => "error_frame".to_owned(),
            Some(Effect::Nothing) | None => "delay".to_owned(),
        };
        match self.delay.as_millis() {
            0 => kind,
            ms => format!("{kind}, {ms} ms late"),
        }
    }
}

/// A handle to a fault of a mock. The fault hits one request unless you change that. It stays set if the handle is
/// dropped.
///
/// ```
/// use flynn_mock::{Fault, MockController, Op};
///
/// let mock = MockController::builder().start_blocking();
/// let fault = mock.fail_next(Op::AppGet, Fault::status(500)).on_path("/apps/www").times(2);
/// assert_eq!(fault.hits(), 0);
/// ```
#[derive(Clone)]
pub struct FaultHandle {
    hub: Arc<Hub>,
    id: u64,
}

#[allow(clippy::return_self_not_must_use, reason = "the fault is set already")]
impl FaultHandle {
    #[track_caller]
    pub(crate) fn set(hub: &Arc<Hub>, op: Op, fault: Fault) -> Self {
        assert!(
            op.streams() || !matches!(fault.kind, Some(Effect::ErrorFrame(_))),
            "{op:?} has no stream that could end with an error frame"
        );
        let id = hub.with(|inner| inner.faults.set(op, fault, None, Some(1), 0));
        Self { hub: Arc::clone(hub), id }
    }

    fn change<T: Default>(&self, change: impl FnOnce(&mut SetFault) -> T) -> T {
        self.hub.with(|inner| inner.faults.find(self.id).map(change).unwrap_or_default())
    }

    /// Makes the fault hit the next `n` requests of the operation.
    pub fn times(self, n: usize) -> Self {
        self.change(|set| set.left = Some(n));
        self
    }

    /// Lets the first `n` requests of the operation pass.
    ///
    /// ```
    /// use flynn_mock::{Fault, MockController, Op};
    ///
    /// let mock = MockController::builder().start_blocking();
    /// // The second list fails.
    /// mock.fail_next(Op::AppList, Fault::status(503)).skip(1);
    /// ```
    pub fn skip(self, n: usize) -> Self {
        self.change(|set| set.skip = n);
        self
    }

    /// Limits the fault to requests for this path, such as `/apps/www`, as it is sent.
    pub fn on_path(self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.change(|set| set.path = Some(path));
        self
    }

    /// Makes the fault hit all requests until [`lift`](Self::lift).
    pub fn until_lifted(self) -> Self {
        self.change(|set| set.left = None);
        self
    }

    /// Removes the fault.
    pub fn lift(&self) {
        self.change(|set| set.left = Some(0));
    }

    /// Returns the number of requests that the fault has hit.
    pub fn hits(&self) -> usize {
        self.change(|set| set.hits)
    }
}

impl fmt::Debug for FaultHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultHandle").field("hits", &self.hits()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn a_fault_strikes_its_operation_as_often_as_it_was_told() {
        let mut faults = Faults::default();
        let id = faults.set(Op::AppList, Fault::drop_before(), None, Some(2), 1);
        let mut strikes = |op, path| {
            let request = Request::new(Method::GET, path);
            faults.pick(&request, Some(op)).is_some()
        };
        assert!(!strikes(Op::AppGet, "/apps/www"));
        assert!(!strikes(Op::AppList, "/apps?x=1"), "the first one is spared");
        assert!(strikes(Op::AppList, "/apps?x=1"));
        assert!(strikes(Op::AppList, "/apps"));
        assert!(!strikes(Op::AppList, "/apps"));
        assert_eq!(faults.find(id).unwrap().hits, 2);
    }

    #[test]
    fn an_error_body_says_whether_to_retry() {
        let Some(Effect::Instead { body, .. }) = Fault::status(500).retry(true).kind else {
            panic!("not an answer")
        };
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["retry"], true);
        assert_eq!(body["code"], "unknown_error");
    }
}
