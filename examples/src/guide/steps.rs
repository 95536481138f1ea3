//! The steps, one a file. Each has a `look` that changes nothing and an `act` that does what the look found missing.

pub mod app;
pub mod blobstore;
pub mod certificate;
pub mod connect;
pub mod dns;
pub mod domain;
pub mod git;
pub mod pin;
pub mod router;
pub mod routes;
pub mod status;
