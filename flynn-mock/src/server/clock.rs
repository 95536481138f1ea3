//! The mock's own clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The clock of a mock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// The machine's clock, shifted by the time that the test skipped.
    Wall {
        /// Added to the machine's time.
        ahead: SignedDuration,
    },
    /// Moved by the test, and a little by every request, so that requests have different times.
    Driven {
        /// The time.
        now: Timestamp,
        /// Added by each request.
        tick: SignedDuration,
    },
}

impl Clock {
    /// Returns the time.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Wall { ahead } => {
                Timestamp::now().saturating_add(*ahead).unwrap_or(Timestamp::MAX)
            }
            Self::Driven { now, .. } => *now,
        }
    }

    /// Moves on for a request, and returns the time.
    pub(crate) fn for_request(&mut self) -> Timestamp {
        if let Self::Driven { now, tick } = self {
            *now = now.saturating_add(*tick).unwrap_or(Timestamp::MAX);
        }
        self.now()
    }

    /// Returns whether the test drives it.
    #[cfg(feature = "controller")]
    pub(crate) fn is_driven(&self) -> bool {
        matches!(self, Self::Driven { .. })
    }

    /// Moves it forward.
    pub(crate) fn skip(&mut self, by: SignedDuration) {
        match self {
            Self::Wall { ahead } => *ahead = ahead.saturating_add(by),
            Self::Driven { now, .. } => {
                *now = now.saturating_add(by).unwrap_or(Timestamp::MAX);
            }
        }
    }

    /// Moves it to at least `time`.
    pub(crate) fn reach(&mut self, time: Timestamp) {
        let missing = time.duration_since(self.now());
        if missing.is_positive() {
            self.skip(missing);
        }
    }

    /// Returns the time to sleep until it shows `time`; `None` if only the test moves it.
    pub(crate) fn until(&self, time: Timestamp) -> Option<Duration> {
        match self {
            Self::Wall { .. } => {
                Some(time.duration_since(self.now()).try_into().unwrap_or(Duration::ZERO))
            }
            Self::Driven { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driven_clock_moves_with_requests_and_never_back() {
        let start = Timestamp::UNIX_EPOCH;
        let mut clock = Clock::Driven { now: start, tick: SignedDuration::from_millis(1) };
        assert_eq!(clock.now(), start);
        assert_eq!(clock.for_request(), start + SignedDuration::from_millis(1));
        clock.reach(start);
        assert_eq!(clock.now(), start + SignedDuration::from_millis(1));
        clock.reach(start + SignedDuration::from_secs(5));
        assert_eq!(clock.now(), start + SignedDuration::from_secs(5));
        assert_eq!(clock.until(Timestamp::MAX), None);
    }

    #[test]
    fn a_wall_clock_can_skip_ahead() {
        let mut clock = Clock::Wall { ahead: SignedDuration::ZERO };
        let before = clock.now();
        clock.skip(SignedDuration::from_hours(1));
        assert!(clock.now() >= before + SignedDuration::from_hours(1));
        assert_eq!(clock.until(before), Some(Duration::ZERO));
    }
}
