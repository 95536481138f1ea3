//! Counts and prints.

use std::fmt;

use flynn_mock::ServerAge;

use super::compare::Differences;
use super::recording::{Exchange, Run};

/// The result for one file of a run. Exchanges that repeat their predecessor count as one with it.
#[derive(Debug)]
pub struct Outcome {
    age: ServerAge,
    /// The path, relative to the directory of all recordings.
    pub path: String,
    /// The number of exchanges.
    pub total: usize,
    /// The requests whose answers differ, with the differences.
    pub differing: Vec<(String, Differences)>,
}

impl Outcome {
    /// Returns the number of exchanges that match.
    pub fn matching(&self) -> usize {
        self.total - self.differing.len()
    }
}

/// Counts per file the results for all exchanges of a run.
pub(crate) fn outcomes(run: &Run, results: Vec<Differences>) -> Vec<Outcome> {
    let mut results = results.into_iter();
    let outcome = |scenario: &super::recording::Scenario| {
        let compared: Vec<(&Exchange, Differences)> =
            scenario.exchanges.iter().zip(&mut results).collect();
        let once: Vec<_> = compared.chunk_by(|(before, _), (it, _)| it.repeats(before)).collect();
        let differing = once.iter().filter_map(|repeated| {
            let differs = |(_, differences): &&(_, Differences)| !differences.is_empty();
            let (exchange, differences) = repeated.iter().find(differs)?;
            let Exchange { seq, method, path, .. } = exchange;
            Some((format!("{seq} {method} {path}"), differences.clone()))
        });
        let path = scenario.path.clone();
        Outcome { age: run.age, path, total: once.len(), differing: differing.collect() }
    };
    run.scenarios.iter().map(outcome).collect()
}

/// All outcomes, to be printed.
#[derive(Debug)]
pub struct Report {
    /// One outcome per file.
    pub outcomes: Vec<Outcome>,
    /// True to show every difference, instead of four differences in each of three exchanges per file.
    pub all: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = |few: usize| if self.all { usize::MAX } else { few };
        for outcome in &self.outcomes {
            writeln!(f, "{}: {} of {}", outcome.path, outcome.matching(), outcome.total)?;
            for (request, differences) in outcome.differing.iter().take(most(3)) {
                writeln!(f, "    {request}")?;
                for difference in differences.iter().take(most(4)) {
                    writeln!(f, "        {}", difference.replace('\n', "\\n"))?;
                }
            }
        }
        for (name, age) in [
            ("2016", Some(ServerAge::V2016)),
            ("2021", Some(ServerAge::V2021)),
            ("fork", Some(ServerAge::Fork2026June)),
            ("total", None),
        ] {
            let of_age = |outcome: &&Outcome| age.is_none_or(|age| age == outcome.age);
            let counted = || self.outcomes.iter().filter(of_age);
            let total: usize = counted().map(|outcome| outcome.total).sum();
            if total > 0 {
                let matching: usize = counted().map(Outcome::matching).sum();
                writeln!(f, "{name}: {matching} of {total}")?;
            }
        }
        Ok(())
    }
}
