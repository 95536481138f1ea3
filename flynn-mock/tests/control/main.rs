//! The control API and the program `mock-controller`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of tests stand outside of `#[test]`"
)]

mod api;
mod http;
mod program;
mod seed_file;
