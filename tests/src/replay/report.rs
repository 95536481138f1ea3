//! Counts and prints.

use std::fmt;

use flynn_mock::ServerAge;

use super::compare::Differences;
use super::recording::{Exchange, Run};

/// The number of differing exchanges that are shown per file.
const SHOWN: usize = 3;

/// The number of differences that are shown per exchange.
const LINES: usize = 4;

/// The result for one file.
#[derive(Debug)]
pub struct Outcome {
    /// The server's age.
    pub age: ServerAge,
    /// Its path, relative to the directory of all recordings.
    pub path: String,
    /// The number of its exchanges that match; repetitions count once.
    pub matching: usize,
    /// The number of its exchanges; repetitions count once.
    pub total: usize,
    /// The differences: each request and the way in which its answers differ.
    pub differing: Vec<(String, Differences)>,
}

/// Counts the matching exchanges per file of a run. Exchanges that repeat their predecessor count as one, which matches
/// if all of them do.
pub fn outcomes(run: &Run, results: Vec<Vec<Option<Differences>>>) -> Vec<Outcome> {
    run.scenarios
        .iter()
        .zip(results)
        .map(|(scenario, results)| {
            let mut outcome = Outcome {
                age: run.age,
                path: scenario.path.clone(),
                matching: 0,
                total: 0,
                differing: Vec::new(),
            };
            let mut before: Option<(&Exchange, bool)> = None;
            for (exchange, result) in scenario.exchanges.iter().zip(results) {
                let differences = result.unwrap_or_else(|| vec!["not compared".to_owned()]);
                let matches = differences.is_empty();
                let repeated = before.filter(|(last, _)| exchange.repeats(last));
                match repeated {
                    None => {
                        outcome.total += 1;
                        outcome.matching += usize::from(matches);
                    }
                    Some((_, true)) if !matches => outcome.matching -= 1,
                    Some(_) => {}
                }
                let so_far = matches && repeated.is_none_or(|(_, matched)| matched);
                if !matches && repeated.is_none_or(|(_, matched)| matched) {
                    let request = format!("{} {} {}", exchange.seq, exchange.method, exchange.path);
                    outcome.differing.push((request, differences));
                }
                before = Some((exchange, so_far));
            }
            outcome
        })
        .collect()
}

/// All outcomes, to be printed.
#[derive(Debug)]
pub struct Report {
    /// One outcome per file.
    pub outcomes: Vec<Outcome>,
    /// True if every difference is shown.
    pub all: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = |few: usize| if self.all { usize::MAX } else { few };
        for outcome in &self.outcomes {
            writeln!(f, "{}: {} of {}", outcome.path, outcome.matching, outcome.total)?;
            for (request, differences) in outcome.differing.iter().take(most(SHOWN)) {
                writeln!(f, "    {request}")?;
                for difference in differences.iter().take(most(LINES)) {
                    writeln!(f, "        {}", difference.replace('\n', "\\n"))?;
                }
            }
        }
        for (age, name) in [
            (ServerAge::V2016, "2016"),
            (ServerAge::V2021, "2021"),
            (ServerAge::Fork2026June, "fork"),
        ] {
            let (matching, total) = sum(self.outcomes.iter().filter(|outcome| outcome.age == age));
            if total > 0 {
                writeln!(f, "{name}: {matching} of {total}")?;
            }
        }
        let (matching, total) = sum(self.outcomes.iter());
        writeln!(f, "total: {matching} of {total}")
    }
}

fn sum<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> (usize, usize) {
    outcomes.fold((0, 0), |(matching, total), outcome| {
        (matching + outcome.matching, total + outcome.total)
    })
}
