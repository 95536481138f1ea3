//! Everything that moves bytes: from a call's [`Spec`] to its decoded answer.
//!
//! A resource file makes a [`Spec`] (what to send) and wraps it into a [`Request`] (what comes back);
//! awaiting that runs the retry loop of `send`, in which every attempt passes the layers, gets its key
//! in `auth` and goes out through `wire`.

mod answer;
mod attach;
mod auth;
mod body;
mod deadline;
mod frames;
mod layer;
mod proxy;
mod redirect;
mod request;
mod retry;
mod send;
mod spec;
mod sse;
mod stream;
mod wire;

pub(crate) use answer::{content_type, is_type, not_a};
pub(crate) use attach::{Duplex, Upgraded, upgrade};
pub(crate) use auth::Auth;
pub use body::Body;
pub(crate) use deadline::{Deadline, operation};
pub(crate) use frames::{Decoder, resize, signal, stdin_head};
pub(crate) use layer::Layers;
pub use layer::Service;
pub(crate) use proxy::{Proxies, proxy_url};
pub use request::Request;
pub(crate) use request::list_limit;
pub use retry::RetryPolicy;
pub(crate) use send::{Answer, Call, Limits, Transport};
pub(crate) use spec::{Accept, Repeat, Spec};
pub(crate) use sse::Parser;
pub use stream::{Connect, EventSource};
pub(crate) use wire::{Proxy, Wire, WireOptions};
