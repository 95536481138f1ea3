//! Live programs.
