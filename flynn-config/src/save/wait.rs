//! Waiting for a lock.

use std::time::{Duration, Instant};

use super::LOCK_TIMEOUT;

/// Waits a little longer each time, and gives up in the end.
#[derive(Debug)]
pub(crate) struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    /// Long pauses would let busy writers starve a patient one.
    const LONGEST: Duration = Duration::from_millis(20);

    pub(crate) fn new() -> Self {
        Self { until: Instant::now() + LOCK_TIMEOUT, pause: Duration::from_micros(200) }
    }

    /// Pauses; false when the time is over.
    pub(crate) fn wait(&mut self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        std::thread::sleep(self.pause.mul_f64(0.5 + fastrand::f64()));
        self.pause = (self.pause * 2).min(Self::LONGEST);
        true
    }
}
