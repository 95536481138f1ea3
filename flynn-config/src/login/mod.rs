//! How a person is logged in to a cluster: with a key, a personal access token, or a token that
//! `flynn login` has cached.
//!
//! [`Tokens::auth`] says what to send to a cluster. This crate opens no connection; a program that
//! renews a login sends what [`Tokens::refresh`] gives and hands the answer to [`Tokens::store`].

mod issuer;
mod tokens;

pub use issuer::{IssuedToken, Issuer, Refresh};
pub use tokens::{Auth, Token, Tokens};
