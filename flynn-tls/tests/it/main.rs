//! Integration tests; the tree mirrors `src/`.

mod check;
mod client;
mod generate;
mod probe;
mod support;
