//! A lock that knows who has it: taking it twice is a panic that says so, no deadlock.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// Guards what a mock is.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    inner: Mutex<T>,
    owner: Mutex<Option<ThreadId>>,
}

impl<T> Lock<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner: Mutex::new(inner), owner: Mutex::default() }
    }

    /// Waits for it.
    ///
    /// # Panics
    /// When this thread has it.
    #[track_caller]
    pub(crate) fn take(&self) -> Held<'_, T> {
        let me = Some(thread::current().id());
        assert!(
            *ignore_poison(self.owner.lock()) != me,
            "the mock is asked by what it calls itself"
        );
        // A panic of a test must not hide behind a poisoned lock.
        let inner = ignore_poison(self.inner.lock());
        *ignore_poison(self.owner.lock()) = me;
        Held { inner, owner: &self.owner }
    }
}

/// What is behind the lock, while this thread has it.
pub(crate) struct Held<'a, T> {
    inner: MutexGuard<'a, T>,
    owner: &'a Mutex<Option<ThreadId>>,
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
        // Before the lock itself, which is dropped after this.
        *ignore_poison(self.owner.lock()) = None;
    }
}

fn ignore_poison<T>(lock: Result<T, PoisonError<T>>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}
