//! Integration tests; the tree mirrors `src/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod attach;
mod certificates;
mod controller;
mod fault;
mod key_order;
mod life;
mod programs;
mod races;
mod raw;
mod requests;
mod server;
mod status;
mod streams;
mod validation;
#[cfg(feature = "wiremock")]
mod wiremock;
