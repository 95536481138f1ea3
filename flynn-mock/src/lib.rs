//! A stateful mock of a Flynn controller for tests, with real HTTP and TLS, live streams, attached jobs and faults.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use flynn_mock::{AppSeed, Fault, MockController, Op};
//!
//! let mock = MockController::builder()
//!     .bootstrapped("example.com")
//!     .app(AppSeed::new("www").process("web", 2))
//!     .tls()
//!     .start()
//!     .await;
//!
//! // Your program gets a client, or the URL, key and pin.
//! mock.fail_next(Op::AppList, Fault::status(503).retry(true)).times(2);
//! let apps = mock.client().apps().list().await?;
//!
//! mock.requests().of(Op::AppList).assert_count(3);
//! assert_eq!(mock.state().app("www").unwrap().running("web"), 2);
//! # assert!(apps.iter().any(|app| app.name == "www"));
//! # Ok::<(), flynn_client::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The file `TESTING.md` in the sources of this crate shows the ten most common tests.
//!
//! - **State.** A mock starts as a newly bootstrapped cluster, with the system apps, releases, routes and certificates
//!   of a real one. It checks, stores and answers as the real controller of each release does ([`ServerAge`]). Every
//!   change creates its events.
//! - **Background work.** Deployments, scale requests, jobs, deletions and domain migrations run to completion: at
//!   once, on a clock, or step by step ([`Pace`], [`MockController::advance`], [`MockController::step`]). One-off jobs
//!   run [`Program`]s.
//! - **Failing jobs.** The jobs of a release with `CRASH=true` in its env crash when they start (see [`Crash`]), so its
//!   deployment fails and is rolled back. With `START_DELAY=5000`, each job takes 5,000 ms of the mock's clock to
//!   start, so that you can watch its deployment or let it time out ([`Builder::pace`]).
//! - **Real sockets.** One port speaks HTTP/1.1, HTTP/2 and plain HTTP for all hosts of the cluster. The mock
//!   chooses certificates by name as the router does, and they follow the routes.
//! - **Faults** hit the requests that you choose: [`MockController::fail_next`], [`Fault`].
//! - **Race conditions** of a loaded cluster happen on request: [`Races`].
//! - **No runtime required.** Mocks share one background thread of the process. A plain `#[test]` uses
//!   [`start_blocking`](Builder::start_blocking). Dropping a mock closes it. Do not pause the time of Tokio
//!   (`#[tokio::test(start_paused = true)]`): it runs out while the mock works, and every call times out at once.
//!   Move the mock's clock instead.
//!
//! With the feature `wiremock`, your own `wiremock` mocks answer first.
//!
//! The program `mock-controller` (feature `controller`) serves a mock to programs in any language, such as the original
//! CLI. They control it with an HTTP API. Install it with `cargo install flynn-mock --features controller`.
//!
//! This crate reports misuse and failed assertions by a panic that names the line of the test.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
mod builder;
mod calls;
#[cfg(feature = "controller")]
pub mod control;
mod controller;
mod dialect;
mod life;
mod seed;
mod server;
mod snapshot;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod wire;

/// The version of `wiremock` that [`MockController::wiremock`] uses.
#[cfg(feature = "wiremock")]
pub use ::wiremock;
/// The times and durations in the signatures of this crate.
pub use jiff;

pub use self::builder::Builder;
pub use self::calls::Op;
pub use self::controller::MockController;
pub use self::dialect::ServerAge;
pub use self::life::{
    ClusterCertificate, Command, Crash, Delays, Input, Output, Pace, Program, ProviderCall,
    Provision, Races, Token,
};
pub use self::seed::AppSeed;
pub use self::server::fault::{Fault, FaultHandle};
pub use self::server::record::{RecordedAnswer, RecordedRequest};
pub use self::server::requests::{Iter, Requests};
pub use self::snapshot::Snapshot;
pub use self::state::{AppState, Missing, State};
pub use self::store::NextId;

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// Compiles and runs the examples of the page about tests.
#[cfg(doctest)]
#[doc = include_str!("../TESTING.md")]
pub struct Testing;
