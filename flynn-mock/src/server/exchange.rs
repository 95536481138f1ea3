//! The exchange of a request for its answer: the record, the fault, the engine.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use jiff::Timestamp;

use super::fault::Effect;
use super::hub::{self, Hub, Inner};
use super::record::{RecordedAnswer, RecordedRequest};
use crate::api::answer::{Answer, Body};
use crate::calls::{self, Op};
use crate::life::outside::{Given, Question};
use crate::wire::Request;

/// An answer, and the effect of a fault on its stream or its connection.
pub(super) struct Sent {
    pub(super) answer: Answer,
    pub(super) effect: Effect,
}

/// The progress of a request.
#[expect(clippy::large_enum_variant, reason = "a request makes one or two, on the stack")]
enum Progress {
    Answered {
        sent: Sent,
        /// The request has started programs.
        started: bool,
    },
    /// It must be handled at this time of the clock.
    Late(Timestamp),
    /// The engine needs an external answer first.
    Asks(Question),
}

impl Hub {
    /// Answers a request and records it, unless it is already recorded. Takes the lock once, unless the answer must
    /// wait.
    pub(super) async fn answer(&self, request: &Request, waits: Option<Waits<'_>>) -> Sent {
        let mut given = Vec::new();
        let recorded = waits.as_ref().map(|waits| Arc::clone(&waits.request));
        let (recorded, effect, mut progress) = self.with(|inner| {
            let recorded = recorded.unwrap_or_else(|| inner.record(request));
            let (effect, due) = inner.strike(request, recorded.op());
            let progress = match due {
                Some(due) => Progress::Late(due),
                None => inner.proceed(request, &recorded, &effect, &mut given),
            };
            (recorded, effect, progress)
        });
        self.tell_recorded();
        let waits = waits.unwrap_or_else(|| Waits { hub: self, request: Arc::clone(&recorded) });
        loop {
            match progress {
                Progress::Answered { sent, started } => {
                    drop(waits);
                    if started {
                        self.run_callbacks().await;
                    }
                    return sent;
                }
                Progress::Late(due) => self.reached(Some(due)).await,
                Progress::Asks(question) => given.push(hub::answer_to(question).await),
            }
            progress = self.with(|inner| inner.proceed(request, &recorded, &effect, &mut given));
            self.tell_recorded();
        }
    }

    /// Records a request that the user's own mocks may answer.
    #[cfg(feature = "wiremock")]
    pub(super) fn record(&self, request: &Request) -> Waits<'_> {
        let request = self.with(|inner| inner.record(request));
        self.tell_recorded();
        Waits { hub: self, request }
    }
}

/// A request without an answer. If its client disconnects, dropping this records it.
pub(super) struct Waits<'a> {
    hub: &'a Hub,
    request: Arc<RecordedRequest>,
}

impl Waits<'_> {
    /// Records the answer.
    pub(super) fn answered(&self, answer: RecordedAnswer) {
        self.hub.with(|inner| inner.recorder.answered(&self.request, answer));
        self.hub.tell_recorded();
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if self.request.answer().is_none() {
            self.answered(RecordedAnswer::none());
        }
    }
}

impl Inner {
    fn record(&mut self, request: &Request) -> Arc<RecordedRequest> {
        let op = Op::of(&request.method, &request.path);
        self.recorder.record(request, op, self.clock.now())
    }

    /// Picks the fault that hits the request, and the time at which the request is handled, if that is not now.
    fn strike(&mut self, request: &Request, op: Option<Op>) -> (Effect, Option<Timestamp>) {
        let now = self.clock.now();
        self.engine.advance(now);
        let goes_to_router = op.is_some_and(Op::is_of_routes);
        let stalled = goes_to_router.then(|| self.engine.routers_away_until()).flatten();
        let Some(struck) = self.faults.pick(request, op) else {
            return (Effect::Nothing, stalled);
        };
        let delayed = (!struck.delay.is_zero())
            .then(|| now.saturating_add(struck.delay).unwrap_or(Timestamp::MAX));
        (struck.effect, delayed.max(stalled))
    }

    /// Handles a request, unless a fault answers it, and records the answer.
    fn proceed(
        &mut self,
        request: &Request,
        recorded: &Arc<RecordedRequest>,
        effect: &Effect,
        given: &mut Vec<Given>,
    ) -> Progress {
        let before = self.engine.callbacks.count;
        let sent = if let Some(answer) = instead(effect) {
            Sent { answer, effect: Effect::Nothing }
        } else {
            if given.is_empty() {
                let now = self.clock.for_request();
                self.engine.advance(now);
            }
            match calls::attempt(&mut self.engine, request, given) {
                Ok(answer) => struck(answer, effect.clone()),
                Err(question) => return Progress::Asks(question),
            }
        };
        self.recorder.answered(recorded, record_of(&sent, &request.method));
        Progress::Answered { sent, started: self.engine.callbacks.count > before }
    }
}

/// Returns the answer of a fault that prevents the request from being handled.
fn instead(effect: &Effect) -> Option<Answer> {
    match effect {
        Effect::DropBefore => Some(broken()),
        Effect::Instead { status, body, json, retry_after } => {
            let mut answer = Answer::empty(*status);
            answer.body = Body::Full(body.clone());
            let headers = &mut answer.headers;
            if *json {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            if let Some(seconds) = retry_after {
                headers.insert(RETRY_AFTER, (*seconds).into());
            }
            Some(answer)
        }
        _ => None,
    }
}

/// Applies a fault to an answer. An effect on a stream or a connection is left to the server.
fn struck(mut answer: Answer, effect: Effect) -> Sent {
    let effect = match (&mut answer.body, effect) {
        (_, Effect::DropAfter) => return Sent { answer: broken(), effect: Effect::Nothing },
        (Body::Full(bytes), Effect::Malformed) => {
            bytes.truncate(bytes.len() / 2);
            Effect::Nothing
        }
        // Lists are not affected.
        (Body::Full(_), Effect::ErrorFrame(_)) => Effect::Nothing,
        (_, effect) => effect,
    };
    Sent { answer, effect }
}

/// Returns an answer that breaks the connection.
fn broken() -> Answer {
    let mut answer = Answer::empty(StatusCode::INTERNAL_SERVER_ERROR);
    answer.body = Body::Broken;
    answer
}

/// Returns the recorded part of an answer.
fn record_of(sent: &Sent, method: &Method) -> RecordedAnswer {
    let body = match (&sent.answer.body, &sent.effect) {
        (Body::Broken, _) => return RecordedAnswer::none(),
        (Body::Full(bytes), Effect::Cut(after)) => bytes.slice(..bytes.len().min(*after)),
        (Body::Full(bytes), Effect::Nothing) if method != Method::HEAD => bytes.clone(),
        _ => Bytes::new(),
    };
    RecordedAnswer::new(sent.answer.status, body)
}
