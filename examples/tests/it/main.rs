//! Tests the steps against mocked clusters over TLS, with real files, and the programs as users run them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy exempts `#[test]` functions, but not their helpers"
)]

#[cfg(unix)]
mod aws_plan;
mod bad_input;
mod blobstore;
mod check_certificate;
mod connect;
mod doctor;
mod dry_run;
mod failures;
mod findings;
mod fork;
mod git_push;
mod loaded;
mod login;
mod oracles;
mod own_tool;
mod pin;
mod program;
mod requests;
mod resume;
mod short;
mod streams;
mod tools;
mod twice;
mod unpin;
mod world;
