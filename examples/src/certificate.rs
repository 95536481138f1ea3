//! The certificate that the cluster shall have, from its files.

use std::fs;
use std::path::{Path, PathBuf};

use flynn_tls::{Bundle, Pin, PrivateKey, Roots};
use secrecy::SecretString;

use crate::failure::{Context, Result};
use crate::job::CertificateFiles;

/// A certificate with its chain and key.
#[derive(Debug)]
pub struct NewCertificate {
    /// The chain's file.
    pub path: PathBuf,
    /// The chain as it is in the file: what the cluster gets.
    pub chain_pem: String,
    /// The key as it is in the file.
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
        let chain_pem = read(certificate)?;
        let bundle = Bundle::from_pem(chain_pem.as_bytes())
            .context(format!("{} is not a certificate in PEM", certificate.display()))?;
        let key_pem = read(key)?;
        let private_key = PrivateKey::from_pem(&key_pem)
            .context(format!("{} is not a private key in PEM", key.display()))?;
        let ca = files.ca.as_deref().map(roots).transpose()?;
        Ok(Self {
            path: certificate.clone(),
            pin: bundle.leaf().pin(),
            chain_pem,
            key_pem: key_pem.into(),
            bundle,
            key: private_key,
            ca,
        })
    }
}

fn roots(path: &Path) -> Result<Roots> {
    Roots::from_pem(&read(path)?).context(format!("{} is not a CA in PEM", path.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).context(format!("cannot read {}", path.display()))
}
