//! Integration tests; the tree mirrors `src/`.
