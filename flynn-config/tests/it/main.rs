//! Integration tests; the tree mirrors `src/`.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside of `#[test]`")]

mod flynnrc;
mod gitconfig;
