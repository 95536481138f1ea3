//! Combines the Flynn crates: the steps of the guide *Productionizing Flynn and hosting your root domain* as a library,
//! for the programs in `src/bin`.
//!
//! Start with [`mod@connect`], which turns a `.flynnrc` into a client. Each [`step::Step`] has a file in [`steps`] with
//! a `look` that changes nothing and an `act` that makes the missing changes. The [`runner`] looks, acts and looks
//! again, so the state that it prints as "after" was read back from the server, the socket or the file.

pub mod aws;
pub mod blocking;
pub mod certificate;
pub mod cli;
pub mod cluster;
pub mod connect;
pub mod demo;
pub mod doctor;
pub mod documents;
pub mod job;
pub mod login;
pub mod output;
pub mod preflight;
pub mod program;
pub mod reach;
pub mod route_table;
pub mod runner;
pub mod screen;
pub mod session;
pub mod step;
pub mod steps;
pub mod text;
pub mod unpin;

pub use connect::connect;

/// Compiles and runs the snippets of the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
