use std::fmt;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName};

use crate::{Certificate, Pin, PinSet, Time};

/// The server's leaf certificate has none of the expected pins; no byte of a request was sent.
///
/// Found in a request's error with [`pin_mismatch`](crate::pin_mismatch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinMismatch {
    expected: PinSet,
    presented: Pin,
    leaf: Option<Certificate>,
    chain_length: usize,
    publicly_trusted: Option<bool>,
    server_name: String,
    at: Time,
}

impl PinMismatch {
    pub(super) fn new(
        expected: &PinSet,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        at: Time,
        _algorithms: &WebPkiSupportedAlgorithms,
    ) -> Self {
        Self {
            expected: expected.clone(),
            presented: Pin::of(leaf),
            leaf: Certificate::try_from(leaf).ok(),
            chain_length: intermediates.len() + 1,
            publicly_trusted: None,
            server_name: server_name.to_str().into_owned(),
            at,
        }
    }

    /// The pins that would have been accepted.
    pub fn expected(&self) -> &PinSet {
        &self.expected
    }

    /// The pin of what the server presented.
    pub fn presented(&self) -> Pin {
        self.presented
    }

    /// The leaf certificate presented, with its subject, issuer, names and dates; `None` when it
    /// is not readable as X.509.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.leaf.as_ref()
    }

    /// How many certificates the server presented.
    pub fn chain_length(&self) -> usize {
        self.chain_length
    }

    /// Whether the chain leads to a public root; `None` when that cannot be told (feature
    /// `webpki-roots` is off).
    pub fn publicly_trusted(&self) -> Option<bool> {
        self.publicly_trusted
    }

    /// The host name that was asked for.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }
}

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} presented a certificate with the pin {} instead of {}",
            self.server_name, self.presented, self.expected
        )
    }
}

impl std::error::Error for PinMismatch {}
