use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, OtherError};

use super::{PinMismatch, Unverifiable};

/// Finds the [`PinMismatch`] that made a request fail. Searches the whole chain of an error, including the errors of
/// reqwest, hyper, [`std::io`] and all others that implement `source()`.
///
/// ```
/// # fn example(error: Box<dyn std::error::Error>) {
/// if let Some(mismatch) = flynn_tls::pin_mismatch(&*error) {
///     eprintln!("{mismatch}");
/// }
/// # }
/// ```
pub fn pin_mismatch<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a PinMismatch> {
    find(error)
}

/// Finds the [`Unverifiable`] that made a request fail. See [`pin_mismatch`].
pub fn unverifiable<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Unverifiable> {
    find(error)
}

/// The limit of the search, in case an error is its own source.
const DEEPEST: usize = 64;

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    for _ in 0..DEEPEST {
        let error = next?;
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = inner(error);
    }
    None
}

/// Returns the next error of a chain. `source()` alone skips the error inside an [`io::Error`], and
/// [`rustls::Error`] does not implement it.
fn inner<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    if let Some(inside) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return Some(inside);
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return match tls {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(e)))
            | rustls::Error::Other(OtherError(e)) => Some(e.as_ref()),
            _ => None,
        };
    }
    error.source()
}
