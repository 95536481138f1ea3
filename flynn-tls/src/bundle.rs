use std::fmt;

use rustls_pki_types::CertificateDer;

use crate::error::{Error, ErrorKind};
use crate::{Certificate, file_kind, pem};

/// The certificates of one file: a leaf and usually the intermediates between it and a root.
///
/// Text around the PEM blocks is ignored. The order of the file is kept; [`ordered`](Self::ordered)
/// corrects it.
///
/// ```
/// # fn main() -> Result<(), flynn_tls::Error> {
/// use flynn_tls::Bundle;
/// # let ca = flynn_tls::generate::Ca::new("x")?;
/// # let (leaf, issuer) = (ca.issue(&["example.com"])?.certificate_pem(), ca.certificate_pem());
///
/// // A file in the wrong order, with Windows line ends and text in between.
/// let file = format!("{issuer}and the leaf:\n{leaf}").replace('\n', "\r\n");
/// let bundle = Bundle::from_pem(&file)?;
/// assert_eq!(bundle.leaf().subject(), "CN=example.com");
/// assert_eq!(bundle.ordered().to_pem(), format!("{leaf}{issuer}"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    certificates: Vec<Certificate>,
    holds_key: bool,
    /// The line of a certificate that Flynn's own programs do not find in the file, and the reason.
    skipped_by_go: Option<(Option<usize>, &'static str)>,
}

impl Bundle {
    /// Reads all certificates of a PEM file, or the one of a DER file.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Certificate`] if there is no certificate, or one is damaged. The message says what the
    /// file contains instead (a key, a request, PKCS#12 …) or which line is wrong.
    pub fn from_pem(file: impl AsRef<[u8]>) -> Result<Self, Error> {
        let file = file.as_ref();
        let mut skipped_by_go = None;
        let certificates = pem::certificates(file).map(|found| {
            let found = found?;
            skipped_by_go = skipped_by_go.or(found.skipped_by_go.map(|why| (found.line, why)));
            found.read()
        });
        let certificates = certificates.collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() {
            return Err(file_kind::no_certificate(file));
        }
        let holds_key = pem::blocks(file).any(|b| b.is_private_key());
        Ok(Self { certificates, holds_key, skipped_by_go })
    }

    /// Reads certificates in DER, such as a server presents.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Certificate`] if there is no certificate, or if one cannot be read.
    pub fn from_der<D: Into<CertificateDer<'static>>>(
        chain: impl IntoIterator<Item = D>,
    ) -> Result<Self, Error> {
        let certificates =
            chain.into_iter().map(Certificate::from_der).collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() {
            return Err(Error::new(ErrorKind::Certificate, "no certificates: pass at least one"));
        }
        Ok(Self { certificates, holds_key: false, skipped_by_go: None })
    }

    /// Returns the certificates in the order of the file.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Returns the server's certificate: the first one that is not a CA and did not issue another
    /// certificate of the bundle.
    pub fn leaf(&self) -> &Certificate {
        #[expect(clippy::indexing_slicing, reason = "a bundle is never empty")]
        &self.certificates[self.leaf_position()]
    }

    fn leaf_position(&self) -> usize {
        let all = || self.certificates.iter().enumerate();
        let issues = |c: &Certificate| {
            self.certificates.iter().any(|below| below != c && below.names_as_issuer(c))
        };
        all()
            .find(|(_, c)| !c.is_ca() && !issues(c))
            .or_else(|| all().find(|(_, c)| !issues(c)))
            .map_or(0, |(i, _)| i)
    }

    /// Returns the positions of the leaf, its issuer, and so on.
    pub(crate) fn path(&self) -> Vec<usize> {
        let mut path = vec![self.leaf_position()];
        while let Some(last) = path.last().and_then(|&i| self.certificates.get(i)) {
            if last.is_self_issued() {
                break;
            }
            let issuer = self
                .certificates
                .iter()
                .enumerate()
                .position(|(i, c)| !path.contains(&i) && c != last && last.names_as_issuer(c));
            match issuer {
                Some(i) => path.push(i),
                None => break,
            }
        }
        path
    }

    /// Sorts the certificates: the leaf first, then the issuer of each. Duplicates are removed, and
    /// certificates that are not part of the chain come last.
    pub fn ordered(&self) -> Self {
        let path = self.path();
        let rest = (0..self.certificates.len()).filter(|i| !path.contains(i));
        let mut certificates: Vec<Certificate> = Vec::with_capacity(self.certificates.len());
        for i in path.iter().copied().chain(rest) {
            if let Some(certificate) = self.certificates.get(i)
                && !certificates.contains(certificate)
            {
                certificates.push(certificate.clone());
            }
        }
        Self { certificates, holds_key: false, skipped_by_go: None }
    }

    /// Writes all certificates in canonical PEM, in their order, without text around them.
    ///
    /// Send this to a cluster instead of the file: [`from_pem`](Self::from_pem) reads files that
    /// Flynn's router cannot read.
    pub fn to_pem(&self) -> String {
        self.certificates.iter().map(Certificate::to_pem).collect()
    }

    /// Returns whether the file also contains a private key.
    pub fn holds_key(&self) -> bool {
        self.holds_key
    }
}

impl Bundle {
    /// Returns the line of a certificate that Go does not find in the file, and why.
    pub(crate) fn skipped_by_go(&self) -> Option<(Option<usize>, &'static str)> {
        self.skipped_by_go
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.certificates).finish()
    }
}
