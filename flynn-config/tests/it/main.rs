//! Integration tests; the tree mirrors `src/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::struct_excessive_bools,
    reason = "the helpers of tests stand outside of `#[test]`"
)]

mod credential;
mod flynnrc;
mod git_oracle;
mod gitconfig;
mod guard;
mod login;
mod properties;
mod samples;
mod save;
mod secrets;
