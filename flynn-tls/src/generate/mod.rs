//! Creates certificates for tests: CAs, server certificates, the certificates of a Flynn bootstrap, and one for every
//! fault that [`check`](crate::check()) reports.
//!
//! Do not use this in production. Keys are generated with ring and kept unprotected in memory.
//!
//! ```
//! use flynn_tls::generate::Ca;
//!
//! let ca = Ca::new("My test CA")?;
//! let issued = ca.issue(&["example.com", "*.example.com"])?;
//! assert_eq!(issued.pin(), flynn_tls::Pin::from_pem(&issued.certificate_pem())?);
//! # Ok::<(), flynn_tls::Error>(())
//! ```

mod bootstrap;
mod broken;
mod ca;
mod issued;
mod key;
mod leaf;
mod resign;

pub use bootstrap::{Bootstrap, bootstrap};
pub use broken::{Broken, broken};
pub use ca::Ca;
pub use issued::Issued;
pub use leaf::Leaf;

use crate::error::{Error, ErrorKind};

fn failed(e: rcgen::Error) -> Error {
    Error::because(ErrorKind::Generate, "cannot make the certificate", e)
}
