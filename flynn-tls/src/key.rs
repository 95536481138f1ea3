use std::fmt;

use rustls::crypto::CryptoProvider;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use crate::certificate::modulus_bits;
use crate::der::{self, BIT_STRING, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE};
use crate::error::{Error, ErrorKind};
use crate::pem::{self, Body};
use crate::{Certificate, KeyKind, found};

/// A private key: PKCS#8, PKCS#1 (RSA) or SEC1 (elliptic curves), not encrypted.
///
/// Neither `Debug` nor any error shows a part of it.
///
/// ```
/// # fn main() -> Result<(), flynn_tls::Error> {
/// use flynn_tls::{ErrorKind, PrivateKey};
/// # let issued = flynn_tls::generate::Ca::new("x")?.issue(&["example.com"])?;
/// # let (certificate_pem, key_pem) = (issued.certificate_pem(), issued.key_pem());
///
/// let key = PrivateKey::from_pem(&key_pem)?;
/// assert_eq!(key.kind().to_string(), "P-256");
///
/// let mistake = PrivateKey::from_pem(&certificate_pem).unwrap_err();
/// assert_eq!(mistake.kind(), ErrorKind::Key);
/// assert_eq!(mistake.to_string(), "this is a certificate, not a private key");
/// # Ok(())
/// # }
/// ```
pub struct PrivateKey {
    der: PrivateKeyDer<'static>,
    kind: KeyKind,
    /// The content of the public key's bit string, where the file holds it.
    public: Option<Vec<u8>>,
}

/// What a [`PrivateKey`] is to a certificate, from [`PrivateKey::belongs_to`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Belongs {
    /// It is the certificate's key.
    Yes,
    /// It is another key.
    No,
    /// The crypto provider finds that its parts do not fit together: the file is damaged. A key
    /// that it refuses for another reason is compared by its public part
    /// ([`PrivateKey::is_usable_by`] tells that one).
    Damaged,
    /// Cannot be told: the file holds no public part, and the crypto provider cannot compute it.
    Unknown,
}

impl PrivateKey {
    /// Reads the first private key of a PEM file, or a DER file; certificates and curve parameters
    /// around it are skipped. What a block holds is told by its structure, so a wrong label does no
    /// harm.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when there is none (what is there instead is named), when it is
    /// encrypted (the router cannot decrypt it), when it is damaged, or of another format
    /// (OpenSSH, DSA).
    pub fn from_pem(file: impl AsRef<[u8]>) -> Result<Self, Error> {
        let file = file.as_ref();
        if pem::is_der(file) {
            return read(file).ok_or_else(|| found::no_key(file));
        }
        let Some(block) = pem::blocks(file).find(pem::Block::is_private_key) else {
            return Err(found::no_key(file));
        };
        match block.body {
            _ if block.label == "ENCRYPTED PRIVATE KEY" => Err(encrypted()),
            Body::Encrypted => Err(encrypted()),
            Body::Damaged(why) => Err(damaged(block.line, why)),
            Body::Der(_) if block.label.contains("SSH") => Err(found::no_key(file)),
            Body::Der(der) => read(&der).ok_or_else(|| {
                found::no_key_but(&der).unwrap_or_else(|| damaged(block.line, NO_FORMAT))
            }),
        }
    }

    /// Reads a private key in DER of any of the three formats.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when it is none of them.
    pub fn from_der(key: &[u8]) -> Result<Self, Error> {
        read(key).ok_or_else(|| {
            Error::new(ErrorKind::Key, format!("the private key cannot be read: {NO_FORMAT}"))
        })
    }

    /// The kind and size of the key.
    pub fn kind(&self) -> &KeyKind {
        &self.kind
    }

