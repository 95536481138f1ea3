//! Certificates for tests: a CA, leaves of it, what a Flynn bootstrap leaves, and every fault that
//! [`check`](crate::check()) knows.
//!
//! Keys are made with ring; P-256 is the default because it takes well under a millisecond, also
//! in debug builds. Nothing here is for production: keys are kept in memory in clear.
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
