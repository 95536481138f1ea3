//! Code that the test programs share.

pub mod conformance;
pub mod replay;
