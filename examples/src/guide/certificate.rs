//! The certificate that the cluster shall have, from its files.

use std::fs;
use std::path::{Path, PathBuf};

use flynn_tls::{Bundle, Pin, PrivateKey, Roots};
use secrecy::SecretString;

use crate::job::CertificateFiles;
use anyhow::{Context as _, Result};

/// A certificate with its chain and key.
#[derive(Debug)]
pub struct NewCertificate {
    /// The chain's file.
    pub path: PathBuf,
    /// The certificates of the file in its order, and nothing else that it holds: what the cluster gets.
    pub chain_pem: String,
    /// The key in canonical PEM, whatever its file looks like.
    pub key_pem: SecretString,
    /// The chain, read.
    pub bundle: Bundle,
    /// The key, read.
    pub key: PrivateKey,
    /// The CA that it leads to, when it is not a public one.
    pub ca: Option<Roots>,
    /// The leaf's pin.
    pub pin: Pin,
}

impl NewCertificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When one is missing or is not what it should be, in words that name the file.
    pub fn load(files: &CertificateFiles) -> Result<Self> {
        let (certificate, key) = (&files.chain, &files.key);
        let bundle = Bundle::from_pem(&read(certificate)?)
            .with_context(|| format!("{} is not a certificate in PEM", certificate.display()))?;
        let no_key = || format!("{} is not a private key in PEM", key.display());
        let private_key = PrivateKey::from_pem(read(key)?).with_context(no_key)?;
        let ca = files.ca.as_deref().map(roots).transpose()?;
        Ok(Self {
            path: certificate.clone(),
            pin: bundle.leaf().pin(),
            chain_pem: bundle.to_pem(),
            key_pem: private_key.secret_pem().into(),
            bundle,
            key: private_key,
            ca,
        })
    }
}

fn roots(path: &Path) -> Result<Roots> {
    let no_ca = || format!("{} is not a CA in PEM", path.display());
    Roots::from_pem(read(path)?).with_context(no_ca)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
