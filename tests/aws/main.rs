//! Live calls of `flynn-aws`: against the emulator that `cargo xtask test-aws` starts, and against answers of AWS that
//! the emulator does not give.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy exempts `#[test]` functions, but not their helpers"
)]

mod answers;
mod clients;
mod enforcement;
mod lifecycle;
mod oracle;
