//! Golden tests against recorded exchanges with real controllers. Recorded answers decode into our types and encode
//! back to the same JSON, and our calls send the recorded requests. A table lists the deliberate differences, each with
//! its reason.

mod bodies;
mod differences;
mod ours;
mod recordings;
mod requests;
mod tables;
