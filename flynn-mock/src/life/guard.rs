//! The user's own code inside the engine (programs, the APIs of providers): when it panics, the
//! cluster goes on.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

thread_local! {
    /// The last panic that was caught on this thread.
    static CAUGHT: Cell<Option<Box<dyn Any + Send>>> = const { Cell::new(None) };
}

/// Runs the user's code; `None` when it panics. What it worked on is not looked at again.
pub(crate) fn guarded<T>(code: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| CAUGHT.set(Some(panic))).ok()
}

/// Does the work to its end, then lets a panic go on that was caught meanwhile.
pub(crate) fn raising<T>(work: impl FnOnce() -> T) -> T {
    CAUGHT.set(None);
    let result = work();
    if let Some(panic) = CAUGHT.take() {
        resume_unwind(panic);
    }
    result
}
