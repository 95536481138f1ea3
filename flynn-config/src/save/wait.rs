//! Waiting for a lock.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::LOCK_TIMEOUT;

/// Waits as long as those ahead get on with their work, and gives up when nothing happens.
#[derive(Debug)]
pub(crate) struct Patience<'a> {
    /// Files whose time of change tells that somebody got on.
    watched: [&'a Path; 2],
    seen: [Option<SystemTime>; 2],
    until: Instant,
    pause: Duration,
}

impl<'a> Patience<'a> {
    /// Writers take milliseconds; with longer pauses, busy ones would starve a patient one.
    const LONGEST: Duration = Duration::from_millis(5);

    pub(crate) fn new(watched: [&'a Path; 2]) -> Self {
        Self {
            watched,
            seen: watched.map(changed),
            until: Instant::now() + LOCK_TIMEOUT,
            pause: Duration::from_micros(200),
        }
    }

    /// Pauses; false when nothing has happened for [`LOCK_TIMEOUT`].
    pub(crate) fn wait(&mut self) -> bool {
        if Instant::now() >= self.until {
            let seen = self.watched.map(changed);
            if seen == self.seen {
                return false;
            }
            self.seen = seen;
            self.until = Instant::now() + LOCK_TIMEOUT;
        }
        std::thread::sleep(self.pause.mul_f64(0.5 + fastrand::f64()));
        self.pause = (self.pause * 2).min(Self::LONGEST);
        true
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
