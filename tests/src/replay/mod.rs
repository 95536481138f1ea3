//! Replays recorded exchanges of real controllers against a fresh mock and compares.
//!
//! A recorded value that a server makes up (ids, times, keys, certificates, ...) cannot come out of
//! the mock again, so it is *mapped*: the first time it shows, it is bound to the mock's value at
//! the same place; from then on the two stand for each other and for nothing else. Everything
//! else must be equal: status, headers that carry meaning, JSON field by field, event by event.
//!
//! - [`recording`]: reads `DIR/YEAR/RUN/NN-SCENARIO.jsonl`.
//! - [`tokens`]: finds the made-up values inside a text.
//! - [`names`]: the bindings, one to one.
//! - [`compare`]: one recorded answer against the mock's.
//! - [`credentials`]: the access tokens that requests must have had.
//! - [`events`]: streams, where what is simultaneous has no order.
//! - [`rewrite`]: a recorded request in the mock's terms.
//! - [`wire`]: HTTP/1.1 without a library, so that nothing is smoothed over.
//! - [`attach`]: what goes over an upgraded connection.
//! - [`shell`]: what the recorded one-off jobs ran.
//! - [`gap`]: what the recordings leave out and later ones need.
//! - [`missed`]: objects that only later events show.
//! - [`drive`]: one run from its first request to its last.
//! - [`judge`]: the verdict on a run, twins told apart.
//! - [`report`]: counts and prints.

pub mod attach;
pub mod compare;
pub mod credentials;
pub mod drive;
pub mod events;
pub mod gap;
pub mod judge;
pub mod missed;
pub mod names;
pub mod recording;
pub mod report;
pub mod rewrite;
pub mod shell;
pub mod tokens;
pub mod wire;

/// What can stop the program; a difference between mock and recording does not.
pub type Result<T> = std::result::Result<T, String>;
