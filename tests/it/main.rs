//! Journeys across the crates.

mod replay;
