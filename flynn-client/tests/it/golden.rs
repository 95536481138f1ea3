//! Golden replay against recorded exchanges with real controllers, in both directions: what they
//! answered decodes into our types and encodes back equal, and what our calls send equals what was
//! sent to them. Deliberate differences stand in one table, each with its reason.

mod bodies;
mod differences;
mod ours;
mod recordings;
mod requests;
mod tables;
