//! Pins and certificates that a person can trust and understand.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
#[cfg(feature = "generate")]
pub mod generate;
mod pem;
mod pin;
mod time;

pub use error::{Error, ErrorKind};
pub use pin::{Pin, PinSet};
pub use rustls;
pub use rustls_pki_types as pki_types;
pub use time::Time;
