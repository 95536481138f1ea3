//! One suite for the mock and for real controllers, so that the mock cannot drift.
//!
//! Each check makes apps of its own (`conformance-…`), looks at what the controller answers, and
//! deletes them again. Nothing else of the cluster is changed.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use flynn_mock::MockController;
//! use flynn_mock::conformance::{self, Target};
//!
//! let mock = MockController::builder().tls().start().await;
//! conformance::run(&Target::of(&mock)).await.assert_passed();
//!
//! // FLYNN_TEST_CONTROLLER_URL, _KEY and, for a pinned certificate, _PIN.
//! if let Some(real) = Target::from_env() {
//!     conformance::run(&real.unwrap()).await.assert_passed();
//! }
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod checks;
mod target;

use std::fmt;

pub use self::target::{Answer, Target};

/// What the suite found.
#[derive(Debug)]
#[must_use = "a report that nobody reads proves nothing"]
pub struct Report {
    outcomes: Vec<(&'static str, Result<(), String>)>,
}

impl Report {
    /// The checks that failed, with the reason.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.outcomes
            .iter()
            .filter_map(|(name, outcome)| Some((*name, outcome.as_ref().err()?.as_str())))
    }

    /// How many checks ran.
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Returns whether no check ran.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// # Panics
    /// When a check failed.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.failures().next().is_none(), "not as a Flynn controller:\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.outcomes {
            match outcome {
                Ok(()) => writeln!(f, "ok      {name}")?,
                Err(why) => writeln!(f, "FAILED  {name}: {why}")?,
            }
        }
        Ok(())
    }
}

/// Runs all checks, one after the other.
pub async fn run(target: &Target) -> Report {
    let mut outcomes = Vec::new();
    for (name, check) in checks::ALL {
        outcomes.push((*name, check(target).await));
    }
    Report { outcomes }
}
