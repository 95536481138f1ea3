use std::fmt;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, GeneralSubtree, IsCa};
use rcgen::{Issuer, KeyPair, KeyUsagePurpose, NameConstraints};
use rustls_pki_types::CertificateDer;

use super::key::Key;
use super::leaf::{Leaf, serial, set_validity};
use super::{Issued, failed};
use crate::error::Error;
use crate::{KeyKind, Pin, Time, pem};

/// A certificate authority in memory. Clones share the key.
#[derive(Clone)]
pub struct Ca {
    pub(super) issuer: Arc<Issuer<'static, KeyPair>>,
    /// This CA's certificate first, then its issuers.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

impl Ca {
    /// Creates a self-signed CA, valid from ten years ago to ten years from now.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Generate`](crate::ErrorKind::Generate) if the name cannot be encoded or the system has
    /// no random numbers.
    pub fn new(common_name: &str) -> Result<Self, Error> {
        Self::with_key(common_name, &KeyKind::P256)
    }

    /// Creates a CA like [`new`](Self::new) with another kind of key.
    ///
    /// # Errors
    /// Returns the errors of [`new`](Self::new).
    pub fn with_key(common_name: &str, key: &KeyKind) -> Result<Self, Error> {
        Self::of_params(params(named(common_name)), key, None)
    }

    /// Creates an intermediate CA, issued by this one.
    ///
    /// # Errors
    /// Returns the errors of [`new`](Self::new).
    pub fn intermediate(&self, common_name: &str) -> Result<Self, Error> {
        Self::of_params(params(named(common_name)), &KeyKind::P256, Some(self))
    }

    /// Creates a CA like [`intermediate`](Self::intermediate) with another validity, such as one that has expired.
    ///
    /// # Errors
    /// Returns the errors of [`new`](Self::new).
    pub fn intermediate_valid(
        &self,
        common_name: &str,
        not_before: Time,
        not_after: Time,
    ) -> Result<Self, Error> {
        let mut params = params(named(common_name));
        set_validity(&mut params, not_before, not_after);
        Self::of_params(params, &KeyKind::P256, Some(self))
    }

    /// Creates an intermediate CA, issued by this one, with path length 0 and a name constraint to `domain`.
    ///
    /// # Errors
    /// Returns the errors of [`new`](Self::new).
    pub fn constrained(&self, common_name: &str, domain: &str) -> Result<Self, Error> {
        let mut params = params(named(common_name));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
            excluded_subtrees: Vec::new(),
        });
        Self::of_params(params, &KeyKind::P256, Some(self))
    }

    pub(super) fn of_params(
        mut params: CertificateParams,
        kind: &KeyKind,
        above: Option<&Self>,
    ) -> Result<Self, Error> {
        let key = Key::make(kind)?;
        params.serial_number = Some(serial(&key.public));
        params.use_authority_key_identifier_extension = above.is_some();
        let pair = key.signer()?;
        let certificate = match above {
            Some(ca) => params.signed_by(&pair, &*ca.issuer),
            None => params.self_signed(&pair),
        }
        .map_err(failed)?;
        let mut chain = vec![certificate.der().clone()];
        chain.extend(above.iter().flat_map(|ca| ca.chain.iter().cloned()));
        Ok(Self { issuer: Arc::new(Issuer::new(params, pair)), chain })
    }

    /// Issues a server certificate for these names (DNS names, wildcards, IP addresses), valid from
    /// yesterday for one year. The first name is the subject's common name.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Generate`](crate::ErrorKind::Generate) if a name is not ASCII (write international names
    /// in their `xn--` form).
    pub fn issue(&self, names: &[&str]) -> Result<Issued, Error> {
        self.leaf(names).issue()
    }

    /// Prepares a certificate like [`issue`](Self::issue) does, so that you can change its properties.
    pub fn leaf(&self, names: &[&str]) -> Leaf {
        Leaf::new(Some(self.clone()), names)
    }

    /// Returns the CA's own certificate in PEM.
    pub fn certificate_pem(&self) -> String {
        pem::encode("CERTIFICATE", self.certificate_der())
    }

    /// Returns the CA's own certificate in DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        static NONE: CertificateDer<'static> = CertificateDer::from_slice(&[]);
        // The chain starts with the CA itself.
        self.chain.first().unwrap_or(&NONE)
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common_name);
    subject
}

/// Returns the parameters of a CA. It is valid since ten years ago, so that it can issue expired leaves.
pub(super) fn params(subject: DistinguishedName) -> CertificateParams {
    let now = Time::now();
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now.plus_days(-10 * 365), now.plus_days(10 * 365));
    params
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca").field("pin", &Pin::of(self.certificate_der())).finish_non_exhaustive()
    }
}
