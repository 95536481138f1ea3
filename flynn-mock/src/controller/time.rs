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

    /// Moves the clock forward, through everything that falls due on the way.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        self.advance_to(self.hub.due_in(by.try_into().unwrap_or(jiff::SignedDuration::MAX)));
    }

    /// Moves the clock to `time` (never back), through everything that falls due on the way.
    #[track_caller]
    pub fn advance_to(&self, time: Timestamp) {
        self.hub.drive(|inner| {
            inner.clock.reach(time);
            inner.engine.advance(inner.clock.now());
        });
    }

    /// Runs the next step of the cluster's life, and moves the clock to its time. Returns `false` if nothing is under
    /// way.
    #[track_caller]
    pub fn step(&self) -> bool {
        let mut stepped = None;
        self.hub.drive(|inner| {
            inner.engine.advance(inner.clock.now());
            // What a program answers to the step is carried out without another step.
            if stepped.is_none() && !inner.engine.callbacks.hold() {
                stepped = Some(inner.engine.step());
            }
            inner.clock.reach(inner.engine.now());
            stepped.unwrap_or_default()
        })
    }

    /// Runs everything that is under way to its end: at most an hour of the mock's clock, and jobs
    /// that crash are not restarted for ever.
    #[track_caller]
    pub fn run_to_end(&self) {
        self.hub.drive(|inner| {
            inner.engine.advance(inner.clock.now());
            inner.engine.run_to_end();
            inner.clock.reach(inner.engine.now());
        });
    }

    /// Sets when the life of the cluster moves on. Steps that are already planned keep their times.
    #[track_caller]
    pub fn set_pace(&self, pace: Pace) {
        self.hub.with(|inner| inner.engine.set_pace(pace));
    }
}
