//! Async client for the controller of a [Flynn](https://github.com/flynn/flynn) cluster.
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
//! # Concepts
//!
//! - **Calls** are request builders: nothing is sent until you await them. Before that, you can set a `timeout` for the
//!   whole call; see [`Request`].
//! - **Handles** such as `flynn.app("www")` and `flynn.deployment(id)` send nothing by themselves.
//! - **Long operations** (deploy, scale, delete, migrate) return a handle as soon as the server has accepted them.
//!   Await its `wait()`, watch its progress, or drop it and resume it later by id.
//! - **Errors** are one type, [`Error`], with predicates and the context of the call. [`Error::pending`] names an
//!   operation that continues on the server after a call has failed.
//! - **Streams** implement
//!   [`Stream`](https://docs.rs/futures-core/latest/futures_core/stream/trait.Stream.html). A stream's `next()`
//!   needs no other crate.
//! - **Retries** are bounded. Each operation declares whether it is idempotent; the HTTP method does not decide. See
//!   [`RetryPolicy`].
//! - **Secrets** (keys, env values, raw JSON) never appear in `Debug` output, errors or spans.
//!
//! # A client with more settings
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let (url, key, address) = (format!("http://controller.example.com:{}", mock.addr().port()), mock.key(), mock.addr());
//! use std::time::Duration;
//! use flynn_client::{Client, RetryPolicy};
//!
//! let flynn = Client::builder(url)
//!     .key(key)
//!     // For a cluster with a pin: .rustls_config(flynn_tls::ClientTls::pinned(pin).config()?)
//!     .resolve("controller.example.com", address) // connect to this node instead of asking DNS
//!     .retry(RetryPolicy::default().max_attempts(6))
//!     .user_agent_suffix("my-tool/1.2")
//!     .build()?;
//! match flynn.app("www").get().timeout(Duration::from_secs(5)).await {
//!     Ok(app) => println!("{} runs release {}", app.name, app.release_id),
//!     Err(error) if error.is_not_found() => println!("no such app"),
//!     Err(error) => return Err(error), // one line that names the call: "... (GET /apps/www, status 503)"
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! # Servers
//!
//! | server | how the calls were checked |
//! |---|---|
//! | v20161015.2 and v20210218.0, the first and the last release | run and recorded |
//! | the releases between them | read from their source; the client detects what a server lacks |
//! | the fork randy-girard/flynn, June 2026 (a67b62e) | run and recorded, with stand-ins for its hosts and its ACME worker |
//! | the fork, September 2026 (4f613aad) | read from its source, never run |
//!
//! The docs of a call say so if it was only read. [`Client::capabilities`] returns what a server supports.
//!
//! # Features
//!
//! Features choose the defaults that apply if you do not set a [`rustls_config`](ClientBuilder::rustls_config):
//!
//! - `ring` (default): the crypto provider ring.
//! - `aws-lc-rs`: the crypto provider aws-lc-rs, even if `ring` is also enabled.
//! - `webpki-roots` (default): trusts Mozilla's roots.
#![cfg_attr(
    doc,
    doc = "\n# Coming from the Go client\n\n[`go_client`] lists its methods and their counterparts."
)]

mod attached;
mod builder;
mod client;
mod document;
mod error;
mod ids;
mod json;
mod object_stream;
mod operation;
mod release_diff;
mod secret;
mod string_enum;
mod timestamp;
mod transport;
mod watch;

// In the order in which the page of `Client` lists their calls.
pub mod apps;

pub mod releases;

pub mod artifacts;

pub mod deployments;

pub mod events;

pub mod providers;

pub mod resources;

pub mod routes;

pub mod certificates;

pub mod formations;

pub mod volumes;

pub mod sinks;

pub mod domain;

pub mod key_rotation;

pub mod backup;

pub mod status;

pub mod acme;
pub mod managed_certificates;

pub mod hosts;

pub mod users;

pub mod personal_tokens;

pub mod collaborators;

pub mod scheduler_events;

pub mod router_metrics;

pub mod capabilities;
pub mod raw;

pub mod deletion;
pub mod env;
pub mod jobs;
pub mod logs;
pub mod resume;
pub mod scale;

#[cfg(doc)]
#[doc = include_str!("../docs/go-client.md")]
pub mod go_client {}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[doc(no_inline)]
pub use futures_core::Stream;
#[doc(no_inline)]
pub use {bytes, http, http_body, secrecy, tower_layer, tower_service};

pub use builder::{ClientBuilder, Dangerous};
pub use client::Client;
pub use env::Env;
pub use error::{Error, ErrorKind, Pending};
pub use ids::*;
pub use json::Json;
pub use object_stream::{Change, Changes, ObjectWatch, WatchAll};
pub use operation::{Operation, Progress, Wait};
pub use rustls;
pub use secret::Secret;
pub use status::StatusClient;
pub use timestamp::Timestamp;
pub use transport::{Body, Connect, EventSource, Request, RetryPolicy, Service};
pub use watch::Watch;
