//! Replays recorded exchanges of real controllers against a fresh mock and compares.
//!
//! 1. `recording` reads the files.
//! 2. `objects` and `cluster` give the mock the values that the recorded server chose: ids, secrets, names, hosts,
//!    times of creation.
//! 3. `drive` sends every recorded request at its time. `request` adds the credentials, which the recordings do not
//!    show, `attach` and `shell` play the attached jobs, and `missing` repeats what happened without a recorded
//!    request.
//! 4. `compare` compares every answer literally, except for what its table lists.
//! 5. `report` counts and prints.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use anyhow::Result;

mod attach;
mod cluster;
mod compare;
mod drive;
mod missing;
mod objects;
mod recording;
mod report;
mod request;
mod shell;
pub mod wire;

pub use self::report::{Outcome, Report};

/// Replays all recordings below a directory. Returns the result for each file.
///
/// # Errors
/// Fails if a file cannot be read, a line is not an exchange, or the mock cannot be reached. A difference between mock
/// and recording is a result, not an error.
pub fn replay(dir: &Path) -> Result<Vec<Outcome>> {
    let runs = &recording::load(dir)?;
    // Each run has its own mock, and spends most of its time waiting.
    let outcomes: Result<Vec<_>> = thread::scope(|scope| {
        let start = |run| scope.spawn(move || drive::run(run, runs));
        let started: Vec<_> = runs.iter().map(start).collect();
        let results = started.into_iter().map(thread::ScopedJoinHandle::join);
        results.map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    Ok(outcomes?.concat())
}
