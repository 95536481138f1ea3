//! A lock that knows its owner. Taking it twice panics with a message instead of a deadlock.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Guards the state of a mock.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    inner: Mutex<T>,
    /// The thread that has the lock, or [`NOBODY`].
    owner: AtomicUsize,
}

/// No thread.
const NOBODY: usize = 0;

/// Returns a number that is unique among living threads: an address of a thread local.
fn this_thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

impl<T> Lock<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner: Mutex::new(inner), owner: AtomicUsize::new(NOBODY) }
    }

    /// Waits for the lock.
    ///
    /// # Panics
    /// Panics if this thread already has it.
    #[track_caller]
    pub(crate) fn take(&self) -> Held<'_, T> {
        // Only this thread stores its own number, so it reads it if and only if it has the lock.
        let me = this_thread();
        assert!(
            self.owner.load(Ordering::Relaxed) != me,
            "code that the mock calls must not call the mock"
        );
        // A poisoned lock must not hide the panic of a test.
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.owner.store(me, Ordering::Relaxed);
        Held { inner, owner: &self.owner }
    }
}

/// The state behind a lock that this thread has.
pub(crate) struct Held<'a, T> {
    inner: MutexGuard<'a, T>,
    owner: &'a AtomicUsize,
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        // This runs before the lock itself is dropped.
        self.owner.store(NOBODY, Ordering::Relaxed);
    }
}
