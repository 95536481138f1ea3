//! Integration tests of the programs.
