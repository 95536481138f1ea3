//! The clock of a mock.

use std::time::Duration;

use jiff::Timestamp;

use super::MockController;
use crate::life::Pace;

impl MockController {
    /// Returns the time of the mock's clock.
    #[track_caller]
    pub fn now(&self) -> Timestamp {
        self.hub.with(|inner| inner.clock.now())
    }

    /// Moves the clock forward, and runs everything that becomes due on the way.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        self.advance_to(self.hub.due_in(by.try_into().unwrap_or(jiff::SignedDuration::MAX)));
    }

    /// Moves the clock to `time` (never back), and runs everything that becomes due on the way.
    #[track_caller]
    pub fn advance_to(&self, time: Timestamp) {
        self.hub.drive(|inner| {
            inner.clock.reach(time);
            inner.engine.advance(inner.clock.now());
        });
    }

    /// Runs the next step of background work, and moves the clock to its time. Returns `false` if there is none.
    #[track_caller]
    pub fn step(&self) -> bool {
        let mut stepped = None;
        self.hub.drive(|inner| {
            inner.engine.advance(inner.clock.now());
            // The output of a program in this step is processed without another step.
            if stepped.is_none() && !inner.engine.callbacks.hold() {
                stepped = Some(inner.engine.step());
            }
            inner.clock.reach(inner.engine.now());
            stepped.unwrap_or_default()
        })
    }

    /// Runs all background work to completion, for at most an hour of the mock's clock. Does not restart crashing jobs
    /// forever.
    #[track_caller]
    pub fn run_to_end(&self) {
        self.hub.drive(|inner| {
            inner.engine.advance(inner.clock.now());
            inner.engine.run_to_end();
            inner.clock.reach(inner.engine.now());
        });
    }

    /// Sets the pace of background work. Steps that are already planned keep their times.
    #[track_caller]
    pub fn set_pace(&self, pace: Pace) {
        self.hub.with(|inner| inner.engine.set_pace(pace));
    }
}
