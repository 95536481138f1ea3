//! Sends calls and reads answers. The path of a call, from top to bottom:
//!
//! 1. A resource describes a call as a [`Spec`] and wraps it: [`Request`] reads the answer as a whole,
//!    [`Connect`] opens a stream, `upgrade` takes over the connection.
//! 2. Awaiting it runs [`Transport::whole`] or [`Transport::open`] (`send`): attempts within the deadline, as
//!    the [`RetryPolicy`] allows.
//! 3. An attempt is one `http` request. It passes through the caller's layers (`layer`), if there are any.
//! 4. [`Wire`] adds the key and sends.
//! 5. Back in `send`, the head of the answer is checked (`answer`, `redirect`) and the body is read (`body`).
//! 6. [`Request`] decodes the body; [`EventSource`] splits it with `sse`.
//!
//! Nothing here depends on a resource.

mod answer;
mod attach;
mod auth;
mod body;
mod deadline;
mod layer;
mod proxy;
mod redirect;
mod request;
mod retry;
mod send;
mod settings;
mod spec;
mod sse;
mod stream;
mod wire;

pub(crate) use answer::{content_type, is_type, not_a};
pub(crate) use attach::{Duplex, Upgraded, upgrade};
pub(crate) use auth::Auth;
pub use body::Body;
pub(crate) use deadline::{Deadline, Limits, operation};
pub use layer::Service;
pub(crate) use proxy::{Proxies, proxy_url};
pub use request::Request;
pub(crate) use request::list_limit;
pub use retry::RetryPolicy;
pub(crate) use send::{Answer, Call, Transport};
pub(crate) use settings::Settings;
pub(crate) use spec::{Accept, Repeat, Spec};
pub(crate) use sse::{Kind, Parser};
pub use stream::{Connect, EventSource};
pub(crate) use stream::{next, stream_next};
pub(crate) use wire::{Proxy, Wire, WireOptions};
