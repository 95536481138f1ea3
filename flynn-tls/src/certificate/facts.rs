use std::ops::Range;

use rustls_pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, Oid, Tag};
use x509_parser::certificate::{BasicExtension, X509Certificate};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::kind::{KeyKind, Signature};
use super::names::Names;
use super::{address, distinguished};
use crate::Time;
use crate::der::{Reader, SEQUENCE};
use crate::error::{Error, ErrorKind};
use crate::key::{EC, ED25519, RSA, bits, curve_kind};
use crate::pin::hex;

/// The facts of a certificate, extracted once.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Facts {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) common_name: Option<String>,
    pub(super) names: Names,
    pub(super) not_before: Time,
    pub(super) not_after: Time,
    pub(super) key: KeyKind,
    pub(super) signature: Signature,
    pub(super) serial: String,
    pub(super) version: u32,
    pub(super) is_ca: bool,
    pub(super) for_servers: bool,
    pub(super) may_sign: bool,
    /// True if the key usage, if there is one, allows signatures (`digitalSignature`).
    pub(super) may_authenticate: bool,
    pub(super) must_staple: bool,
    /// The reason why Go cannot read the public key although it knows its kind.
    pub(super) unreadable_by_go: Option<&'static str>,
    /// The rules of RFC 5280 that this certificate breaks and strict clients enforce.
    pub(super) breaches: Vec<&'static str>,
    pub(super) unknown_critical: Vec<String>,
    pub(super) authority_key_id: Option<Vec<u8>>,
    pub(super) subject_key_id: Option<Vec<u8>>,
    /// The ranges of these fields in the DER.
    pub(super) public_key: Range<usize>,
    raw_subject: Range<usize>,
    raw_issuer: Range<usize>,
}

impl Facts {
    pub(super) fn read(der: &CertificateDer<'_>) -> Result<Self, Error> {
        let (rest, x509) = X509Certificate::from_der(der)
            .map_err(|e| Error::because(ErrorKind::Certificate, "not an X.509 certificate", e))?;
        if !rest.is_empty() {
            let message = "not an X.509 certificate: something follows it";
            return Err(Error::new(ErrorKind::Certificate, message));
        }
        let within = |part: &[u8]| position(der, part);
        let mut facts = Self {
            subject: distinguished::line(x509.subject()),
            issuer: distinguished::line(x509.issuer()),
            common_name: distinguished::common_name(x509.subject()),
            names: Names::default(),
            not_before: Time::from_unix(x509.validity().not_before.timestamp()),
            not_after: Time::from_unix(x509.validity().not_after.timestamp()),
            key: key_kind(x509.public_key()),
            signature: Signature::new(x509.signature_algorithm.algorithm.to_id_string()),
            serial: serial(x509.raw_serial()),
            version: x509.version().0.saturating_add(1),
            is_ca: false,
            for_servers: true,
            may_sign: true,
            may_authenticate: true,
            must_staple: false,
            unreadable_by_go: unreadable_by_go(x509.public_key()),
            breaches: Vec::new(),
            unknown_critical: Vec::new(),
            authority_key_id: None,
            subject_key_id: None,
            public_key: within(x509.public_key().raw),
            raw_subject: within(x509.subject().as_raw()),
            raw_issuer: within(x509.issuer().as_raw()),
        };
        facts.read_extensions(&x509);
        facts.breaches = breaches(&x509);
        Ok(facts)
    }

    fn read_extensions(&mut self, x509: &X509Certificate<'_>) {
        if let Ok(Some(BasicExtension { value, .. })) = x509.basic_constraints() {
            self.is_ca = value.ca;
        }
        for extension in x509.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(san) => {
                    san.general_names.iter().for_each(|name| self.add_name(name));
                }
                ParsedExtension::SubjectKeyIdentifier(id) => {
                    self.subject_key_id = Some(id.0.to_vec());
                }
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    self.authority_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                ParsedExtension::ExtendedKeyUsage(usage) => {
                    self.for_servers = usage.any || usage.server_auth;
                }
                ParsedExtension::KeyUsage(usage) => {
                    self.may_sign = usage.key_cert_sign();
                    self.may_authenticate = usage.digital_signature();
                }
                _ if extension.oid.as_bytes() == TLS_FEATURE => {
                    self.must_staple = requires_stapling(extension.value);
                }
                _ => {}
            }
            if extension.critical && !is_processed(extension.oid.as_bytes()) {
                self.unknown_critical.push(extension.oid.to_id_string());
            }
        }
    }

    fn add_name(&mut self, name: &GeneralName<'_>) {
        let names = &mut self.names;
        match name {
            GeneralName::DNSName(dns) => names.dns.push((*dns).to_owned()),
            GeneralName::IPAddress(bytes) => match address(bytes) {
                Some(address) => names.addresses.push(address),
                None => names.others.push(format!("address:{}", hex(bytes))),
            },
            GeneralName::RFC822Name(mail) => names.others.push(format!("mail:{mail}")),
            GeneralName::URI(uri) => names.others.push(format!("uri:{uri}")),
            GeneralName::DirectoryName(dn) => {
                names.others.push(format!("directory:{}", distinguished::line(dn)));
            }
            _ => names.others.push("other".to_owned()),
        }
    }

    pub(super) fn raw_subject<'a>(&self, der: &'a [u8]) -> &'a [u8] {
        der.get(self.raw_subject.clone()).unwrap_or_default()
    }

    pub(super) fn raw_issuer<'a>(&self, der: &'a [u8]) -> &'a [u8] {
        der.get(self.raw_issuer.clone()).unwrap_or_default()
    }
}

