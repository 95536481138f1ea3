//! The integration tests of `flynn-aws`; modules mirror `src/`.

// clippy knows `#[test]` functions as tests, not their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod blobstore;
mod migration;
mod plan;
mod preflight;
mod spec;
