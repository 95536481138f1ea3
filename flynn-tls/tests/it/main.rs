//! Integration tests; the tree mirrors `src/`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bad_servers;
mod check;
mod client;
mod generate;
mod judged;
mod oracle;
mod pem;
mod probe;
mod properties;
mod support;
