//! Keys, personal access tokens, and the tokens of `flynn login`.
//!
//! [`Tokens::auth`] returns the key or token to send to a cluster. This crate opens no connections:
//! to renew a token, send the form of [`Tokens::refresh`] and pass the response to
//! [`Tokens::store`].

mod issuer;
mod tokens;

pub use issuer::{IssuedToken, Issuer, Refresh};
pub use tokens::{Auth, Token, Tokens};
