//! Replays recorded exchanges of real controllers against a fresh mock and compares.
//!
//! The values that a real server chooses (ids, secrets, names, hosts of jobs, times of creation) are read from the
//! recording first and given to the mock; see [`shown`]. Recorded requests are then sent as they were, and every answer
//! must be equal: status, headers that carry meaning, JSON field by field, event by event. Three things are not
//! compared literally: times may differ by a few seconds; events may have other numbers, always the same ones; and what
//! happened in the same instant has no order.
//!
//! - [`recording`]: reads `DIR/YEAR/RUN/NN-SCENARIO.jsonl`.
//! - [`shown`]: the objects of a run and their properties.
//! - [`cluster`]: starts the mock for a run.
//! - [`request`]: a recorded request, with the credentials that it must have had.
//! - [`wire`]: HTTP/1.1 without a library, so that no difference is hidden.
//! - [`attach`]: the frames on an upgraded connection.
//! - [`shell`]: the programs of the recorded one-off jobs.
//! - [`missing`]: creates what the recordings leave out but later exchanges need.
//! - [`drive`]: replays a run from its first request to its last.
//! - [`compare`]: compares a recorded answer with the mock's.
//! - [`report`]: counts and prints.

pub mod attach;
pub mod cluster;
pub mod compare;
pub mod drive;
pub mod missing;
pub mod recording;
pub mod report;
pub mod request;
pub mod shell;
pub mod shown;
pub mod wire;

/// The errors that stop the program. A difference between mock and recording is not one.
pub type Result<T> = std::result::Result<T, String>;
