mod distinguished;
mod facts;
mod kind;
mod names;
#[cfg(feature = "serde")]
mod serialize;

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

/// An X.509 certificate.
///
/// Parsing a certificate does not verify it: use [`check`](crate::check()) for that.
///
/// With the feature `serde` it is `Serialize`, as an object with the members `subject`, `issuer`, `names`, `not_before`,
/// `not_after`, `key`, `signature`, `serial`, `ca`, `pin` and `fingerprint`.
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
    /// Fails with [`ErrorKind::Certificate`](crate::ErrorKind::Certificate) if it is not X.509, or other data follows
    /// it.
    pub fn from_der(der: impl Into<CertificateDer<'static>>) -> Result<Self, Error> {
        let der = der.into();
        let facts = Facts::read(&der)?;
        Ok(Self { der, facts })
    }

    /// Reads the first certificate of a PEM file, or a DER file.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Certificate`](crate::ErrorKind::Certificate) if there is none (the message says what the
    /// file contains instead), or it is damaged.
    pub fn from_pem(file: impl AsRef<[u8]>) -> Result<Self, Error> {
        pem::first_certificate(file.as_ref())
    }

    /// Returns the certificate in DER, for rustls.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Writes the certificate as one PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }

    /// Computes the pin, which Flynn stores as `TLSPin`.
    pub fn pin(&self) -> Pin {
        Pin::of(&self.der)
    }

    /// Returns the subject, such as `CN=example.com, O=Flynn`, with control characters escaped.
    pub fn subject(&self) -> &str {
        &self.facts.subject
    }

    /// Returns the issuer, written like the [`subject`](Self::subject).
    pub fn issuer(&self) -> &str {
        &self.facts.issuer
    }

    /// Returns the last common name of the subject.
    pub fn common_name(&self) -> Option<&str> {
        self.facts.common_name.as_deref()
    }

    /// Names the certificate at a position of a file, counted from 0.
    pub(crate) fn nth(&self, at: usize) -> String {
        format!("certificate {} ({})", at + 1, self.title())
    }

    /// Returns a title for messages: its common name, its first name, or its subject.
    pub(crate) fn title(&self) -> String {
        let name = self.common_name().map(str::to_owned).or_else(|| self.names().iter().next());
        match name {
            Some(name) => shown(&name),
            None if self.subject().is_empty() => "the certificate without a subject".to_owned(),
            None => shown(self.subject()),
        }
    }

    /// Returns the subject alternative names, the only names that clients look at.
    pub fn names(&self) -> &Names {
        &self.facts.names
    }

    /// Returns the start of the validity, inclusive.
    pub fn not_before(&self) -> Time {
        self.facts.not_before
    }

    /// Returns the end of the validity, inclusive.
    pub fn not_after(&self) -> Time {
        self.facts.not_after
    }

    /// Returns whether it is valid at this time.
    pub fn is_valid_at(&self, at: Time) -> bool {
        self.not_before() <= at && at <= self.not_after()
    }

    /// Returns the kind and size of the public key.
    pub fn key(&self) -> &KeyKind {
        &self.facts.key
    }

    /// Returns the `SubjectPublicKeyInfo` in DER.
    pub fn public_key(&self) -> &[u8] {
        self.der.get(self.facts.public_key.clone()).unwrap_or_default()
    }

    /// Returns the algorithm of its signature.
    pub fn signature(&self) -> &Signature {
        &self.facts.signature
    }

    /// Returns the serial number in lower-case hexadecimal, two digits per byte, without leading zero
    /// bytes, and with a minus sign if it is negative.
    pub fn serial(&self) -> &str {
        &self.facts.serial
    }

    /// Returns the X.509 version: 1, 2 or 3.
    pub fn version(&self) -> u32 {
        self.facts.version
    }

    /// Returns whether it is a CA certificate by its basic constraints.
    pub fn is_ca(&self) -> bool {
        self.facts.is_ca
    }

    /// Returns whether the key usage, if there is one, includes `keyCertSign`. OpenSSL and Go require
    /// it of issuers; rustls does not check.
    pub fn may_sign_certificates(&self) -> bool {
        self.facts.may_sign
    }

    /// Returns whether the extended key usage, if there is one, includes TLS servers.
    pub fn is_for_servers(&self) -> bool {
        self.facts.for_servers
    }

    /// Returns whether subject and issuer are the same, as in a root or a self-signed leaf.
    pub fn is_self_issued(&self) -> bool {
        self.raw_subject() == self.raw_issuer()
    }

    /// Returns whether the key usage, if there is one, includes `digitalSignature`, which a server
    /// needs for its handshakes.
    pub fn may_sign_handshakes(&self) -> bool {
        self.facts.may_authenticate
    }

    /// Returns whether it requires stapled OCSP responses (must-staple).
    pub fn must_staple(&self) -> bool {
        self.facts.must_staple
    }

    /// Returns why Go cannot read the public key although it knows its kind.
    pub(crate) fn unreadable_by_go(&self) -> Option<&'static str> {
        self.facts.unreadable_by_go
    }

    /// Returns the rules of RFC 5280 that it breaks and strict clients enforce.
    pub(crate) fn breaches(&self) -> &[&'static str] {
        &self.facts.breaches
    }

    /// Returns the object identifiers of critical extensions that rustls-webpki does not process and
    /// must therefore refuse. Other clients process more, such as certificate policies.
    pub fn unknown_critical_extensions(&self) -> &[String] {
        &self.facts.unknown_critical
    }

    /// Returns the SHA-256 of the certificate as OpenSSL and browsers show it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        colons(self.pin().as_bytes())
    }

    /// Returns the SHA-256 of the public key, which stays the same if a renewal keeps the key.
    pub fn key_fingerprint(&self) -> String {
        colons(Pin::from_der(self.public_key()).as_bytes())
    }

    /// Returns whether the certificate names `issuer` as its issuer, by name and, if both have one,
    /// by key identifier. The signature is not verified.
    pub fn names_as_issuer(&self, issuer: &Self) -> bool {
        self.facts.raw_issuer(&self.der) == issuer.facts.raw_subject(&issuer.der)
            && match (&self.facts.authority_key_id, &issuer.facts.subject_key_id) {
                (Some(wanted), Some(has)) => wanted == has,
                _ => true,
            }
    }

    /// Returns whether the issuer's name is that of the CA that a Flynn bootstrap creates (Flynn's `pkg/tlscert`), a
    /// root that only the cluster has.
    pub(crate) fn is_of_flynns_own_ca(&self) -> bool {
        self.issuer().contains("OU=Flynn Ephemeral CA")
    }

    /// Returns the subject's name in DER.
    pub(crate) fn raw_subject(&self) -> &[u8] {
        self.facts.raw_subject(&self.der)
    }

    /// Returns the issuer's name in DER.
    pub(crate) fn raw_issuer(&self) -> &[u8] {
        self.facts.raw_issuer(&self.der)
    }

    /// Returns whether both name the same issuer.
    pub(crate) fn has_issuer_of(&self, other: &Self) -> bool {
        self.facts.raw_issuer(&self.der) == other.facts.raw_issuer(&other.der)
            && match (&self.facts.authority_key_id, &other.facts.authority_key_id) {
                (Some(mine), Some(theirs)) => mine == theirs,
                _ => true,
            }
    }

    /// Returns whether the key of `issuer` verifies this certificate's signature; `None` if there is
    /// no algorithm for it.
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

/// Reads an address from its 4 or 16 bytes in a subject alternative name.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(Into::into)
}
