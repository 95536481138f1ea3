//! Integration tests; the tree mirrors `src/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod ask;
mod builder;
mod calls;
mod capabilities;
mod certificates;
mod changes;
mod cluster;
mod cutter;
mod deletion;
mod deployments;
mod domain;
mod env;
mod error_line;
mod errors;
mod events;
mod faults;
mod fire;
mod fork;
mod go_client;
mod golden;
mod hosts;
mod jobs;
mod key_rotation;
mod logs;
mod lost;
mod managed_certificates;
mod raw;
mod releases;
mod resources;
mod resume;
mod routes;
mod scale;
mod secrets;
mod send;
mod server;
mod status;
mod streams;
mod transport;
mod users;
mod watch;
mod writers;
