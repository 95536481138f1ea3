//! One suite of checks for the mock and for real controllers, so that the mock cannot drift.
//!
//! Each check is a fact of the controller's API that all releases share. It creates new apps, looks at the
//! answers, and deletes the apps again. It changes nothing else in the cluster.

mod checks;
mod target;

use std::fmt;

pub use self::target::{Address, Answer, Target};

/// The outcomes of the checks.
#[derive(Debug)]
#[must_use = "a report says whether the controller conforms"]
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

    /// The number of checks that ran.
    pub fn checks(&self) -> usize {
        self.outcomes.len()
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
