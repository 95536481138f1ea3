//! Replays recorded exchanges of real controllers against a fresh mock and compares.
//!
//! What a real server makes up (ids, secrets, names, hosts of jobs, times of creation) is read out of
//! the recording first, and handed to the mock: see [`shown`]. Recorded requests are then sent as
//! they were, and every answer must be equal: status, headers that carry meaning, JSON field by field,
//! event by event. Three things are not compared literally: times may differ by a few seconds;
//! events may have other numbers, always the same ones; and what happened in the same instant has no
//! order.
//!
//! - [`recording`]: reads `DIR/YEAR/RUN/NN-SCENARIO.jsonl`.
//! - [`shown`]: what a run shows of its objects.
//! - [`cluster`]: the mock that a run begins with.
//! - [`request`]: a recorded request, with the credentials that it must have had.
//! - [`wire`]: HTTP/1.1 without a library, so that nothing is smoothed over.
//! - [`attach`]: what goes over an upgraded connection.
//! - [`shell`]: what the recorded one-off jobs ran.
//! - [`missing`]: what the recordings leave out and later ones need.
//! - [`drive`]: one run from its first request to its last.
//! - [`compare`]: one recorded answer against the mock's.
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
