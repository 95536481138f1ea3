//! The state that the server, the streams and the test share behind one lock: the engine, the clock, the faults and the
//! record of requests. Whoever waits for a change hears of it here.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::provider;
use crate::api::streams::{Cursor, Frames, next_frames};
use crate::life::guard;
use crate::life::outside::{Given, Question, Reaction};
use crate::life::{Engine, Pace};
use crate::server::clock::Clock;
use crate::server::fault::Faults;
use crate::server::lock::Lock;
use crate::server::record::Recorder;

/// The interval at which a test waits for a program on another thread.
const BRIEFLY: Duration = Duration::from_millis(20);

thread_local! {
    /// Set while this thread runs a program that a mock waits for.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn is_inside() -> bool {
    INSIDE.get()
}

/// Runs the user's code, and marks the thread meanwhile.
fn inside<T>(code: impl FnOnce() -> T) -> T {
    INSIDE.set(true);
    let result = code();
    INSIDE.set(false);
    result
}

/// Calls the user's code on its own thread, or a provider that runs on this machine.
pub(super) async fn answer_to(question: Question) -> Given {
    let refused = Given::Provision(None);
    if let Question::Provider { url, call, .. } = &question
        && let Some(uri) = provider::loopback(url)
    {
        return Given::Provision(provider::ask(uri, call.clone()).await);
    }
    tokio::task::spawn_blocking(|| inside(|| question.answer())).await.unwrap_or(refused)
}

/// The shared state of a mock.
#[derive(Debug)]
pub(crate) struct Hub {
    inner: Lock<Inner>,
    changed: watch::Sender<u64>,
    idle: watch::Sender<Idle>,
    /// Changes with each recorded request and answer.
    recorded: watch::Sender<()>,
    /// Notifies waiters that a program on another thread has reacted.
    finished: Mutex<()>,
    finished_one: Condvar,
    /// The number of bytes of a body that the server reads.
    pub(crate) most_read: usize,
    /// The address of the user's own mocks, which are asked first.
    #[cfg(feature = "wiremock")]
    pub(crate) asked_first: std::sync::OnceLock<std::net::SocketAddr>,
}

/// The state behind the lock.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
}

