//! The new certificate of the cluster, read from its files.

use std::path::{Path, PathBuf};

use flynn_tls::{Bundle, Pin, PrivateKey, Roots};
use secrecy::SecretString;

use crate::job::CertificateFiles;
use anyhow::{Context as _, Result};

/// A CA that is not publicly trusted.
#[derive(Debug)]
pub struct PrivateCa {
    /// The absolute path of its file.
    pub path: PathBuf,
    /// The certificates in it.
    pub roots: Roots,
}

/// A certificate with its chain and key.
#[derive(Debug)]
pub struct NewCertificate {
    /// The chain's file.
    pub path: PathBuf,
    /// The certificates of the file in their order, as the canonical PEM that the cluster gets.
    pub chain_pem: String,
    /// The key, as the canonical PEM that the cluster gets.
    pub key_pem: SecretString,
    /// The chain.
    pub bundle: Bundle,
    /// The key.
    pub key: PrivateKey,
    /// The CA that it leads to, if that is not a public one.
    pub ca: Option<PrivateCa>,
    /// The leaf's pin.
    pub pin: Pin,
}

impl NewCertificate {
    /// Reads the files.
    ///
    /// # Errors
    /// Returns which file cannot be read or used, and why.
    pub fn load(files: &CertificateFiles) -> Result<Self> {
        let bundle = parse(&files.chain, "a certificate", Bundle::from_pem)?;
        let key = parse(&files.key, "a private key", PrivateKey::from_pem)?;
        let ca = files.ca.as_deref().map(private_ca).transpose()?;
        Ok(Self {
            path: files.chain.clone(),
            pin: bundle.leaf().pin(),
            chain_pem: bundle.to_pem(),
            key_pem: key.secret_pem().into(),
            bundle,
            key,
            ca,
        })
    }
}

fn private_ca(path: &Path) -> Result<PrivateCa> {
    let roots = parse(path, "a CA certificate", Roots::from_pem)?;
    let path = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
    Ok(PrivateCa { path, roots })
}

/// Reads and parses a file; `what` names the expected content.
fn parse<T>(
    path: &Path,
    what: &str,
    parse: impl FnOnce(Vec<u8>) -> Result<T, flynn_tls::Error>,
) -> Result<T> {
    let bytes = flynn_config::read_file(path).context("cannot use the certificate's files")?;
    parse(bytes).with_context(|| format!("{} is not {what} in PEM", path.display()))
}
