//! Integration tests of the programs.

mod check_certificate;
mod pin;
