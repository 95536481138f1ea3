//! Integration tests; the tree mirrors `src/`.

mod capabilities;
mod deployments;
mod domain;
mod env;
mod events;
mod jobs;
mod raw;
mod routes;
mod send;
mod server;
mod status;
mod transport;
mod watch;
