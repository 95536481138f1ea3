use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa};
use rcgen::{KeyUsagePurpose, PublicKeyData, SanType, SerialNumber};
use sha2::{Digest as _, Sha256};

use super::{Ca, Issued, failed, key};
use crate::error::{Error, ErrorKind};
use crate::{KeyKind, Time};

/// A server certificate about to be made: change what a test needs to be odd, then
/// [`issue`](Self::issue).
#[derive(Debug, Clone)]
#[must_use = "nothing is made before `issue`"]
pub struct Leaf {
    ca: Option<Ca>,
    names: Vec<String>,
    subject: DistinguishedName,
    not_before: Time,
    not_after: Time,
    key: KeyKind,
}

impl Leaf {
    /// A certificate that is signed with its own key, by no CA.
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
        }
    }

    /// The validity, both ends included.
    pub fn valid(mut self, not_before: Time, not_after: Time) -> Self {
        (self.not_before, self.not_after) = (not_before, not_after);
        self
    }

    /// The kind of key.
    pub fn key(mut self, key: KeyKind) -> Self {
        self.key = key;
        self
    }

    /// The subject's common name, if it should not be the first name.
    pub fn common_name(mut self, name: &str) -> Self {
        self.subject.push(DnType::CommonName, name);
        self
    }

    /// The subject's organisation.
    pub fn organization(mut self, name: &str) -> Self {
        self.subject.push(DnType::OrganizationName, name);
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// [`ErrorKind::Generate`] when a name cannot be encoded.
    pub fn issue(self) -> Result<Issued, Error> {
        let key = key::make(&self.key)?;
        let params = self.params(&key)?;
        let certificate = match &self.ca {
            Some(ca) => params.signed_by(&key, &*ca.issuer),
            None => params.self_signed(&key),
        }
        .map_err(failed)?;
        Ok(Issued {
            certificate: certificate.der().clone(),
            issuers: self.ca.map(|ca| ca.chain).unwrap_or_default(),
            key: key.serialize_der(),
        })
    }

    fn params(&self, key: &impl PublicKeyData) -> Result<CertificateParams, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = self.subject.clone();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = self.ca.is_some();
        set_validity(&mut params, self.not_before, self.not_after);
        params.serial_number = Some(serial(key));
        params.subject_alt_names =
            self.names.iter().map(|name| alternative_name(name)).collect::<Result<_, _>>()?;
        Ok(params)
    }
}

fn alternative_name(name: &str) -> Result<SanType, Error> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    name.try_into().map(SanType::DnsName).map_err(|e: rcgen::Error| {
        let message = format!("{name:?} is not ASCII: write international names as xn--");
        Error::because(ErrorKind::Generate, message, e)
    })
}

/// Sets the validity; both ends are included.
pub(super) fn set_validity(params: &mut CertificateParams, not_before: Time, not_after: Time) {
    let date = |time: Time| {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let distance = Duration::from_secs(time.unix().unsigned_abs());
        if time.unix() < 0 { epoch - distance } else { epoch + distance }
    };
    params.not_before = date(not_before);
    params.not_after = date(not_after);
}

/// A serial number that no other certificate of this process has: 16 bytes, positive.
pub(super) fn serial(key: &impl PublicKeyData) -> SerialNumber {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let mut hash = Sha256::new();
    hash.update(key.subject_public_key_info());
    hash.update(MADE.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let mut bytes: Vec<u8> = hash.finalize().into_iter().take(16).collect();
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    SerialNumber::from(bytes)
}
