//! git's credential protocol, and the answers a Flynn cluster gives to it.

mod answer;
mod message;
mod reject;
mod token;

pub use answer::answer;
pub use message::{Credential, Operation};
pub use reject::{reject, reject_with};
pub use token::{Token, Tokens};
