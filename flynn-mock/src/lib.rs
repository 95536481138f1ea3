//! A stateful mock of a Flynn controller, to test against: real HTTP and TLS, live streams,
//! attached jobs, faults.
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
//! // The tool under test gets a client, or URL, key and pin.
//! mock.fail_next(Op::AppList, Fault::status(503).retry(true)).times(2);
//! let apps = mock.client().apps().list().await?;
//!
//! // What did it do, and what came of it?
//! mock.requests().of(Op::AppList).assert_count(3);
//! assert_eq!(mock.state().app("www").unwrap().running("web"), 2);
//! # assert!(apps.iter().any(|app| app.name == "www"));
//! # Ok::<(), flynn_client::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - **It is a cluster.** A bootstrapped one has the system apps, releases, routes and certificates
//!   of a real bootstrap. What is created, changed and deleted is checked, stored and answered as
//!   the real controller does it, in both server ages ([`ServerAge`]), and every change makes its
//!   events.
//! - **It lives.** Deployments, scale requests, jobs, deletions and domain migrations run to their
//!   end: at once, on a clock, or step by step ([`Pace`], [`MockController::advance`],
//!   [`MockController::step`]). One-off jobs run [`Program`]s.
//! - **Its jobs fail on request.** A release with `CRASH=true` in its env has jobs that crash when
//!   they start ([`Crash`] says how), so its deployment fails and is rolled back;
//!   `START_DELAY=5000` lets each take so many milliseconds of the mock's clock
//!   ([`Builder::pace`]), so that its deployment can be watched or time out.
//! - **It is on the wire.** One port speaks HTTP/1.1, h2 and plain HTTP, for all hosts of the
//!   cluster; certificates are chosen by name as the router does it, and follow the routes.
//! - **It fails on request**: [`MockController::fail_next`], [`Fault`].
//! - **It behaves like a loaded cluster on request**: [`Races`].
//! - **It needs no runtime of yours.** Mocks share one background thread of the process; a plain
//!   `#[test]` uses [`start_blocking`](Builder::start_blocking). Dropping a mock closes it. Tokio's
//!   own paused time (`#[tokio::test(start_paused = true)]`) is of no use here, since it runs out
//!   while the mock works, and every call times out at once: move the mock's clock instead.
//!
//! [`conformance`] runs one suite against the mock and against real controllers. With the feature
//! `wiremock`, your own `wiremock` mocks are asked first.
//!
//! The program `mock-controller` (feature `controller`) serves a mock to programs in any language,
//! such as the original CLI, and an HTTP API drives it. Install it with
//! `cargo install flynn-mock --features controller`.
//!
//! Panics of this crate are failures of a test: they carry the line of the test that called.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
mod builder;
mod calls;
pub mod conformance;
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

/// The `wiremock` whose mocks [`MockController::wiremock`] takes.
#[cfg(feature = "wiremock")]
pub use ::wiremock;
/// Times and spans of time in the signatures of this crate.
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
pub use self::server::requests::{Iter, RecordedRequest, Requests};
pub use self::snapshot::Snapshot;
pub use self::state::{AppState, Missing, State};

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// Compiles and runs the examples of the page about tests.
#[cfg(doctest)]
#[doc = include_str!("../TESTING.md")]
pub struct Testing;
