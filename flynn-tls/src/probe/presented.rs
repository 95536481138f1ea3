use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, CipherSuite, ClientConnection, ProtocolVersion};

use super::witness::Testimony;
use crate::error::{Error, ErrorKind};
use crate::{Bundle, Certificate, Pin, Roots};

/// The certificates that a server presented to a [`Probe`](super::Probe).
#[derive(Clone)]
pub struct Presented {
    address: SocketAddr,
    asked: ServerName<'static>,
    chain: Vec<CertificateDer<'static>>,
    proved: bool,
    completed: bool,
    protocol: Option<ProtocolVersion>,
    cipher: Option<CipherSuite>,
    alpn: Option<Vec<u8>>,
    provider: Arc<CryptoProvider>,
}

impl Presented {
    pub(super) fn new(
        address: SocketAddr,
        asked: ServerName<'static>,
        seen: Testimony,
        session: Option<&ClientConnection>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self {
            address,
            asked,
            chain: seen.chain,
            proved: seen.proved,
            completed: session.is_some(),
            protocol: session.and_then(|s| s.protocol_version()),
            cipher: session.and_then(|s| s.negotiated_cipher_suite()).map(|c| c.suite()),
            alpn: session.and_then(|s| s.alpn_protocol()).map(<[u8]>::to_vec),
            provider,
        }
    }

    /// Returns the address that answered.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the certificates in the order of the server, the leaf first. There is at least one.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Returns the pin of the leaf.
    pub fn pin(&self) -> Pin {
        self.chain.first().map_or_else(|| Pin::from_der(&[]), Pin::of)
    }

    /// Reads the leaf.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Certificate`](crate::ErrorKind::Certificate) if it is not X.509.
    pub fn leaf(&self) -> Result<Certificate, Error> {
        Certificate::from_der(self.chain.first().cloned().unwrap_or_else(|| Vec::new().into()))
    }

    /// Reads all certificates, for [`check`](crate::check()).
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Certificate`](crate::ErrorKind::Certificate) if one is not X.509.
    pub fn bundle(&self) -> Result<Bundle, Error> {
        Bundle::from_der(self.chain.iter().cloned())
    }

    /// Returns whether the server proved that it has the leaf's key. Also false if the crypto provider
    /// cannot verify with this kind of key.
    pub fn key_proved(&self) -> bool {
        self.proved
    }

    /// Verifies the certificate as a client without a pin does. The handshake must be complete, the server must have
    /// proved that it has the key, and the certificate must cover the requested name, be valid now, and lead to one of
    /// `roots`.
    ///
    /// Call it before you remove a pin. An answer alone proves nothing, because anybody between you and the server can
    /// send one.
    ///
    /// ```no_run
    /// # async fn f() -> Result<(), flynn_tls::Error> {
    /// use flynn_tls::{Probe, Roots};
    ///
    /// let presented = Probe::new("controller.example.com", 443).run().await?;
    /// presented.verify(Roots::public())?;
    /// println!("the pin can be removed from .flynnrc");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Untrusted`] and the failed check, or with [`ErrorKind::Config`] if there are no roots.
    pub fn verify(&self, roots: Roots) -> Result<(), Error> {
        let name = self.asked.to_str();
        let refuse = |reason| format!("the certificate of {name} is not trusted: {reason}");
        let verifier = roots.strict(&self.provider)?;
        if !self.proved {
            let reason = "the server did not prove that it has the certificate's key";
            return Err(Error::new(ErrorKind::Untrusted, refuse(reason)));
        }
        if !self.completed {
            let reason = "the server ended the handshake";
            return Err(Error::new(ErrorKind::Untrusted, refuse(reason)));
        }
        let (leaf, issuers) = self
            .chain
            .split_first()
            .ok_or_else(|| Error::new(ErrorKind::Untrusted, refuse("the server presented none")))?;
        match verifier.verify_server_cert(leaf, issuers, &self.asked, &[], UnixTime::now()) {
            Ok(_) => Ok(()),
            Err(e) => Err(Error::because(ErrorKind::Untrusted, refuse(reason(&e)), e)),
        }
    }

    /// Returns whether the handshake was completed.
    pub fn completed(&self) -> bool {
        self.completed
    }

    /// Returns the TLS version; `None` if the handshake was not completed.
    pub fn protocol(&self) -> Option<ProtocolVersion> {
        self.protocol
    }

    /// Returns the cipher suite; `None` if the handshake was not completed.
    pub fn cipher(&self) -> Option<CipherSuite> {
        self.cipher
    }

    /// Returns the protocol chosen by ALPN.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("address", &self.address)
            .field("asked", &self.asked)
            .field("pin", &self.pin())
            .field("chain", &self.chain.len())
            .field("key_proved", &self.proved)
            .field("completed", &self.completed)
            .field("protocol", &self.protocol)
            .field("cipher", &self.cipher)
            .field("alpn", &self.alpn.as_deref().map(String::from_utf8_lossy))
            .finish_non_exhaustive()
    }
}

/// Returns which check of a certificate failed.
fn reason(e: &rustls::Error) -> &'static str {
    use CertificateError as E;
    match e {
        rustls::Error::InvalidCertificate(E::Expired | E::ExpiredContext { .. }) => {
            "it or one of its issuers has expired"
        }
        rustls::Error::InvalidCertificate(E::NotValidYet | E::NotValidYetContext { .. }) => {
            "it or one of its issuers is not valid yet"
        }
        rustls::Error::InvalidCertificate(
            E::NotValidForName | E::NotValidForNameContext { .. },
        ) => "it does not cover the name",
        rustls::Error::InvalidCertificate(E::UnknownIssuer) => {
            "its chain leads to none of the trusted roots"
        }
        _ => "it cannot be verified",
    }
}
