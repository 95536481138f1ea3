//! Integration tests; the tree mirrors `src/`.

mod generate;
