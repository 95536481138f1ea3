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
//! - **Calls** give owned values that are sent when they are awaited, and may be given a `timeout` of the whole
//!   call before that; see [`Request`].
//! - **Handles** (`flynn.app("www")`, `flynn.deployment(id)`) cost no request. What goes on at the server
//!   (deploying, scaling, deleting, migrating) is waited for, watched, or dropped and gone on with by id.
//! - **Errors** are one type, [`Error`], with predicates and the call's context. [`Error::pending`] names what
//!   goes on at the server when a call of several steps has failed.
//! - **Streams** are [`Stream`]s, read with `futures_util::TryStreamExt` or the like; they are `Send`, and not
//!   `Sync`: one task reads them.
//! - **Keys** are given as anything that makes a [`Secret`]: text, or the `secrecy::SecretString` that
//!   `flynn_config` reads from `~/.flynnrc`.
//!
//! - **Retries** are bounded and go by what a call does, not by its method; see [`RetryPolicy`].
//! - **Secrets** (keys, env values, raw JSON) show in no `Debug`, no error and no span.
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
//!     .resolve("controller.example.com", address) // this node, whatever DNS says
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
//! Which servers: releases v20161015.2 to v20210218.0 and the additions of the fork randy-girard/flynn.
//!
//! Calls whose docs say "never recorded" are written from the servers' source; all others were compared with
//! exchanges of real controllers, requests and answers.
//!
//! # Features
//! - `webpki-roots` (default): Mozilla's roots when no `rustls_config` is given.

#![cfg_attr(doc, doc = "\nComing from the Go client: [`go_client`] names what does the same.")]

mod ask;
mod attached;
mod builder;
mod client;
mod error;
mod gc;
mod ids;
mod json;
mod object_stream;
mod rewrite;
mod secret;
mod string_enum;
mod timestamp;
mod transport;
mod watch;

pub mod acme;
pub mod apps;
pub mod artifacts;
pub mod backup;
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
pub mod raw;
pub mod releases;
pub mod resources;
pub mod routes;
pub mod scale;
pub mod sinks;
pub mod status;
pub mod volumes;

#[cfg(doc)]
#[doc = include_str!("../docs/go-client.md")]
pub mod go_client {}

#[doc(no_inline)]
pub use futures_core::Stream;
#[doc(no_inline)]
pub use {bytes, http, secrecy};

pub use builder::{ClientBuilder, Dangerous};
pub use client::Client;
pub use env::Env;
pub use error::{Error, ErrorKind, Pending};
pub use ids::*;
pub use json::Json;
pub use object_stream::{Change, Changes, WatchAll};
pub use rustls;
pub use secret::Secret;
pub use status::StatusClient;
pub use timestamp::Timestamp;
pub use transport::{Body, Connect, EventSource, Request, RetryPolicy, Service};
