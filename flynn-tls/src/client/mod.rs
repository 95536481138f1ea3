mod causes;
mod chain;
mod dangerous;
mod mismatch;
mod pinned;
mod roots;
mod search;
mod unverifiable;

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;

pub use causes::{Cause, Evidence, PinMistake, Validity};
pub use dangerous::Dangerous;
pub use mismatch::PinMismatch;
pub use roots::Roots;
pub use search::{pin_mismatch, unverifiable};
pub use unverifiable::{Reason, Unverifiable};

use crate::error::{Error, ErrorKind};
use crate::{Bundle, Certificate, PinSet, provider};
use chain::{Anchored, Leniency};
use pinned::Pinned;

/// Builds a [`rustls::ClientConfig`] that trusts servers in one of four ways.
///
/// | constructor | trusts | does not check |
/// |---|---|---|
/// | [`pinned`](Self::pinned) | a leaf certificate with one of the pins | CA, names, validity (like Flynn's own client) |
/// | [`pinned_and_webpki`](Self::pinned_and_webpki) | a pinned leaf that is publicly trusted too | |
/// | [`webpki`](Self::webpki) | a valid leaf for the host name with a chain to a public root | |
/// | [`private_ca`](Self::private_ca) | a valid leaf for the host name with a chain to one of your CAs | |
///
/// In every mode the server must prove in the handshake that it has the certificate's key.
///
/// A TLS session is resumed only by the configuration that created it, with the same pins.
///
/// ```
/// use flynn_tls::{ClientTls, Pin};
///
/// let pin: Pin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?;
/// let config = ClientTls::pinned(pin).config()?;
/// # Ok::<(), flynn_tls::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is made before `config`"]
pub struct ClientTls {
    trust: Trust,
    known: Vec<Certificate>,
    provider: Option<Arc<CryptoProvider>>,
}

#[derive(Debug, Clone)]
enum Trust {
    Pins(PinSet),
    Chain { pins: Option<PinSet>, roots: Roots, leniency: Leniency },
    Anyone,
}

impl ClientTls {
    /// Trusts a server whose leaf certificate has one of these pins. Issuer, names and dates of the
    /// certificate are not checked, as in Flynn's own client. The signature of the handshake is
    /// verified.
    ///
    /// If the pin is wrong, the connection fails with a [`PinMismatch`]. If the pin is right but the
    /// certificate cannot verify signatures (X.509 v1, RSA below 2048 bits, P-521 on ring), it fails
    /// with [`Unverifiable`]. Over TLS 1.2 most servers with P-521 end the handshake first.
    pub fn pinned(pins: impl Into<PinSet>) -> Self {
        Self::trusting(Trust::Pins(pins.into()))
    }

    /// Trusts a server whose leaf certificate has one of these pins *and* passes all checks of
    /// [`webpki`](Self::webpki). The pin is checked first.
    pub fn pinned_and_webpki(pins: impl Into<PinSet>) -> Self {
        Self::chain(Some(pins.into()), Roots::public())
    }

    /// Trusts what browsers trust: a valid certificate for the host name with a chain to one of
    /// Mozilla's roots (feature `webpki-roots`), or to the roots set by [`roots`](Self::roots).
    pub fn webpki() -> Self {
        Self::chain(None, Roots::public())
    }

    /// Trusts valid certificates for the host name with a chain to one of the CAs in `pem`. A Flynn
    /// controller returns its CA for `GET /ca-cert`.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Certificate`] if `pem` contains no certificate, or one cannot be read or used as a root.
    pub fn private_ca(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(Self::chain(None, Roots::from_pem(pem)?))
    }

    fn chain(pins: Option<PinSet>, roots: Roots) -> Self {
        Self::trusting(Trust::Chain { pins, roots, leniency: Leniency::default() })
    }

    fn trusting(trust: Trust) -> Self {
        Self { trust, known: Vec::new(), provider: None }
    }

    /// Replaces the roots of a mode that checks the chain. [`pinned`](Self::pinned) has none and does
    /// not change.
    pub fn roots(mut self, new: Roots) -> Self {
        if let Trust::Chain { roots, .. } = &mut self.trust {
            *roots = new;
        }
        self
    }

    /// Adds earlier certificates, such as the pinned one or the cluster's CA. They are used only to explain a
    /// [`PinMismatch`] and are never trusted.
    pub fn known(mut self, before: &Bundle) -> Self {
        self.known.extend_from_slice(before.certificates());
        self
    }

    /// Uses this crypto provider instead of the default one.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Returns options that disable checks. Each one documents its risk.
    pub fn dangerous(self) -> Dangerous {
        Dangerous(self)
    }

    /// Builds the configuration: TLS 1.2 and 1.3, no client certificate, no ALPN (set
    /// `alpn_protocols` yourself), sessions kept in memory.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Config`] if there are no pins, no roots or no crypto provider, or if the provider does
    /// not support TLS 1.2 and 1.3.
    pub fn config(self) -> Result<ClientConfig, Error> {
        let provider = match self.provider {
            Some(provider) => provider,
            None => provider::default()?,
        };
        let verifier = self.trust.verifier(self.known, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| {
                Error::because(
                    ErrorKind::Config,
                    "the crypto provider does not support TLS 1.2 and 1.3",
                    e,
                )
            })?;
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }
}

impl Trust {
    fn verifier(
        self,
        known: Vec<Certificate>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        Ok(match self {
            Self::Pins(pins) => Arc::new(Pinned::new(pins, None, known, provider)?),
            Self::Chain { pins, roots, leniency } => {
                let chain = roots.verifier(leniency, provider)?;
                match pins {
                    Some(pins) => Arc::new(Pinned::new(pins, Some(chain), known, provider)?),
                    None => chain,
                }
            }
            Self::Anyone => Arc::new(Anchored::anyone(provider)),
        })
    }
}
