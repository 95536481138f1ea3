//! What the test programs share.

pub mod conformance;
pub mod replay;
