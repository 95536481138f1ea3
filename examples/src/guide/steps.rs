//! The steps, one per file. `look` changes nothing; `act` does what `look` found missing.

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
