use std::fmt;

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{Pin, pem};

/// A certificate that was made, with its key and the certificates above it.
#[derive(Clone)]
pub struct Issued {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) issuers: Vec<CertificateDer<'static>>,
    /// PKCS#8.
    pub(super) key: Vec<u8>,
}

impl Issued {
    /// The leaf alone, in PEM.
    pub fn certificate_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.certificate)
    }

    /// The leaf first, then what signed it, up to and with the CA.
    pub fn chain_pem(&self) -> String {
        self.chain().iter().map(|der| pem::encode("CERTIFICATE", der)).collect()
    }

    /// The leaf first, then the intermediates, without the root: what a public CA hands out.
    pub fn chain_pem_without_root(&self) -> String {
        let chain = self.chain();
        let above = chain.len().saturating_sub(1).max(1);
        chain.iter().take(above).map(|der| pem::encode("CERTIFICATE", der)).collect()
    }

    /// The leaf first, then what signed it, up to and with the CA.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        std::iter::once(&self.certificate).chain(&self.issuers).cloned().collect()
    }

    /// The same certificate that shows only itself: a chain of one, as Flynn's own bootstrap
    /// serves it.
    pub fn without_issuers(mut self) -> Self {
        self.issuers.clear();
        self
    }

    /// The same certificate beside the key of another: nothing that it signs verifies.
    pub fn with_key_of(mut self, other: &Self) -> Self {
        self.key.clone_from(&other.key);
        self
    }

    /// The private key, PKCS#8 in PEM.
    pub fn key_pem(&self) -> String {
        pem::encode("PRIVATE KEY", &self.key)
    }

    /// The private key as rustls takes it.
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    /// The leaf in DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The leaf's pin.
    pub fn pin(&self) -> Pin {
        Pin::of(&self.certificate)
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("pin", &self.pin())
            .field("issuers", &self.issuers.len())
            .finish_non_exhaustive()
    }
}
