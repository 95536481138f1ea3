//! Integration tests; the tree mirrors `src/`.

mod flynnrc;
mod gitconfig;
