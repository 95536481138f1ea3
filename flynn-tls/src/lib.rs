//! Pins and certificates that a person can trust and understand: for people who run or automate a
//! Flynn cluster.
//!
//! A Flynn client trusts its controller by a *pin*, the SHA-256 of the controller's certificate.
//! When that certificate is replaced, every client fails; when it is broken, the router does. This
//! crate makes TLS configurations from pins, says why a pin no longer fits, and finds what is
//! wrong with a certificate before anybody installs it.
//!
//! | question | answer |
//! |---|---|
//! | how do I connect by pin? | [`ClientTls`] makes a [`rustls::ClientConfig`] |
//! | why did it fail? | [`pin_mismatch`] finds the [`PinMismatch`] in any error; [`PinMismatch::causes`] ranks the reasons |
//! | what is the new pin? | [`Pin::from_pem`] of a file, [`Probe`] of a live server |
//! | is this certificate good? | [`check()`] tells everything at once |
//! | what does each node present? | [`Probe::connect_to`], [`probe_many`] |
//! | certificates for my tests? | the module `generate` (feature `generate`) |
//!
//! ```
//! use flynn_tls::{Bundle, ClientTls, Pin, Requirements, check};
//!
//! # fn main() -> Result<(), flynn_tls::Error> {
//! # let issued = flynn_tls::generate::Ca::new("CA")?.issue(&["example.com", "*.example.com"])?;
//! # let pem = issued.certificate_pem();
//! // During a rotation both the old and the new certificate are accepted.
//! let old: Pin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?;
//! let new = Pin::from_pem(&pem)?;
//! let config = ClientTls::pinned([old, new]).config()?;
//!
//! // Before it is installed: every finding with a code, an explanation and a remedy.
//! let bundle = Bundle::from_pem(pem.as_bytes())?;
//! let report = check(&bundle, None, &Requirements::new().domain("example.com"));
//! for finding in report.findings() {
//!     println!("{finding}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `ring` | yes | ring as the provider where none is handed over |
//! | `aws-lc-rs` | | aws-lc-rs as that provider where `ring` is off; both together compile |
//! | `probe` | yes | [`Probe`], on tokio |
//! | `webpki-roots` | yes | Mozilla's roots |
//! | `platform` | | `Roots::platform`, the platform's own verifier |
//! | `generate` | | the module `generate`: certificates for tests, on rcgen |
//!
//! The provider that a process may have installed is never used and never needed.

mod bundle;
mod certificate;
mod check;
mod client;
mod der;
mod error;
mod file_kind;
#[cfg(feature = "generate")]
pub mod generate;
mod key;
mod pem;
mod pin;
#[cfg(feature = "probe")]
mod probe;
mod provider;
mod text;
mod time;

pub use bundle::Bundle;
pub use certificate::{Certificate, KeyKind, Names, Signature};
pub use check::{Code, Finding, Report, Requirements, ServerAge, Severity, check};
pub use client::{
    Cause, ClientTls, Dangerous, Evidence, PinMismatch, PinMistake, Reason, Roots, Unverifiable,
    Validity, pin_mismatch, unverifiable,
};
pub use error::{Error, ErrorKind};
pub use key::{KeyMatch, PrivateKey};
pub use pin::{Pin, PinSet};
#[cfg(feature = "probe")]
pub use probe::{Presented, Probe, probe, probe_many};
pub use rustls;
pub use rustls_pki_types as pki_types;
pub use time::Time;
