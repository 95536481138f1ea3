use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType};
use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, SerialNumber};
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

use super::key::{Key, Subject};
use super::resign::{Change, resign};
use super::{Ca, Issued, failed};
use crate::error::{Error, ErrorKind};
use crate::{KeyKind, Time};

/// Builds a server certificate. Change what your test needs, then call [`issue`](Self::issue).
///
/// ```
/// use flynn_tls::generate::Ca;
/// use flynn_tls::{KeyKind, Time};
///
/// let yesterday = Time::now().plus_days(-1);
/// let expired = Ca::new("My test CA")?
///     .leaf(&["example.com"])
///     .key(KeyKind::Rsa(2048))
///     .valid(yesterday.plus_days(-90), yesterday)
///     .issue()?;
/// # let _ = expired;
/// # Ok::<(), flynn_tls::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is created before `issue`"]
pub struct Leaf {
    ca: Option<Ca>,
    names: Vec<String>,
    subject: DistinguishedName,
    not_before: Time,
    not_after: Time,
    key: KeyKind,
    /// The key to use, in PKCS#8. It takes precedence over the kind.
    kept_key: Option<Vec<u8>>,
    odd: Odd,
}

/// The faults of a certificate.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
struct Odd {
    version_1: bool,
    claims_sha1: bool,
    is_ca: bool,
    usage: Option<ExtendedKeyUsagePurpose>,
    only_encrypting: bool,
    must_staple: bool,
    without_authority: bool,
    critical: Vec<Vec<u64>>,
}

impl Leaf {
    /// Prepares a certificate that is signed with its own key instead of by a CA.
    pub fn self_signed(names: &[&str]) -> Self {
        Self::new(None, names)
    }

    pub(super) fn new(ca: Option<Ca>, names: &[&str]) -> Self {
        let now = Time::now();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, names.first().copied().unwrap_or("localhost"));
        Self {
            ca,
            names: names.iter().map(ToString::to_string).collect(),
            subject,
            not_before: now.plus_days(-1),
            not_after: now.plus_days(365),
            key: KeyKind::default(),
            kept_key: None,
            odd: Odd::default(),
        }
    }

    /// Sets the validity, including both ends.
    pub fn valid(mut self, not_before: Time, not_after: Time) -> Self {
        (self.not_before, self.not_after) = (not_before, not_after);
        self
    }

    /// Sets the kind of key. The default is P-256; also available are P-384, Ed25519, and fixed test
    /// keys of RSA 1024, 2048, 3072 and 4096, P-521 and secp256k1.
    pub fn key(mut self, key: KeyKind) -> Self {
        self.key = key;
        self
    }

    /// Uses the key of another certificate, as a renewal that keeps the key does.
    pub fn key_of(mut self, before: &Issued) -> Self {
        self.kept_key = Some(before.key.clone());
        self
    }

    /// Sets the subject's common name. The default is the first name.
    pub fn common_name(mut self, name: &str) -> Self {
        self.subject.push(DnType::CommonName, name);
        self
    }

    /// Sets the subject's organisation.
    pub fn organization(mut self, name: &str) -> Self {
        self.subject.push(DnType::OrganizationName, name);
        self
    }

    /// Makes it X.509 v1, without extensions and so without alternative names.
    pub fn version_1(mut self) -> Self {
        self.odd.version_1 = true;
        self
    }

    /// Declares a SHA-1 signature. Modern libraries cannot create one, so it does not verify.
    pub fn sha1(mut self) -> Self {
        self.odd.claims_sha1 = true;
        self
    }

    /// Marks it as a CA certificate, as `openssl req -x509` does.
    pub fn marked_as_ca(mut self) -> Self {
        self.odd.is_ca = true;
        self
    }

    /// Restricts it to TLS clients by its extended key usage.
    pub fn for_clients(mut self) -> Self {
        self.odd.usage = Some(ExtendedKeyUsagePurpose::ClientAuth);
        self
    }

    /// Omits `digitalSignature` from its key usage.
    pub fn only_encrypting(mut self) -> Self {
        self.odd.only_encrypting = true;
        self
    }

    /// Requires servers to staple OCSP responses.
    pub fn must_staple(mut self) -> Self {
        self.odd.must_staple = true;
        self
    }

    /// Omits the authority key identifier, which RFC 5280 requires.
    pub fn without_authority_key_id(mut self) -> Self {
        self.odd.without_authority = true;
        self
    }

    /// Adds a critical extension with this object identifier and meaningless content.
    pub fn critical_extension(mut self, oid: &[u64]) -> Self {
        self.odd.critical.push(oid.to_vec());
        self
    }

    /// Creates the certificate.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Generate`] if a name cannot be encoded, if there is no key of the kind, or for a
    /// self-signed certificate with RSA 1024, P-521 or secp256k1, which ring cannot sign with.
    pub fn issue(self) -> Result<Issued, Error> {
        let key = match &self.kept_key {
            Some(pkcs8) => Key::of_pkcs8(pkcs8)?,
            None => Key::make(&self.key)?,
        };
        self.issue_for(&key)
    }

    pub(super) fn issue_for(self, key: &Key) -> Result<Issued, Error> {
        let certificate = self.certificate(key)?;
        let issuers = self.ca.map(|ca| ca.chain).unwrap_or_default();
        Ok(Issued { certificate, issuers, key: key.der.clone() })
    }

    fn certificate(&self, key: &Key) -> Result<CertificateDer<'static>, Error> {
        let params = self.params(&key.public)?;
        let mut change = Change {
            public_key: None,
            version_1: self.odd.version_1,
            claims_sha1: self.odd.claims_sha1,
        };
        let Some(ca) = &self.ca else {
            let signer = key.signer()?;
            let made = params.self_signed(&signer).map_err(failed)?;
            return change.apply(made.der(), &signer);
        };
        let subject = key.as_subject().unwrap_or_else(|| {
            change.public_key = Some(&key.public);
            Subject::placeholder()
        });
        let made = params.signed_by(&subject, &*ca.issuer).map_err(failed)?;
        change.apply(made.der(), ca.issuer.key())
    }

    fn params(&self, public_key: &[u8]) -> Result<CertificateParams, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = self.subject.clone();
        params.is_ca = if self.odd.is_ca {
            IsCa::Ca(BasicConstraints::Unconstrained)
        } else {
            IsCa::ExplicitNoCa
        };
        params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
        if !self.odd.only_encrypting {
            params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        }
        params.extended_key_usages =
            vec![self.odd.usage.clone().unwrap_or(ExtendedKeyUsagePurpose::ServerAuth)];
        params.use_authority_key_identifier_extension =
            self.ca.is_some() && !self.odd.without_authority;
        set_validity(&mut params, self.not_before, self.not_after);
        params.serial_number = Some(serial(public_key));
        params.subject_alt_names =
            self.names.iter().map(|name| alternative_name(name)).collect::<Result<_, _>>()?;
        params.custom_extensions = self.odd.critical.iter().map(|oid| critical(oid)).collect();
        if self.odd.must_staple {
            // A list of one: the number of the TLS extension `status_request`.
            let feature = CustomExtension::from_oid_content(
                &[1, 3, 6, 1, 5, 5, 7, 1, 24],
                vec![0x30, 3, 2, 1, 5],
            );
            params.custom_extensions.push(feature);
        }
        Ok(params)
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a given key.
        f.debug_struct("Leaf")
            .field("names", &self.names)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .field("key", &self.key)
            .field("odd", &self.odd)
            .finish_non_exhaustive()
    }
}

