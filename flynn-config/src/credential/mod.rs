//! git's credential protocol, and the answers of a Flynn cluster.

mod answer;
mod git;
mod message;

pub use answer::answer;
pub use git::{GitAnswer, ask, reject, reject_with};
pub use message::{Credential, Operation};
