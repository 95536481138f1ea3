//! Counts and prints.

use flynn_mock::ServerAge;

use super::compare::Differences;
use super::recording::{Exchange, Run};

/// How many differing exchanges of a file are shown.
const SHOWN: usize = 3;

/// How many differences of an exchange are shown.
const LINES: usize = 4;

/// What became of one file.
#[derive(Debug)]
pub struct Outcome {
    /// The server's age.
    pub age: ServerAge,
    /// Its path, relative to the directory of all recordings.
    pub path: String,
    /// How many of its exchanges match; repetitions count once.
    pub matching: usize,
    /// How many there are; repetitions count once.
    pub total: usize,
    /// What differs: the request, and how.
    pub differing: Vec<(String, Differences)>,
}

/// Counts the files of a run: of exchanges that repeat their predecessor, one count for all, and
/// only if all of them match.
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

/// The report as it is printed; `all` shows every difference.
pub fn print(outcomes: &[Outcome], all: bool) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        text.push_str(&format!("{}: {} of {}\n", outcome.path, outcome.matching, outcome.total));
        let exchanges = if all { usize::MAX } else { SHOWN };
        let lines = if all { usize::MAX } else { LINES };
        for (request, differences) in outcome.differing.iter().take(exchanges) {
            text.push_str(&format!("    {request}\n"));
            for difference in differences.iter().take(lines) {
                text.push_str(&format!("        {}\n", difference.replace('\n', "\\n")));
            }
        }
    }
    for (age, name) in [(ServerAge::V2016, "2016"), (ServerAge::V2021, "2021")] {
        let (matching, total) = sum(outcomes.iter().filter(|outcome| outcome.age == age));
        if total > 0 {
            text.push_str(&format!("{name}: {matching} of {total}\n"));
        }
    }
    let (matching, total) = sum(outcomes.iter());
    text.push_str(&format!("total: {matching} of {total}\n"));
    text
}

fn sum<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> (usize, usize) {
    outcomes.fold((0, 0), |(matching, total), outcome| {
        (matching + outcome.matching, total + outcome.total)
    })
}
