use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// The checks that the user has disabled with `dangerous()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Leniency {
    pub(super) names: bool,
    pub(super) expiry: bool,
}

/// Verifies that a chain leads to one of the roots, and the leaf's name.
#[derive(Debug)]
pub(super) struct Anchored {
    /// The roots; `None` accepts every server.
    roots: Option<Arc<RootCertStore>>,
    leniency: Leniency,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Anchored {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        leniency: Leniency,
        provider: &CryptoProvider,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { roots: Some(roots), leniency, algorithms }
    }

    pub(super) fn anyone(provider: &CryptoProvider) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { roots: None, leniency: Leniency::default(), algorithms }
    }
}

impl ServerCertVerifier for Anchored {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        let leaf = ParsedCertificate::try_from(end_entity)?;
        let leads_at = |now| {
            verify_server_cert_signed_by_trust_anchor(
                &leaf,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            )
        };
        let mut verdict = leads_at(now);
        if self.leniency.expiry {
            // Repeats once per expired certificate of the chain, each time going further back.
            for _ in 0..=intermediates.len() {
                let Some(then) = verdict.as_ref().err().and_then(last_moment) else { break };
                verdict = leads_at(then);
            }
        }
        verdict?;
        if !self.leniency.names {
            verify_server_name(&leaf, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Returns the last moment at which an expired certificate was valid.
fn last_moment(e: &rustls::Error) -> Option<UnixTime> {
    match e {
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after, ..
        }) => Some(*not_after),
        _ => None,
    }
}