    /// The key as rustls takes it. This is the secret itself.
    pub fn secret_der(&self) -> &PrivateKeyDer<'static> {
        &self.der
    }

    /// The `SubjectPublicKeyInfo`, put together from what PKCS#8 holds.
    #[cfg(feature = "generate")]
    pub(crate) fn public_key_info(&self) -> Option<Vec<u8>> {
        let mut parts = Reader::new(self.der.secret_der()).enter(SEQUENCE)?;
        parts.value(INTEGER)?;
        let algorithm = parts.value(SEQUENCE)?.raw;
        let bits = der::tlv(BIT_STRING, &[&[0], self.public.as_deref()?]);
        Some(der::tlv(SEQUENCE, &[algorithm, &bits]))
    }

    /// Whether this is the key of `certificate`.
    ///
    /// The crypto provider is asked first, because it notices keys whose parts do not fit
    /// together; for kinds that it cannot load, the public part in the file is compared.
    pub fn belongs_to(&self, certificate: &Certificate, provider: &CryptoProvider) -> Belongs {
        let Some(wanted) = public_bits(certificate.public_key()) else {
            return Belongs::Unknown;
        };
        let rare = |kind: &KeyKind| matches!(kind, KeyKind::Other(_));
        if self.kind != *certificate.key() && !rare(&self.kind) && !rare(certificate.key()) {
            return Belongs::No;
        }
        let loaded = provider.key_provider.load_private_key(self.der.clone_key());
        let public = match &loaded {
            Ok(key) => key.public_key(),
            Err(_) if self.public.is_some() && self.is_common() && !self.is_odd_rsa() => {
                return Belongs::Damaged;
            }
            Err(_) => None,
        };
        let public = public.as_ref().and_then(|spki| public_bits(spki));
        match public.or(self.public.as_deref()) {
            Some(public) if public == wanted => Belongs::Yes,
            Some(_) => Belongs::No,
            None => Belongs::Unknown,
        }
    }

    /// Whether the crypto provider can load it, to sign handshakes with. Intact keys that one cannot
    /// load are those of rare kinds or sizes, and RSA with an exponent below 65537 or with more than two
    /// primes.
    pub fn is_usable_by(&self, provider: &CryptoProvider) -> bool {
        provider.key_provider.load_private_key(self.der.clone_key()).is_ok()
    }

    /// RSA as openssl makes it when asked to, and as providers refuse it without being damaged: an
    /// exponent that is not from 65537 to 33 bits (which is what ring loads), more than two
    /// primes, or two of unequal length.
    pub(crate) fn is_odd_rsa(&self) -> bool {
        let Some(parts) = self.rsa_parts() else { return false };
        let [version, modulus, exponent, p, q] = parts.map(modulus_bits);
        match version {
            // The lengths of two primes add up to the modulus's, or one of the three is damaged.
            0 if !matches!(p.saturating_add(q).checked_sub(modulus), Some(0 | 1)) => false,
            0 => !(17..=33).contains(&exponent) || p != q,
            more => more == 1,
        }
    }

    /// Version, modulus, public exponent, and the first two primes.
    fn rsa_parts(&self) -> Option<[&[u8]; 5]> {
        let pkcs1 = match &self.der {
            PrivateKeyDer::Pkcs1(key) => key.secret_pkcs1_der(),
            PrivateKeyDer::Pkcs8(key) => {
                let mut parts = Reader::new(key.secret_pkcs8_der()).enter(SEQUENCE)?;
                parts.value(INTEGER)?;
                if parts.enter(SEQUENCE)?.value(OID)?.content != RSA {
                    return None;
                }
                parts.value(OCTET_STRING)?.content
            }
            _ => return None,
        };
        let mut parts = Reader::new(pkcs1).enter(SEQUENCE)?;
        let mut next = || parts.value(INTEGER).map(|v| v.content);
        let (version, modulus, exponent, _private) = (next()?, next()?, next()?, next()?);
        Some([version, modulus, exponent, next()?, next()?])
    }

    /// A kind that every provider loads, so that failing to means the key is damaged.
    fn is_common(&self) -> bool {
        match self.kind {
            KeyKind::Rsa(bits) => matches!(bits, 2048 | 3072 | 4096),
            KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => true,
            _ => false,
        }
    }
}

const NO_FORMAT: &str = "not PKCS#8, PKCS#1 or SEC1, or cut short";

fn damaged(line: usize, why: &str) -> Error {
    Error::new(ErrorKind::Key, format!("the private key at line {line} cannot be read: {why}"))
}

fn encrypted() -> Error {
    Error::new(
        ErrorKind::Key,
        "the private key is encrypted, which a router cannot use: decrypt it with `openssl pkey`",
    )
}

