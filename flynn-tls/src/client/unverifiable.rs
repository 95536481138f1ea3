use std::fmt;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;

use crate::der::{Reader, SEQUENCE};
use crate::{Certificate, KeyKind, Pin};

/// The server's certificate has the right pin, but cannot verify the signature of a handshake, so
/// the server cannot prove that it has the key.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server's certificate has the right pin {presented}, but {reason}")]
pub struct Unverifiable {
    presented: Pin,
    reason: Reason,
}

/// The reason why a certificate is [`Unverifiable`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// X.509 version 1 or 2, which rustls-webpki does not read.
    #[error("it is X.509 v{0}, which cannot be verified: replace it with an X.509 v3 certificate")]
    Version(u32),
    /// A key that the crypto provider cannot verify with: RSA below 2048 or above 8192 bits,
    /// P-521 on ring, and rarer kinds.
    #[error(
        "signatures of its {0} key cannot be verified: replace it with a certificate for a P-256 or \
         RSA 2048 key"
    )]
    Key(KeyKind),
    /// A certificate that cannot be parsed, with the error of rustls-webpki.
    #[error("it cannot be read ({0}): replace it")]
    Unreadable(String),
}

impl Unverifiable {
    /// Returns the pin of the certificate.
    pub fn presented(&self) -> Pin {
        self.presented
    }

    /// Returns the reason.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    pub(super) fn judge(
        der: &CertificateDer<'_>,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Option<Self> {
        let refuse = |reason| Some(Self { presented: Pin::of(der), reason });
        match Certificate::try_from(der) {
            Ok(leaf) if leaf.version() != 3 => return refuse(Reason::Version(leaf.version())),
            Ok(leaf) if !can_verify(&leaf, algorithms) => {
                return refuse(Reason::Key(leaf.key().clone()));
            }
            // If our parser cannot read it, webpki decides, since it will use the certificate.
            _ => {}
        }
        match webpki::EndEntityCert::try_from(der) {
            Ok(_) => None,
            Err(e) => refuse(Reason::Unreadable(e.to_string())),
        }
    }
}

fn can_verify(leaf: &Certificate, algorithms: &WebPkiSupportedAlgorithms) -> bool {
    if let KeyKind::Rsa(bits) = leaf.key() {
        return (2048..=8192).contains(bits);
    }
    let algorithm =
        Reader::new(leaf.public_key()).enter(SEQUENCE).and_then(|mut spki| spki.value(SEQUENCE));
    algorithm.is_some_and(|wanted| {
        // Both are the content of the AlgorithmIdentifier without its tag and length.
        algorithms.all.iter().any(|a| a.public_key_alg_id().as_ref() == wanted.content)
    })
}

/// Writes the same as `Display`, because rustls shows the errors that it carries by `Debug`.
impl fmt::Debug for Unverifiable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverifiable({self})")
    }
}
