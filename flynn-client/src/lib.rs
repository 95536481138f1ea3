//! Typed async client of a [Flynn](https://github.com/flynn/flynn) controller.
//!
//! ```no_run
//! # async fn f() -> Result<(), flynn_client::Error> {
//! use flynn_client::Client;
//!
//! let flynn = Client::builder("https://controller.example.com").key("5ab1..").build()?;
//! for app in flynn.apps().list().await? {
//!     println!("{} {}", app.id, app.name);
//! }
//! # Ok(()) }
//! ```
//!
//! Every call gives an owned value that is sent when it is awaited; see [`Request`].
//! Which servers: releases v20161015.2 to v20210218.0 and the additions of the fork randy-girard/flynn.
//!
//! Calls whose docs say "never recorded" are written from the servers' source; all others were compared with
//! exchanges of real controllers, requests and answers.
//!
//! # Features
//! - `client` (default): the client. Without it: types and errors, no network.
//! - `webpki-roots` (default): Mozilla's roots when no `rustls_config` is given.

#![cfg_attr(
    all(doc, feature = "client"),
    doc = "\nComing from the Go client: [`go_client`] names what does the same."
)]

mod error;
mod ids;
mod json;
mod secret;
mod string_enum;
mod timestamp;

pub mod acme;
pub mod apps;
pub mod artifacts;
pub mod backup;
#[cfg(feature = "client")]
pub mod capabilities;
pub mod deletion;
pub mod deployments;
pub mod domain;
pub mod env;
pub mod events;
pub mod formations;
pub mod hosts;
pub mod jobs;
pub mod logs;
pub mod managed_certificates;
pub mod providers;
#[cfg(feature = "client")]
pub mod raw;
pub mod releases;
pub mod resources;
pub mod routes;
pub mod scale;
pub mod sinks;
pub mod status;
pub mod volumes;

#[cfg(feature = "client")]
mod gc;

#[cfg(all(doc, feature = "client"))]
#[doc = include_str!("../docs/go-client.md")]
pub mod go_client {}

#[cfg(feature = "client")]
mod attached;
#[cfg(feature = "client")]
mod builder;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod rewrite;
#[cfg(feature = "client")]
mod since;
#[cfg(feature = "client")]
mod transport;
#[cfg(feature = "client")]
mod watch;

pub use env::Env;
pub use error::{Error, ErrorKind, Pending};
pub use ids::*;
pub use json::Json;
pub use secret::Secret;
pub use timestamp::Timestamp;

#[cfg(feature = "client")]
pub use builder::ClientBuilder;
#[cfg(feature = "client")]
pub use client::Client;
#[cfg(feature = "client")]
pub use rustls;
#[cfg(feature = "client")]
pub use since::{Change, Changes, WatchAll};
#[cfg(feature = "client")]
pub use status::StatusClient;
#[cfg(feature = "client")]
pub use transport::{Body, Connect, EventSource, Request, RetryPolicy, Service};