fn read(key: &[u8]) -> Option<PrivateKey> {
    let mut outer = Reader::new(key);
    let mut parts = outer.enter(SEQUENCE)?;
    if !outer.is_empty() {
        return None;
    }
    parts.value(INTEGER)?;
    let mut after_version = parts;
    match after_version.any()?.tag {
        INTEGER => {
            let (kind, public) = rsa(parts)?;
            let der = PrivatePkcs1KeyDer::from(key.to_vec()).into();
            Some(PrivateKey { der, kind, public: Some(public) })
        }
        OCTET_STRING => {
            let (kind, public) = sec1(parts, None)?;
            let der = PrivateSec1KeyDer::from(key.to_vec()).into();
            Some(PrivateKey { der, kind, public })
        }
        SEQUENCE => {
            let (kind, public) = pkcs8(parts)?;
            let der = PrivatePkcs8KeyDer::from(key.to_vec()).into();
            Some(PrivateKey { der, kind, public })
        }
        _ => None,
    }
}

/// From modulus and exponent on: the kind, and the public key as certificates hold it.
fn rsa(mut parts: Reader<'_>) -> Option<(KeyKind, Vec<u8>)> {
    let modulus = parts.value(INTEGER)?;
    let exponent = parts.value(INTEGER)?;
    // The private exponent, both primes and what goes with them: fewer are a public key, or DSA.
    for _ in 0..6 {
        parts.value(INTEGER)?;
    }
    let public = der::tlv(SEQUENCE, &[modulus.raw, exponent.raw]);
    Some((KeyKind::Rsa(modulus_bits(modulus.content)), public))
}

/// From the scalar on: the kind, and the public point where it is told. PKCS#8 names the `curve`
/// outside.
fn sec1(mut parts: Reader<'_>, curve: Option<&[u8]>) -> Option<(KeyKind, Option<Vec<u8>>)> {
    parts.value(OCTET_STRING)?;
    let own = parts.enter(0xa0).and_then(|mut p| p.value(OID)).map(|oid| oid.content);
    let kind = curve.or(own).map_or_else(|| KeyKind::Other("EC".into()), curve_kind);
    let public = parts.enter(0xa1).and_then(|mut p| p.value(BIT_STRING)).and_then(bits);
    Some((kind, public.map(<[u8]>::to_vec)))
}

fn pkcs8(mut parts: Reader<'_>) -> Option<(KeyKind, Option<Vec<u8>>)> {
    let mut algorithm = parts.enter(SEQUENCE)?;
    let oid = algorithm.value(OID)?.content;
    let inner = parts.value(OCTET_STRING)?.content;
    match oid {
        RSA => {
            let mut key = Reader::new(inner).enter(SEQUENCE)?;
            key.value(INTEGER)?;
            rsa(key).map(|(kind, public)| (kind, Some(public)))
        }
        EC => {
            let mut key = Reader::new(inner).enter(SEQUENCE)?;
            key.value(INTEGER)?;
            sec1(key, algorithm.value(OID).map(|oid| oid.content))
        }
        ED25519 => Some((KeyKind::Ed25519, None)),
        other => Some((KeyKind::Other(dotted(other)), None)),
    }
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
pub(crate) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

pub(crate) fn curve_kind(oid: &[u8]) -> KeyKind {
    match oid {
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => KeyKind::P256,
        [0x2b, 0x81, 0x04, 0x00, 0x22] => KeyKind::P384,
        [0x2b, 0x81, 0x04, 0x00, 0x23] => KeyKind::P521,
        other => KeyKind::Other(dotted(other)),
    }
}

pub(crate) fn dotted(oid: &[u8]) -> String {
    x509_parser::asn1_rs::Oid::new(oid.into()).to_id_string()
}

/// The bytes of a `SubjectPublicKeyInfo`'s key.
pub(crate) fn public_bits(spki: &[u8]) -> Option<&[u8]> {
    let mut parts = Reader::new(spki).enter(SEQUENCE)?;
    parts.value(SEQUENCE)?;
    parts.value(BIT_STRING).and_then(bits)
}

/// The content of a bit string of whole bytes.
fn bits(value: der::Value<'_>) -> Option<&[u8]> {
    value.content.strip_prefix(&[0])
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}
