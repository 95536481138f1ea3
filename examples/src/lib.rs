//! The steps of the guide, composed of the Flynn crates.