/// 1.3.6.1.5.5.7.1.24
const TLS_FEATURE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 24];

/// Returns whether a list of TLS extensions has `status_request`. Clients ignore its second version.
fn requires_stapling(features: &[u8]) -> bool {
    let Some(mut features) = Reader::new(features).enter(SEQUENCE) else { return false };
    std::iter::from_fn(|| features.unsigned()).any(|feature| feature == [5])
}

/// Returns the broken rules of RFC 5280 that `openssl verify -x509_strict` checks, and Python 3.13 by default.
fn breaches(x509: &X509Certificate<'_>) -> Vec<&'static str> {
    let (mut authority, mut subject_key, mut usage) = (false, false, None);
    let mut breaches = Vec::new();
    let mut breach = |broken: bool, rule| {
        if broken {
            breaches.push(rule);
        }
    };
    let ca = x509.basic_constraints().ok().flatten();
    let is_ca = ca.as_ref().is_some_and(|ca| ca.value.ca);
    let no_subject = x509.subject().iter().next().is_none();
    for extension in x509.extensions() {
        let critical = extension.critical;
        match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                authority = id.key_identifier.is_some();
                breach(critical, "its authorityKeyIdentifier is critical");
            }
            ParsedExtension::SubjectKeyIdentifier(_) => {
                subject_key = true;
                breach(critical, "its subjectKeyIdentifier is critical");
            }
            ParsedExtension::KeyUsage(found) => usage = Some(found.key_cert_sign()),
            ParsedExtension::SubjectAlternativeName(san) => {
                breach(san.general_names.is_empty(), "its list of names is empty");
                breach(
                    no_subject && !critical,
                    "it has no subject, and its names are not critical",
                );
            }
            _ => {}
        }
    }
    let self_issued = x509.subject().as_raw() == x509.issuer().as_raw();
    let v3 = x509.version().0 == 2;
    breach(v3 && !self_issued && !authority, "it has no authorityKeyIdentifier");
    breach(v3 && is_ca && !subject_key, "it is a CA without subjectKeyIdentifier");
    breach(is_ca && usage.is_none(), "it is a CA without keyUsage");
    breach(!is_ca && usage == Some(true), "its keyUsage has keyCertSign, and it is not a CA");
    breach(
        is_ca && ca.as_ref().is_some_and(|ca| !ca.critical),
        "its basicConstraints are not critical",
    );
    let limited = ca.is_some_and(|ca| ca.value.path_len_constraint.is_some());
    breach(limited && !is_ca, "it limits the chain below it, and is not a CA");
    breach(x509.issuer().iter().next().is_none(), "it names no issuer");
    breach(no_subject && is_ca, "it is a CA without subject");
    breach(!v3 && !x509.extensions().is_empty(), "it has extensions, and is not X.509 v3");
    let (inner, outer) = (&x509.tbs_certificate.signature, &x509.signature_algorithm);
    breach(inner != outer, "it names two signature algorithms");
    breaches
}

/// Go reads only uncompressed points, and only RSA keys with NULL parameters.
fn unreadable_by_go(key: &SubjectPublicKeyInfo<'_>) -> Option<&'static str> {
    let first = key.subject_public_key.data.first();
    let named = |p: &Any<'_>| p.tag() == Tag::Oid;
    match key.algorithm.algorithm.as_bytes() {
        EC if key.algorithm.parameters.as_ref().is_some_and(named) && first != Some(&4) => {
            Some("its point is not written uncompressed")
        }
        RSA if !key.algorithm.parameters.as_ref().is_some_and(|p| p.tag() == Tag::Null) => {
            Some("its parameters are not NULL")
        }
        _ => None,
    }
}

/// Returns whether rustls-webpki processes an extension: key usage, alternative names, basic and name constraints,
/// distribution points, extended key usage; and SCTs (1.3.6.1.4.1.11129.2.4.2).
fn is_processed(oid: &[u8]) -> bool {
    match oid {
        [0x55, 0x1d, last] => matches!(last, 15 | 17 | 19 | 30 | 31 | 37),
        _ => oid == [0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2],
    }
}

/// Returns the range of `part`, which is borrowed from `whole`.
fn position(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr().addr()).wrapping_sub(whole.as_ptr().addr());
    start..start.saturating_add(part.len())
}

/// Formats a serial number as openssl does, including negative ones, which are forbidden.
fn serial(raw: &[u8]) -> String {
    let negative = raw.first().is_some_and(|first| first & 0x80 != 0);
    let mut bytes = raw.to_vec();
    if negative {
        // Two's complement.
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let significant = bytes.iter().position(|&b| b != 0).unwrap_or(bytes.len().saturating_sub(1));
    let sign = if negative { "-" } else { "" };
    format!("{sign}{}", hex(bytes.get(significant..).unwrap_or_default()))
}

fn key_kind(key: &SubjectPublicKeyInfo<'_>) -> KeyKind {
    let oid = &key.algorithm.algorithm;
    match oid.as_bytes() {
        ED25519 => KeyKind::Ed25519,
        EC => {
            let named = key.algorithm.parameters.as_ref().filter(|p| p.tag() == Tag::Oid);
            let curve = named.and_then(|p| p.as_oid().ok());
            curve_kind(curve.as_ref().map(Oid::as_bytes))
        }
        _ => match key.parsed() {
            Ok(PublicKey::RSA(rsa)) => KeyKind::Rsa(bits(rsa.modulus)),
            _ => KeyKind::Other(oid.to_id_string()),
        },
    }
}
