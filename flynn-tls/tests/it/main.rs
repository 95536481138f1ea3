//! Integration tests; the tree mirrors `src/`.

mod client;
mod generate;
mod probe;
mod support;
