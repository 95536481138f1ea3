//! The integration tests of `flynn-aws`; modules mirror `src/`.

// clippy exempts `#[test]` functions, but not their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod blobstore;
mod migration;
mod plan;
mod preflight;
mod spec;
