//! Integration tests; the tree mirrors `src/`.

mod attach;
mod conformance;
mod controller;
mod fault;
mod property;
mod raw;
mod server;
mod streams;
#[cfg(feature = "wiremock")]
mod wiremock;
