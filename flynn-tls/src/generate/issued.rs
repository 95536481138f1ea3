use std::fmt;

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{Pin, pem};

/// A certificate with its key and its issuers.
#[derive(Clone)]
pub struct Issued {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) issuers: Vec<CertificateDer<'static>>,
    /// PKCS#8.
    pub(super) key: Vec<u8>,
}

impl Issued {
    /// Returns the leaf in PEM.
    pub fn certificate_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.certificate)
    }

    /// Returns the chain from the leaf to the root.
    pub fn chain_pem(&self) -> String {
        self.chain().iter().map(|der| pem::encode("CERTIFICATE", der)).collect()
    }

    /// Returns the leaf and the intermediates without the root, as a public CA delivers them.
    pub fn chain_pem_without_root(&self) -> String {
        let chain = self.chain();
        let above = chain.len().saturating_sub(1).max(1);
        chain.iter().take(above).map(|der| pem::encode("CERTIFICATE", der)).collect()
    }

    /// Returns the chain from the leaf to the root.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        std::iter::once(&self.certificate).chain(&self.issuers).cloned().collect()
    }

    /// Removes the issuers, so that the chain is only the leaf, as after a Flynn bootstrap.
    pub fn without_issuers(mut self) -> Self {
        self.issuers.clear();
        self
    }

    /// Replaces the key with that of another certificate, so that they do not match.
    pub fn with_key_of(mut self, other: &Self) -> Self {
        self.key.clone_from(&other.key);
        self
    }

    /// Returns the private key as PKCS#8 in PEM.
    pub fn key_pem(&self) -> String {
        pem::encode("PRIVATE KEY", &self.key)
    }

    /// Returns the private key for rustls.
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    /// Returns the leaf in DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Returns the pin of the leaf.
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
