//! An HTTP API that controls a mock from a program in any language.
//!
//! [`Control::start`] serves the API for a [`MockController`](crate::MockController) on its own loopback port. The
//! program `mock-controller` does this for you. Each request needs the header `Authorization: Bearer TOKEN`, because
//! every user and every web page of the machine can reach a loopback port.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use flynn_mock::MockController;
//! use flynn_mock::control::Control;
//!
//! let mock = MockController::builder().start_blocking();
//! let control = Control::start(mock, ([127, 0, 0, 1], 0).into())?;
//! println!("{} with the token {}", control.url(), control.token());
//! # Ok(())
//! # }
//! ```
//!
//! The API accepts and returns JSON. An error is `{"error": "MESSAGE"}` with a status of 400 or
//! above. [`OPENAPI`] describes all calls:
//!
//! | call | effect |
//! |---|---|
//! | `GET /health` | returns `{"status": "ok"}`; needs no token |
//! | `GET /openapi.json` | returns the OpenAPI document; needs no token |
//! | `GET /cluster` | returns URL, key, pin, CA and the names of the hosts |
//! | `PUT /cluster/services/{service}` | makes the status app report a service as healthy or not |
//! | `PUT /cluster/hosts/{host}` | makes a host of the fork unreachable for the controller, or reachable |
//! | `POST /tokens` | issues an access token of the fork |
//! | `PUT /certificates/{name}` | issues, renews or refuses a managed certificate of the fork |
//! | `GET`, `POST`, `DELETE /faults` | lists, sets, and lifts faults |
//! | `GET`, `DELETE /faults/{id}` | returns the hits of a fault, or lifts it |
//! | `GET /clock`, `PUT /clock/pace` | returns the clock and the pace, or sets the pace |
//! | `POST /clock/advance`, `/clock/step`, `/clock/run-to-end` | moves the clock and the cluster |
//! | `GET`, `DELETE /requests` | returns (or waits for) the recorded requests with their answers, or forgets them |
//! | `GET /state/{path}` | returns a document of the controller, without recording a request |
//! | `POST /seed` | creates apps, from the same document as a seed file |
//! | `POST /apps/{app}/log` | writes a line to the log of an app |
//! | `POST /streams/end` | ends all open streams, as a controller that shuts down does |
//! | `POST /shut-down`, `POST /restart` | closes the port and keeps the state; reopens the port |
//! | `GET /snapshots`, `PUT`, `DELETE /snapshots/{name}` | lists, takes and removes snapshots |
//! | `POST /snapshots/{name}/restore` | restores the state of a snapshot |
//! | `POST /reset` | restores the state at the start, without faults and requests |

mod calls;
mod faults;
mod fork;
mod journal;
mod lifecycle;
mod ready;
mod redact;
mod requests;
mod seed_file;
mod server;
mod snapshots;
mod state;

pub use journal::Journal;
pub use ready::ReadyFile;
pub use seed_file::{SeedFile, SeedFileError};
pub use server::Control;

/// The `OpenAPI` 3.1 document of the API, in JSON.
pub const OPENAPI: &str = include_str!("openapi.json");
