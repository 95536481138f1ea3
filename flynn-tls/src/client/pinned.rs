use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};

use super::mismatch::{Handshake, PinMismatch};
use super::unverifiable::Unverifiable;
use crate::error::{Error, ErrorKind};
use crate::{Certificate, Pin, PinSet, Time};

/// Compares the leaf's pin, then asks `chain` if there is one. Verifies handshake signatures.
#[derive(Debug)]
pub(super) struct Pinned {
    pins: PinSet,
    chain: Option<Arc<dyn ServerCertVerifier>>,
    /// Used only for explanations.
    known: Vec<Certificate>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    pub(super) fn new(
        pins: PinSet,
        chain: Option<Arc<dyn ServerCertVerifier>>,
        known: Vec<Certificate>,
        provider: &CryptoProvider,
    ) -> Result<Self, Error> {
        if pins.is_empty() {
            return Err(Error::new(
                ErrorKind::Config,
                "there are no pins, so no server would be accepted: pass at least one",
            ));
        }
        Ok(Self { pins, chain, known, algorithms: provider.signature_verification_algorithms })
    }
}

/// Wraps an error of this crate so that rustls passes it on and `search` finds it.
fn refuse(why: impl std::error::Error + Send + Sync + 'static) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let presented = Pin::of(end_entity);
        if !self.pins.contains(&presented) {
            let seen = Handshake {
                leaf: end_entity,
                intermediates,
                server_name,
                at: Time::from_pki(now),
                known: &self.known,
                algorithms: self.algorithms.all,
            };
            return Err(refuse(PinMismatch::new(&self.pins, &seen)));
        }
        if let Some(why) = Unverifiable::judge(end_entity, &self.algorithms) {
            return Err(refuse(why));
        }
        match &self.chain {
            Some(chain) => {
                chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Ok(ServerCertVerified::assertion()),
        }
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

    /// Returns the provider's schemes and P-521. Without P-521, a server with such a certificate ends the handshake
    /// before we see the certificate and can explain the failure. It is refused before its signature is verified.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        if !schemes.contains(&SignatureScheme::ECDSA_NISTP521_SHA512) {
            schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        }
        schemes
    }
}
