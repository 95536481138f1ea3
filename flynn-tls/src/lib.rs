//! Pins and certificates that a person can trust and understand.

mod bundle;
mod certificate;
mod check;
mod client;
mod der;
mod error;
#[cfg(feature = "generate")]
pub mod generate;
mod key;
mod pem;
mod pin;
#[cfg(feature = "probe")]
mod probe;
mod provider;
mod time;

pub use bundle::Bundle;
pub use certificate::{Certificate, KeyKind, Names, Signature};
pub use check::{Code, Finding, Report, Requirements, Severity, check};
pub use client::{
    Cause, ClientTls, Dangerous, Evidence, Near, PinMismatch, Reason, Roots, Unverifiable,
    Validity, pin_mismatch, unverifiable,
};
pub use error::{Error, ErrorKind};
pub use key::{Belongs, PrivateKey};
pub use pin::{Pin, PinSet};
#[cfg(feature = "probe")]
pub use probe::{Presented, Probe, probe, probe_many};
pub use rustls;
pub use rustls_pki_types as pki_types;
pub use time::Time;
