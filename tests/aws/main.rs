//! Live calls of `flynn-aws`: against the emulator that `cargo xtask test-aws` starts, and against answers of AWS that
//! the emulator does not give.

// clippy knows `#[test]` functions as tests, not their helpers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod clients;
mod enforcement;
mod lifecycle;
mod oracle;