impl Change<'_> {
    /// Signs the certificate again only if something has to change.
    fn apply(
        self,
        made: &CertificateDer<'static>,
        signer: &KeyPair,
    ) -> Result<CertificateDer<'static>, Error> {
        if self.public_key.is_none() && !self.version_1 && !self.claims_sha1 {
            return Ok(made.clone());
        }
        resign(made, self, signer)
    }
}

fn critical(oid: &[u64]) -> CustomExtension {
    // Its content is an ASN.1 NULL.
    let mut extension = CustomExtension::from_oid_content(oid, vec![5, 0]);
    extension.set_criticality(true);
    extension
}

fn alternative_name(name: &str) -> Result<SanType, Error> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    name.try_into().map(SanType::DnsName).map_err(|e: rcgen::Error| {
        let message =
            format!("{name:?} is not ASCII: write international names in their xn-- form");
        Error::because(ErrorKind::Generate, message, e)
    })
}

/// Sets the validity; both ends are inclusive.
pub(super) fn set_validity(params: &mut CertificateParams, not_before: Time, not_after: Time) {
    let date = |time: Time| {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let distance = Duration::from_secs(time.unix().unsigned_abs());
        if time.unix() < 0 { epoch - distance } else { epoch + distance }
    };
    params.not_before = date(not_before);
    params.not_after = date(not_after);
}

/// Returns a serial number that is unique in this process: 16 bytes, positive.
pub(super) fn serial(public_key: &[u8]) -> SerialNumber {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let mut hash = Sha256::new();
    hash.update(public_key);
    hash.update(MADE.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    hash.update(Time::now().unix().to_be_bytes());
    let mut bytes: Vec<u8> = hash.finalize().into_iter().take(16).collect();
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    SerialNumber::from(bytes)
}
