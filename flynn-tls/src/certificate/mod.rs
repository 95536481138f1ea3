mod distinguished;
mod facts;
mod kind;
mod names;

use std::fmt;
use std::net::IpAddr;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};

pub use kind::{KeyKind, Signature};
pub use names::Names;

use crate::der::{Reader, SEQUENCE};
use crate::error::Error;
use crate::key::public_bits;
use crate::text::shown;
use crate::{Pin, Time, pem};
use facts::Facts;

/// A certificate and what it says.
///
/// Reading one proves nothing about it: see [`check`](crate::check()) for a judgement.
///
/// ```
/// # fn main() -> Result<(), flynn_tls::Error> {
/// # let pem = flynn_tls::generate::Ca::new("x")?.issue(&["example.com", "*.example.com"])?.certificate_pem();
/// let certificate = flynn_tls::Certificate::from_pem(&pem)?;
/// assert_eq!(certificate.subject(), "CN=example.com");
/// assert!(certificate.names().covers("www.example.com"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Certificate {
    der: CertificateDer<'static>,
    facts: Facts,
}

impl Certificate {
    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`](crate::ErrorKind::Certificate) when it is not X.509, or something follows it.
    pub fn from_der(der: impl Into<CertificateDer<'static>>) -> Result<Self, Error> {
        let der = der.into();
        let facts = Facts::read(&der)?;
        Ok(Self { der, facts })
    }

    /// Reads the first certificate of a PEM file, or a DER file.
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`](crate::ErrorKind::Certificate) when there is none (a key or a request is named as such), or it
    /// is damaged.
    pub fn from_pem(file: impl AsRef<[u8]>) -> Result<Self, Error> {
        pem::first_certificate(file.as_ref())
    }

    /// Its DER, as rustls takes it.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// One PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }

    /// What Flynn would keep as `TLSPin` for it.
    pub fn pin(&self) -> Pin {
        Pin::of(&self.der)
    }

    /// The subject, as `CN=example.com, O=Flynn`; control characters are escaped.
    pub fn subject(&self) -> &str {
        &self.facts.subject
    }

    /// The issuer, written as the [`subject`](Self::subject).
    pub fn issuer(&self) -> &str {
        &self.facts.issuer
    }

    /// The subject's last common name.
    pub fn common_name(&self) -> Option<&str> {
        self.facts.common_name.as_deref()
    }

    /// Names the certificate at a position of a file, counted from 0.
    pub(crate) fn nth(&self, at: usize) -> String {
        format!("certificate {} ({})", at + 1, self.title())
    }

    /// What to call it in a sentence: its common name, else its first name, else its subject.
    pub(crate) fn title(&self) -> String {
        let name = self.common_name().map(str::to_owned).or_else(|| self.names().iter().next());
        match name {
            Some(name) => shown(&name),
            None if self.subject().is_empty() => "the certificate without a subject".to_owned(),
            None => shown(self.subject()),
        }
    }

    /// The subject alternative names: the only ones that clients look at.
    pub fn names(&self) -> &Names {
        &self.facts.names
    }

    /// The first moment of its validity.
    pub fn not_before(&self) -> Time {
        self.facts.not_before
    }

    /// The last moment of its validity.
    pub fn not_after(&self) -> Time {
        self.facts.not_after
    }

    /// Whether `at` is within its validity, both ends included.
    pub fn is_valid_at(&self, at: Time) -> bool {
        self.not_before() <= at && at <= self.not_after()
    }

    /// The kind and size of its public key.
    pub fn key(&self) -> &KeyKind {
        &self.facts.key
    }

    /// Its `SubjectPublicKeyInfo` in DER.
    pub fn public_key(&self) -> &[u8] {
        self.der.get(self.facts.public_key.clone()).unwrap_or_default()
    }

    /// How its issuer signed it.
    pub fn signature(&self) -> &Signature {
        &self.facts.signature
    }

    /// The serial number in lower-case hexadecimal, two digits a byte, without leading zero bytes;
    /// a minus in front where a CA made a negative one.
    pub fn serial(&self) -> &str {
        &self.facts.serial
    }

    /// The X.509 version: 1 or 3, rarely 2.
    pub fn version(&self) -> u32 {
        self.facts.version
    }

    /// Whether it may sign other certificates (basic constraints say CA).
    pub fn is_ca(&self) -> bool {
        self.facts.is_ca
    }

    /// Whether its key usage, if it has one, lets it sign other certificates (`keyCertSign`).
    /// rustls does not ask, openssl and Go do.
    pub fn may_sign_certificates(&self) -> bool {
        self.facts.may_sign
    }

    /// Whether its extended key usage, if it has one, allows TLS servers.
    pub fn is_for_servers(&self) -> bool {
        self.facts.for_servers
    }

    /// Whether subject and issuer are the same, as in a root, or in a leaf that nobody signed.
    pub fn is_self_issued(&self) -> bool {
        self.raw_subject() == self.raw_issuer()
    }

    /// Whether its key usage, if it has one, allows a server to sign its handshakes
    /// (`digitalSignature`).
    pub fn may_sign_handshakes(&self) -> bool {
        self.facts.may_authenticate
    }

    /// Whether it demands that the server staples an OCSP answer (`must-staple`).
    pub fn must_staple(&self) -> bool {
        self.facts.must_staple
    }

    /// Why Go cannot read its public key although the kind is known.
    pub(crate) fn unreadable_by_go(&self) -> Option<&'static str> {
        self.facts.unreadable_by_go
    }

    /// The rules of RFC 5280 that strict clients insist on, and it breaks.
    pub(crate) fn breaches(&self) -> &[&'static str] {
        &self.facts.breaches
    }

    /// The critical extensions, by object identifier, that rustls-webpki does not process and must
    /// therefore refuse. Others may know more of them, such as certificate policies.
    pub fn unknown_critical_extensions(&self) -> &[String] {
        &self.facts.unknown_critical
    }

    /// SHA-256 of the whole certificate, as openssl and browsers show it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        colons(self.pin().as_bytes())
    }

    /// SHA-256 of the public key alone, which stays when a certificate is renewed with its key.
    pub fn key_fingerprint(&self) -> String {
        colons(Pin::from_der(self.public_key()).as_bytes())
    }

    /// Whether the certificate was issued under `issuer`'s name (and, where both say it, with its
    /// key identifier). No signature is verified.
    pub fn names_as_issuer(&self, issuer: &Self) -> bool {
        self.facts.raw_issuer(&self.der) == issuer.facts.raw_subject(&issuer.der)
            && match (&self.facts.authority_key_id, &issuer.facts.subject_key_id) {
                (Some(wanted), Some(has)) => wanted == has,
                _ => true,
            }
    }

    /// Whether its issuer calls itself what the throw-away CA of a Flynn cluster does (Flynn's
    /// `pkg/tlscert`): a root, which nobody else has.
    pub(crate) fn is_of_flynns_own_ca(&self) -> bool {
        self.issuer().contains("OU=Flynn Ephemeral CA")
    }

    /// The subject's name in DER.
    pub(crate) fn raw_subject(&self) -> &[u8] {
        self.facts.raw_subject(&self.der)
    }

    /// The issuer's name in DER.
    pub(crate) fn raw_issuer(&self) -> &[u8] {
        self.facts.raw_issuer(&self.der)
    }

    /// Whether both name the same issuer.
    pub(crate) fn has_issuer_of(&self, other: &Self) -> bool {
        self.facts.raw_issuer(&self.der) == other.facts.raw_issuer(&other.der)
            && match (&self.facts.authority_key_id, &other.facts.authority_key_id) {
                (Some(mine), Some(theirs)) => mine == theirs,
                _ => true,
            }
    }

    /// Whether `issuer`'s key verifies this certificate's signature; `None` when none of the
    /// algorithms fits.
    pub(crate) fn is_signed_by(
        &self,
        issuer: &Self,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Option<bool> {
        let mut parts = Reader::new(&self.der).enter(SEQUENCE)?;
        let message = parts.value(SEQUENCE)?.raw;
        let signed_with = parts.value(SEQUENCE)?.content;
        let signature = parts.bits()?;
        let key_of = Reader::new(issuer.public_key()).enter(SEQUENCE)?.value(SEQUENCE)?.content;
        let key = public_bits(issuer.public_key())?;
        let mut verdict = None;
        for algorithm in algorithms {
            if algorithm.signature_alg_id().as_ref() == signed_with
                && algorithm.public_key_alg_id().as_ref() == key_of
            {
                let good = algorithm.verify_signature(key, message, signature).is_ok();
                verdict = Some(good || verdict == Some(true));
            }
        }
        verdict
    }
}

fn colons(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|b| format!("{b:02X}")).collect();
    pairs.join(":")
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject())
            .field("issuer", &self.issuer())
            .field("names", self.names())
            .field("not_after", &self.not_after())
            .field("pin", &self.pin())
            .finish_non_exhaustive()
    }
}

impl TryFrom<&CertificateDer<'_>> for Certificate {
    type Error = Error;

    fn try_from(der: &CertificateDer<'_>) -> Result<Self, Error> {
        Self::from_der(der.clone().into_owned())
    }
}

/// An address in a subject alternative name, which holds its 4 or 16 bytes.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(Into::into)
}
