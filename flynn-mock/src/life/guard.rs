//! Runs the user's code inside the engine (programs, the APIs of providers) and catches its panics.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

thread_local! {
    /// The last panic caught on this thread.
    static CAUGHT: Cell<Option<Box<dyn Any + Send>>> = const { Cell::new(None) };
}

/// Runs the user's code. Returns `None` if it panics; its data is then not used again.
pub(crate) fn guarded<T>(code: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| CAUGHT.set(Some(panic))).ok()
}

/// Completes the work, and then resumes a panic that was caught during it.
pub(crate) fn raising<T>(work: impl FnOnce() -> T) -> T {
    CAUGHT.set(None);
    let result = work();
    if let Some(panic) = CAUGHT.take() {
        resume_unwind(panic);
    }
    result
}
