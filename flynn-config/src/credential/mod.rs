//! git's credential protocol, and the answers a Flynn cluster gives to it.

mod message;
mod reject;

pub use message::{Credential, Operation};
pub use reject::{reject, reject_with};
