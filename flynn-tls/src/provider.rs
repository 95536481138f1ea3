use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::error::Error;

/// Returns the default provider: ring if it is compiled in, otherwise aws-lc-rs.
///
/// The provider that the process may have installed is never used, so that a call does the same in
/// every program.
#[allow(clippy::unnecessary_wraps, reason = "without both features there is none")]
pub(crate) fn default() -> Result<Arc<CryptoProvider>, Error> {
    #[cfg(feature = "ring")]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
    return Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    Err(Error::new(
        crate::error::ErrorKind::Config,
        "no crypto provider: pass one, or enable the feature `ring` or `aws-lc-rs`",
    ))
}
