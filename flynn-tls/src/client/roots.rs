use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;

use super::chain::{Anchored, Leniency};
use crate::error::{Error, ErrorKind};
use crate::{file_kind, pem};

/// The roots that a chain of certificates must lead to.
///
/// ```
/// # fn main() -> Result<(), flynn_tls::Error> {
/// use flynn_tls::{ClientTls, Roots};
/// # let ca = flynn_tls::generate::Ca::new("x")?;
/// # let (ca_pem, pin) = (ca.certificate_pem(), ca.issue(&["x"])?.pin());
///
/// // Accept the pinned certificate only if the cluster's own CA issued it for the host name.
/// let roots = Roots::from_pem(&ca_pem)?;
/// let config = ClientTls::pinned_and_webpki(pin).roots(roots).config()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Roots(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// The compiled-in roots: Mozilla's, or the platform's, or none.
    Public,
    Store(Arc<RootCertStore>),
    #[cfg(feature = "platform")]
    Platform,
}

impl Roots {
    /// Uses Mozilla's roots (feature `webpki-roots`), otherwise the platform's (feature `platform`).
    /// Without both features, building a configuration fails.
    pub fn public() -> Self {
        Self(Kind::Public)
    }

    /// Uses Mozilla's roots, which are compiled in.
    #[cfg(feature = "webpki-roots")]
    pub fn mozilla() -> Self {
        Self(Kind::Store(mozilla()))
    }

    /// Uses the platform's own verifier and trust settings, including roots that an administrator
    /// added.
    #[cfg(feature = "platform")]
    pub fn platform() -> Self {
        Self(Kind::Platform)
    }

    /// Uses the certificates of a PEM file, or of a DER file.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Certificate`] if there is no certificate, or if one cannot be read or used as a root.
    pub fn from_pem(file: impl AsRef<[u8]>) -> Result<Self, Error> {
        let file = file.as_ref();
        let mut store = RootCertStore::empty();
        for found in pem::certificates(file) {
            store.add(found?.der).map_err(|e| {
                Error::because(
                    ErrorKind::Certificate,
                    "a CA certificate cannot be used as a root",
                    e,
                )
            })?;
        }
        if store.is_empty() {
            return Err(file_kind::no_certificate(file));
        }
        Ok(store.into())
    }

    /// Returns the roots, unless they are the platform's.
    pub(crate) fn anchors(&self) -> Option<Arc<RootCertStore>> {
        match &self.0 {
            Kind::Store(roots) => Some(Arc::clone(roots)),
            Kind::Public => Self::public_anchors(),
            #[cfg(feature = "platform")]
            Kind::Platform => None,
        }
    }

    /// Returns Mozilla's roots, if they are compiled in.
    #[allow(clippy::unnecessary_wraps, reason = "without the feature there are none")]
    pub(crate) fn public_anchors() -> Option<Arc<RootCertStore>> {
        #[cfg(feature = "webpki-roots")]
        return Some(mozilla());
        #[cfg(not(feature = "webpki-roots"))]
        None
    }

    /// Returns a verifier of chains, names and dates, as a client without a pin uses.
    #[cfg(feature = "probe")]
    pub(crate) fn strict(
        self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        self.verifier(Leniency::default(), provider)
    }

    pub(super) fn verifier(
        self,
        leniency: Leniency,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        match self.0 {
            Kind::Store(roots) if roots.is_empty() => Err(Error::new(
                ErrorKind::Config,
                "there are no root certificates to trust: pass at least one",
            )),
            Kind::Store(roots) => Ok(Arc::new(Anchored::new(roots, leniency, provider))),
            #[cfg(feature = "webpki-roots")]
            Kind::Public => Ok(Arc::new(Anchored::new(mozilla(), leniency, provider))),
            #[cfg(all(feature = "platform", not(feature = "webpki-roots")))]
            Kind::Public => platform(leniency, provider),
            #[cfg(not(any(feature = "platform", feature = "webpki-roots")))]
            Kind::Public => Err(Error::new(
                ErrorKind::Config,
                "no public roots: enable the feature `webpki-roots` or `platform`",
            )),
            #[cfg(feature = "platform")]
            Kind::Platform => platform(leniency, provider),
        }
    }
}

impl From<RootCertStore> for Roots {
    fn from(store: RootCertStore) -> Self {
        Self(Kind::Store(Arc::new(store)))
    }
}

#[cfg(feature = "webpki-roots")]
fn mozilla() -> Arc<RootCertStore> {
    static STORE: std::sync::LazyLock<Arc<RootCertStore>> = std::sync::LazyLock::new(|| {
        Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    });
    Arc::clone(&STORE)
}

#[cfg(feature = "platform")]
fn platform(
    leniency: Leniency,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if leniency != Leniency::default() {
        return Err(Error::new(
            ErrorKind::Config,
            "the platform's verifier cannot skip single checks: use other roots",
        ));
    }
    rustls_platform_verifier::Verifier::new(Arc::clone(provider))
        .map(|v| Arc::new(v) as Arc<dyn ServerCertVerifier>)
        .map_err(|e| Error::because(ErrorKind::Config, "the platform's roots cannot be read", e))
}
