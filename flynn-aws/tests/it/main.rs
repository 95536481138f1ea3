//! The integration tests of `flynn-aws`; modules mirror `src/`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy exempts `#[test]` functions, but not their helpers"
)]

mod blobstore;
mod migration;
mod plan;
mod preflight;
mod spec;
