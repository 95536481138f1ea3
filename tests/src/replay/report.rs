//! Counts and prints.

use std::fmt;

use super::compare::Differences;
use super::recording::{Exchange, Run};

/// The result for one file of a run. Exchanges that repeat their predecessor count as one with it.
#[derive(Clone, Debug)]
pub struct Outcome {
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
    let compared: Vec<(&Exchange, Differences)> = run.exchanges.iter().zip(results).collect();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for repeated in compared.chunk_by(|(before, _), (it, _)| it.repeats(before)) {
        let Some((Exchange { file: path, .. }, _)) = repeated.first() else { continue };
        if outcomes.last().is_none_or(|outcome| outcome.path != *path) {
            outcomes.push(Outcome { path: path.clone(), total: 0, differing: vec![] });
        }
        let Some(outcome) = outcomes.last_mut() else { continue };
        outcome.total += 1;
        let differing = repeated.iter().find(|(_, differences)| !differences.is_empty());
        outcome.differing.extend(differing.map(|(exchange, differences)| {
            let Exchange { seq, method, path, .. } = exchange;
            (format!("{seq} {method} {path}"), differences.clone())
        }));
    }
    outcomes
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
        for (name, folder) in
            [("2016", "2016/"), ("2021", "2021/"), ("fork", "fork/"), ("total", "")]
        {
            let counted =
                || self.outcomes.iter().filter(|outcome| outcome.path.starts_with(folder));
            let total: usize = counted().map(|outcome| outcome.total).sum();
            if total > 0 {
                let matching: usize = counted().map(Outcome::matching).sum();
                writeln!(f, "{name}: {matching} of {total}")?;
            }
        }
        Ok(())
    }
}
