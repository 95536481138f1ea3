//! Certificate pins, TLS that checks them, and checks of certificates for Flynn clusters.
//!
//! A Flynn client trusts its controller by a *pin*: the SHA-256 of the controller's certificate.
//! When that certificate is replaced, every client fails; when it is broken, the router fails. This
//! crate builds TLS configurations from pins, explains why a pin no longer matches, and finds what is
//! wrong with a certificate before you install it.
//!
//! | task | API |
//! |---|---|
//! | connect by pin | [`ClientTls`] builds a [`rustls::ClientConfig`] |
//! | explain a failure | [`pin_mismatch`] finds the [`PinMismatch`] in any error; [`PinMismatch::causes`] ranks the causes |
//! | compute a pin | [`Pin::from_pem`] of a file, [`Probe`] of a live server |
//! | check a certificate | [`check()`] reports everything at once |
//! | find out whether the pin can be removed | [`Presented::verify`] |
//! | compare the nodes of a cluster | [`Probe::connect_to`], [`probe_many`] |
//! | create certificates for tests | the module [`generate`] (feature `generate`) |
//!
//! ```
//! use flynn_tls::{Bundle, ClientTls, Pin, Requirements, check};
//!
//! # fn main() -> Result<(), flynn_tls::Error> {
//! # let issued = flynn_tls::generate::Ca::new("CA")?.issue(&["example.com", "*.example.com"])?;
//! # let pem = issued.certificate_pem();
//! // Accept both the old and the new certificate during a rotation.
//! let old: Pin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?;
//! let new = Pin::from_pem(&pem)?;
//! let config = ClientTls::pinned([old, new]).config()?;
//!
//! // Check a certificate before you install it.
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
//! | `ring` | yes | ring as the default crypto provider |
//! | `aws-lc-rs` | no | aws-lc-rs as the default crypto provider, unless `ring` is enabled too |
//! | `probe` | yes | [`Probe`], on tokio |
//! | `webpki-roots` | yes | Mozilla's roots |
//! | `platform` | no | [`Roots::platform`], the platform's own verifier |
//! | `serde` | no | `Serialize` for [`Certificate`], [`Finding`], [`Report`], [`Code`] and [`Severity`] |
//! | `generate` | no | the module [`generate`]: certificates for tests, on rcgen |
//!
//! The crate neither uses nor needs the crypto provider that the process may have installed.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Links to items of features that are off.
#![cfg_attr(
    not(all(feature = "probe", feature = "platform", feature = "generate")),
    allow(rustdoc::broken_intra_doc_links)
)]

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

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
