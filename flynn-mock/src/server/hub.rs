//! What the server, the streams and the test share: the engine behind a lock, the clock, the
//! faults, the requests so far, and the news that something changed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::api::answer::Answer;
use crate::api::streams::{Cursor, Frames, next_frames};
use crate::calls::{self, Op};
use crate::life::guard;
use crate::life::{Engine, Pace};
use crate::server::clock::Clock;
use crate::server::fault::{Effect, Faults};
use crate::server::lock::Lock;
use crate::server::requests::Recorder;
use crate::wire::Request;

/// The shared heart of one mock.
#[derive(Debug)]
pub(crate) struct Hub {
    inner: Lock<Inner>,
    changed: watch::Sender<u64>,
    idle: watch::Sender<Idle>,
    /// Changes with each recorded request.
    recorded: watch::Sender<()>,
    /// How many bytes of a body the server reads.
    pub(crate) most_read: usize,
    /// Where the user's own mocks are asked first.
    #[cfg(feature = "wiremock")]
    pub(crate) asked_first: std::sync::OnceLock<std::net::SocketAddr>,
}

/// Everything behind the lock.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
}

/// The open streams, each with the version at which it had nothing more to send.
#[derive(Debug, Default)]
struct Idle {
    next: u64,
    streams: BTreeMap<u64, Option<u64>>,
}

impl Hub {
    pub(crate) fn new(engine: Engine, clock: Clock, recorder: Recorder) -> Self {
        let (version, most_read) = (engine.version(), engine.dialect.bodies.most_read);
        let inner = Inner { engine, clock, faults: Faults::default(), recorder };
        Self {
            inner: Lock::new(inner),
            changed: watch::Sender::new(version),
            idle: watch::Sender::new(Idle::default()),
            recorded: watch::Sender::new(()),
            most_read,
            #[cfg(feature = "wiremock")]
            asked_first: std::sync::OnceLock::new(),
        }
    }

    /// Works on what is behind the lock, then tells the streams.
    #[track_caller]
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.take();
        let result = work(&mut inner);
        let version = inner.engine.version();
        drop(inner);
        self.changed.send_if_modified(|seen| std::mem::replace(seen, version) != version);
        result
    }

    /// Lets the test move the clock, and the engine with it; who waits for a time hears of it
    /// even when nothing fell due. A program that panics meanwhile panics in the test.
    #[track_caller]
    pub(crate) fn drive<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        guard::raising(|| {
            let result = self.with(work);
            self.changed.send_modify(|_| {});
            result
        })
    }

    /// Moves the engine to what the clock shows.
    pub(crate) fn catch_up(&self) {
        self.with(|inner| inner.engine.advance(inner.clock.now()));
    }

    /// Records the request.
    pub(crate) fn record(&self, request: &Request) {
        self.with(|inner| inner.recorder.record(request, inner.clock.now()));
        self.recorded.send_replace(());
    }

    /// Waits until a condition on the recorded requests holds.
    pub(crate) async fn recorded(&self, holds: impl Fn() -> bool) {
        let mut recorded = self.recorded.subscribe();
        while !holds() {
            // The sender lives in `self`, so the wait cannot fail.
            let _ = recorded.changed().await;
        }
    }

    /// Picks the fault that the request meets and when it is to be handled.
    pub(crate) fn strike(&self, request: &Request) -> (Effect, Option<Timestamp>) {
        self.with(|inner| {
            let now = inner.clock.now();
            inner.engine.advance(now);
            let goes_to_router =
                Op::of(&request.method, &request.path).is_some_and(Op::is_of_routes);
            let stalled = goes_to_router.then(|| inner.engine.routers_away_until()).flatten();
            let Some(struck) = inner.faults.pick(request) else {
                return (Effect::Nothing, stalled);
            };
            let delayed = (!struck.delay.is_zero())
                .then(|| now.saturating_add(struck.delay).unwrap_or(Timestamp::MAX));
            (struck.effect, delayed.max(stalled))
        })
    }

    /// Lets the engine answer.
    pub(crate) fn handle(&self, request: &Request) -> Answer {
        self.with(|inner| {
            let now = inner.clock.for_request();
            inner.engine.advance(now);
            calls::handle(&mut inner.engine, request)
        })
    }

    /// The next frames of an open stream.
    pub(crate) fn frames(&self, cursor: &mut Cursor) -> (Frames, u64) {
        self.with(|inner| {
            inner.engine.advance(inner.clock.now());
            let frames = next_frames(&mut inner.engine, cursor);
            (frames, inner.engine.version())
        })
    }

    /// Hears of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Sleeps until the clock shows `time`; for ever when only the test moves it, or without one.
    pub(crate) async fn sleep_until(&self, time: Option<Timestamp>) {
        let sleep = time.and_then(|time| self.inner.take().clock.until(time));
        match sleep {
            Some(sleep) => tokio::time::sleep(sleep).await,
            None => std::future::pending().await,
        }
    }

    /// What the clock will show after this time.
    pub(crate) fn due_in(&self, time: SignedDuration) -> Timestamp {
        self.inner.take().clock.now().saturating_add(time).unwrap_or(Timestamp::MAX)
    }

    /// Waits until the clock shows `due`, whoever moves it; for ever without one.
    pub(crate) async fn reached(&self, due: Option<Timestamp>) {
        let Some(due) = due else { return std::future::pending().await };
        let mut changes = self.changes();
        while self.inner.take().clock.now() < due {
            tokio::select! {
                () = self.sleep_until(Some(due)) => {}
                change = changes.changed() => if change.is_err() { return },
            }
        }
    }

    /// Waits until a job is down; its exit status.
    pub(crate) async fn job_ended(&self, job: &str) -> i32 {
        let mut changes = self.changes();
        loop {
            let ended = self.inner.take().engine.job_ended(job);
            if let Some(status) = ended {
                return status;
            }
            // The sender lives in `self`, so the wait cannot fail.
            let _ = changes.changed().await;
        }
    }

    /// Keeps the life of the cluster going while the clock follows the machine's.
    pub(crate) async fn live(&self) {
        let mut changes = self.changes();
        loop {
            let due = {
                let inner = self.inner.take();
                // At this pace, only the test runs a step.
                inner.engine.next_due().filter(|_| inner.engine.pace() != Pace::ByHand)
            };
            tokio::select! {
                () = self.sleep_until(due) => {}
                change = changes.changed() => if change.is_err() { return },
            }
            self.catch_up();
        }
    }

    /// Enters a stream into the list of the open ones.
    pub(crate) fn open_stream(&self) -> u64 {
        let mut id = 0;
        self.idle.send_modify(|idle| {
            id = idle.next;
            idle.next += 1;
            idle.streams.insert(id, None);
        });
        id
    }

    /// Notes that a stream had nothing more to send at this version.
    pub(crate) fn stream_idle(&self, id: u64, version: u64) {
        self.idle.send_modify(|idle| {
            if let Some(seen) = idle.streams.get_mut(&id) {
                *seen = Some(version);
            }
        });
    }

    /// Forgets a stream.
    pub(crate) fn close_stream(&self, id: u64) {
        self.idle.send_modify(|idle| {
            idle.streams.remove(&id);
        });
    }

    /// Waits until every open stream has handed on all there is.
    pub(crate) async fn settled(&self) {
        let mut idle = self.idle.subscribe();
        let done = |idle: &Idle| {
            let version = *self.changed.borrow();
            idle.streams.values().all(|seen| seen.is_some_and(|seen| seen >= version))
        };
        // The sender lives in `self`, so the wait cannot fail.
        let _ = idle.wait_for(done).await;
    }
}
