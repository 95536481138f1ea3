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

/// Makes [`rustls::ClientConfig`]s that trust a server in one of four ways.
///
/// | made by | trusts | gives up |
/// |---|---|---|
/// | [`pinned`](Self::pinned) | a leaf certificate with one of the pins, whatever it says | CA, names, validity (as Flynn's own client does) |
/// | [`pinned_and_webpki`](Self::pinned_and_webpki) | a pinned leaf that is publicly trusted as well | nothing |
/// | [`webpki`](Self::webpki) | a leaf for the host's name, in date, that leads to a public root | nothing |
/// | [`private_ca`](Self::private_ca) | the same, leading to CAs that you name, and to no other | nothing |
///
/// In every mode the server must prove in the handshake that it has the certificate's key.
///
/// Every [`config`](Self::config) has a session store of its own, and rustls resumes a session
/// only under the very verifier that accepted its certificate: a session made under one pin set
/// is never resumed under another, not even when a configuration is cloned, its verifier
/// exchanged, or a store handed from one configuration to another.
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
    /// Trusts a server whose leaf certificate has one of these pins, and checks nothing else of
    /// the certificate: not who issued it, not its names, not its dates. Flynn's own client does
    /// the same. The handshake's signature is verified.
    ///
    /// A wrong pin is a [`PinMismatch`]. A certificate that has a right pin but cannot be used to
    /// verify a signature (X.509 v1, RSA below 2048 bits, P-521 on ring) is [`Unverifiable`]; over
    /// TLS 1.2 most servers with P-521 end the handshake before they show theirs. The
    /// pin is looked at first: about a stranger's certificate nothing else is said.
    pub fn pinned(pins: impl Into<PinSet>) -> Self {
        Self::trusting(Trust::Pins(pins.into()))
    }

    /// Trusts a server whose leaf certificate has one of these pins *and* passes all checks of
    /// [`webpki`](Self::webpki). The pin is looked at first.
    pub fn pinned_and_webpki(pins: impl Into<PinSet>) -> Self {
        Self::chain(Some(pins.into()), Roots::public())
    }

    /// Trusts what browsers trust: a certificate for the host's name, in date, that leads to one
    /// of Mozilla's roots (feature `webpki-roots`), or to the roots given to
    /// [`roots`](Self::roots).
    pub fn webpki() -> Self {
        Self::chain(None, Roots::public())
    }

    /// Trusts certificates for the host's name, in date, that lead to one of the CAs in `pem`,
    /// and no other: such as what a Flynn controller answers to `GET /ca-cert`.
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`] when `pem` holds no certificate, or one that cannot be read or
    /// trusted.
    pub fn private_ca(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(Self::chain(None, Roots::from_pem(pem)?))
    }

    fn chain(pins: Option<PinSet>, roots: Roots) -> Self {
        Self::trusting(Trust::Chain { pins, roots, leniency: Leniency::default() })
    }

    fn trusting(trust: Trust) -> Self {
        Self { trust, known: Vec::new(), provider: None }
    }

    /// Exchanges the roots of a mode that checks the chain; [`pinned`](Self::pinned) has none and
    /// stays as it is.
    pub fn roots(mut self, new: Roots) -> Self {
        if let Trust::Chain { roots, .. } = &mut self.trust {
            *roots = new;
        }
        self
    }

    /// Certificates from before, such as the one that was pinned or the cluster's CA: they help to
    /// explain a [`PinMismatch`] and are never trusted.
    pub fn known(mut self, before: &Bundle) -> Self {
        self.known.extend_from_slice(before.certificates());
        self
    }

    /// Uses this crypto provider instead of ring (or aws-lc-rs, when only that is compiled in).
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// The ways to give up checks. Each says what it gives up.
    pub fn dangerous(self) -> Dangerous {
        Dangerous(self)
    }

    /// Makes the configuration: TLS 1.2 and 1.3, no client certificate, no ALPN (set
    /// `alpn_protocols` yourself), sessions kept in memory.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] without pins, without roots, without a provider, or with a provider
    /// that lacks what TLS 1.2 or 1.3 needs.
    pub fn config(self) -> Result<ClientConfig, Error> {
        let provider = match self.provider {
            Some(provider) => provider,
            None => provider::default()?,
        };
        let verifier = self.trust.verifier(self.known, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| {
                Error::because(ErrorKind::Config, "the crypto provider cannot do TLS", e)
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
