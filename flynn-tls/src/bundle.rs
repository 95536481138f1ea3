use std::fmt;

use rustls_pki_types::CertificateDer;

use crate::error::{Error, ErrorKind};
use crate::{Certificate, file_kind, pem};

/// The certificates of one file: a leaf and, usually, the intermediates that lead from it to a
/// root.
///
/// Anything around the PEM blocks is ignored; the order of the file is kept, and
/// [`ordered`](Self::ordered) puts it right.
///
/// ```
/// # fn main() -> Result<(), flynn_tls::Error> {
/// use flynn_tls::Bundle;
/// # let ca = flynn_tls::generate::Ca::new("x")?;
/// # let (leaf, issuer) = (ca.issue(&["example.com"])?.certificate_pem(), ca.certificate_pem());
///
/// // A file in the wrong order, with Windows line ends and words between.
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
    /// Why Flynn's own programs do not find one of the certificates in the file, and the line.
    skipped_by_go: Option<(Option<usize>, &'static str)>,
}

impl Bundle {
    /// Reads all certificates of a PEM file, or the one of a DER file.
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`] when there is none (a key, a request, PKCS#12 and what else is
    /// handed in by mistake is named as such) or one is damaged, with the line of its block.
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

    /// Takes certificates in DER, such as a server presented them.
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`] when there is none or one cannot be read.
    pub fn from_der<D: Into<CertificateDer<'static>>>(
        chain: impl IntoIterator<Item = D>,
    ) -> Result<Self, Error> {
        let certificates =
            chain.into_iter().map(Certificate::from_der).collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() {
            return Err(Error::new(ErrorKind::Certificate, "no certificate given"));
        }
        Ok(Self { certificates, holds_key: false, skipped_by_go: None })
    }

    /// The certificates in the order of the file.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The server's certificate: the one that no other of the bundle is issued by, the first of
    /// them that is no CA.
    pub fn leaf(&self) -> &Certificate {
        // Both positions exist: a bundle is never empty.
        #[expect(clippy::indexing_slicing)]
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

    /// The leaf's position, its issuer's, and so on, as far as the bundle goes.
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

    /// The same certificates with the leaf first and each issuer after what it issued; duplicates
    /// are left out, and those that have no part in the chain come last.
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

    /// All certificates in canonical PEM, in their order, without anything around them: what every
    /// TLS server reads, and what to send to a cluster.
    ///
    /// A file that [`from_pem`](Self::from_pem) reads is not always one that Flynn's router reads.
    /// Send this text instead of the file's.
    pub fn to_pem(&self) -> String {
        self.certificates.iter().map(Certificate::to_pem).collect()
    }

    /// Whether the file also holds a private key, which then travels wherever the bundle does.
    pub fn holds_key(&self) -> bool {
        self.holds_key
    }
}

impl Bundle {
    /// Why Flynn's own programs do not find one of the certificates in the file, and its line.
    pub(crate) fn skipped_by_go(&self) -> Option<(Option<usize>, &'static str)> {
        self.skipped_by_go
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.certificates).finish()
    }
}
