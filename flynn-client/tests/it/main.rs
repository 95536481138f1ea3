//! Integration tests; the tree mirrors `src/`.

mod calls;
mod capabilities;
mod deployments;
mod domain;
mod env;
mod errors;
mod events;
mod golden;
mod jobs;
mod raw;
mod routes;
mod secrets;
mod send;
mod server;
mod status;
mod transport;
mod watch;
