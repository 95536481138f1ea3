//! A stateful mock of a Flynn controller, to test against: real HTTP and TLS, live streams,
//! faults.

mod builder;
mod clock;
pub mod conformance;
mod controller;
pub mod engine;
mod fault;
mod hub;
mod op;
mod requests;
mod runtime;
mod seed;
mod server;
mod state;
#[cfg(feature = "wiremock")]
mod wiremock;

pub use self::builder::Builder;
pub use self::controller::MockController;
pub use self::engine::{Command, Delays, Input, Output, Pace, Program, ServerAge};
pub use self::fault::{Fault, FaultHandle};
pub use self::op::Op;
pub use self::requests::{RecordedRequest, Requests};
pub use self::seed::AppSeed;
pub use self::state::{AppState, Missing, State};
