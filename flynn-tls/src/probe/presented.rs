use std::fmt;
use std::net::SocketAddr;

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, ClientConnection, ProtocolVersion};

use super::witness::Testimony;
use crate::error::Error;
use crate::{Bundle, Certificate, Pin};

/// What a server presented to a [`Probe`](super::Probe).
#[derive(Clone)]
pub struct Presented {
    address: SocketAddr,
    chain: Vec<CertificateDer<'static>>,
    proved: bool,
    completed: bool,
    protocol: Option<ProtocolVersion>,
    cipher: Option<CipherSuite>,
    alpn: Option<Vec<u8>>,
}

impl Presented {
    pub(super) fn new(
        address: SocketAddr,
        seen: Testimony,
        session: Option<&ClientConnection>,
    ) -> Self {
        Self {
            address,
            chain: seen.chain,
            proved: seen.proved,
            completed: session.is_some(),
            protocol: session.and_then(|s| s.protocol_version()),
            cipher: session.and_then(|s| s.negotiated_cipher_suite()).map(|c| c.suite()),
            alpn: session.and_then(|s| s.alpn_protocol()).map(<[u8]>::to_vec),
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
    /// [`ErrorKind::Certificate`](crate::ErrorKind::Certificate) if it is not X.509.
    pub fn leaf(&self) -> Result<Certificate, Error> {
        Certificate::from_der(self.chain.first().cloned().unwrap_or_else(|| Vec::new().into()))
    }

    /// Reads all certificates, for [`check`](crate::check()).
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`](crate::ErrorKind::Certificate) if one is not X.509.
    pub fn bundle(&self) -> Result<Bundle, Error> {
        Bundle::from_der(self.chain.iter().cloned())
    }

    /// Returns whether the server proved that it has the leaf's key. Also false if the crypto provider
    /// cannot verify with this kind of key.
    pub fn key_proved(&self) -> bool {
        self.proved
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
            .field("pin", &self.pin())
            .field("chain", &self.chain.len())
            .field("key_proved", &self.proved)
            .field("completed", &self.completed)
            .field("protocol", &self.protocol)
            .field("cipher", &self.cipher)
            .field("alpn", &self.alpn.as_deref().map(String::from_utf8_lossy))
            .finish()
    }
}