/// The open streams, each with the version at which it had sent everything.
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
            finished: Mutex::new(()),
            finished_one: Condvar::new(),
            most_read,
            #[cfg(feature = "wiremock")]
            asked_first: std::sync::OnceLock::new(),
        }
    }

    /// Works on the locked state, then notifies the streams.
    #[track_caller]
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.take();
        let before = inner.engine.version();
        let result = work(&mut inner);
        let version = inner.engine.version();
        drop(inner);
        if version != before {
            // A later change may already have been sent.
            self.changed.send_if_modified(|seen| {
                let is_newer = version > *seen;
                *seen = version.max(*seen);
                is_newer
            });
        }
        result
    }

    /// Moves the clock and the engine for the test. Notifies tasks that wait for a time, even if nothing became due. A
    /// panic of a program propagates to the test.
    ///
    /// # Panics
    /// Panics if it is called by a program that the mock waits for.
    #[track_caller]
    pub(crate) fn drive<T>(&self, mut work: impl FnMut(&mut Inner) -> T) -> T {
        assert!(
            !is_inside(),
            "a program of a mock cannot move the clock, because the clock waits for the program"
        );
        guard::raising(|| {
            let mut reaction = None;
            loop {
                // One lock for all three, or another thread would take the program.
                let (result, callback, others) = self.with(|inner| {
                    if let Some(reaction) = reaction.take() {
                        inner.engine.finish_callback(reaction);
                    }
                    let result = work(inner);
                    let callbacks = &mut inner.engine.callbacks;
                    (result, callbacks.take(), callbacks.hold())
                });
                self.finished_one.notify_all();
                match callback {
                    Some(callback) => reaction = Some(inside(|| callback.run())),
                    None if others => {
                        // Another thread runs one, which may have ended by now.
                        if let Ok(guard) = self.finished.lock() {
                            drop(self.finished_one.wait_timeout(guard, BRIEFLY));
                        }
                    }
                    None => {
                        self.changed.send_modify(|_| {});
                        return result;
                    }
                }
            }
        })
    }

    /// Moves the engine to the time of the clock.
    async fn catch_up(&self) {
        self.with(|inner| inner.engine.advance(inner.clock.now()));
        self.run_callbacks().await;
    }

    /// Notifies waiters of new recorded requests or answers.
    pub(super) fn tell_recorded(&self) {
        // A later waiter checks the record first.
        if self.recorded.receiver_count() > 0 {
            self.recorded.send_replace(());
        }
    }

    /// Waits until a condition on the recorded requests holds.
    pub(crate) async fn recorded(&self, holds: impl Fn() -> bool) {
        let mut recorded = self.recorded.subscribe();
        while !holds() {
            // The sender lives in `self`, so the wait cannot fail.
            let _ = recorded.changed().await;
        }
    }

    /// Runs programs with inputs, and the steps that become due, until there are no more inputs.
    pub(super) async fn run_callbacks(&self) {
        let mut changes = self.changes();
        loop {
            let (callback, others) = self.with(|inner| {
                let callbacks = &mut inner.engine.callbacks;
                (callbacks.take(), callbacks.hold())
            });
            match callback {
                Some(callback) => {
                    let Ok(reaction) =
                        tokio::task::spawn_blocking(|| inside(|| callback.run())).await
                    else {
                        return;
                    };
                    self.finish_callback(reaction);
                }
                // The sender lives in `self`, so the wait cannot fail.
                None if others => drop(changes.changed().await),
                None => return,
            }
        }
    }

    fn finish_callback(&self, reaction: Reaction) {
        self.with(|inner| {
            inner.engine.finish_callback(reaction);
            inner.engine.advance(inner.clock.now());
        });
        self.finished_one.notify_all();
    }

    /// Returns the next frames of an open stream.
    pub(crate) fn frames(&self, cursor: &mut Cursor) -> (Frames, u64) {
        self.with(|inner| {
            inner.engine.advance(inner.clock.now());
            let frames = next_frames(&mut inner.engine, cursor);
            (frames, inner.engine.version())
        })
    }

    /// Returns a receiver of all changes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Sleeps until the clock shows `time`; forever if only the test moves it, or without a time.
    pub(crate) async fn sleep_until(&self, time: Option<Timestamp>) {
        let sleep = time.and_then(|time| self.inner.take().clock.until(time));
        match sleep {
            Some(sleep) => tokio::time::sleep(sleep).await,
            None => std::future::pending().await,
        }
    }

    /// Returns the time of the clock after this time.
    pub(crate) fn due_in(&self, time: SignedDuration) -> Timestamp {
        self.inner.take().clock.now().saturating_add(time).unwrap_or(Timestamp::MAX)
    }

    /// Waits until the clock shows `due`; forever without a time.
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

    /// Waits until a job is down, and returns its exit status.
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

    /// Runs due background work while the clock follows the machine's.
    pub(crate) async fn live(&self) {
        let mut changes = self.changes();
        loop {
            let due = {
                let inner = self.inner.take();
                // At this pace, only the test runs steps.
                inner.engine.next_due().filter(|_| inner.engine.pace() != Pace::ByHand)
            };
            tokio::select! {
                () = self.sleep_until(due) => {}
                change = changes.changed() => if change.is_err() { return },
            }
            self.catch_up().await;
        }
    }

    /// Registers an open stream.
    pub(crate) fn open_stream(&self) -> u64 {
        let mut id = 0;
        self.idle.send_modify(|idle| {
            id = idle.next;
            idle.next += 1;
            idle.streams.insert(id, None);
        });
        id
    }

    /// Records that a stream had sent everything at this version.
    pub(crate) fn stream_idle(&self, id: u64, version: u64) {
        self.idle.send_modify(|idle| {
            if let Some(seen) = idle.streams.get_mut(&id) {
                *seen = Some(version);
            }
        });
    }

    /// Unregisters a stream.
    pub(crate) fn close_stream(&self, id: u64) {
        self.idle.send_modify(|idle| {
            idle.streams.remove(&id);
        });
    }

    /// Waits until every open stream has sent everything.
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
