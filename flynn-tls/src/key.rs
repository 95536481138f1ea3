use std::fmt;

use rustls::crypto::CryptoProvider;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::num_bigint::BigUint;

use crate::der::{self, INTEGER, NULL, OCTET_STRING, OID, Reader, SEQUENCE};
use crate::error::{Error, ErrorKind};
use crate::pem::{self, Block, Body};
use crate::{Certificate, KeyKind, file_kind};

/// A private key, read from PKCS#8, PKCS#1 (RSA) or SEC1 (elliptic curves).
///
/// The key is always kept and written as PKCS#8 without encryption. Neither `Debug` nor errors
/// show any part of it.
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
/// // OpenSSL reads this file with a byte order mark and old line ends, but the router does not.
/// let mangled = format!("\u{feff}{}", key_pem.replace('\n', "\r"));
/// assert_eq!(PrivateKey::from_pem(mangled)?.secret_pem(), key_pem);
///
/// let mistake = PrivateKey::from_pem(&certificate_pem).unwrap_err();
/// assert_eq!(mistake.kind(), ErrorKind::Key);
/// assert_eq!(mistake.to_string(), "this is a certificate, not a private key");
/// # Ok(())
/// # }
/// ```
pub struct PrivateKey {
    /// PKCS#8 of version 1.
    der: PrivateKeyDer<'static>,
    kind: KeyKind,
    /// The content of the public key's bit string, if the file contains it.
    public: Option<Vec<u8>>,
    /// The reason why Flynn's own programs do not find the key in its file.
    skipped_by_go: Option<&'static str>,
}

/// The result of [`PrivateKey::matches`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyMatch {
    /// The key belongs to the certificate.
    Yes,
    /// The key does not belong to the certificate.
    No,
    /// The parts of the key contradict each other: the file is damaged.
    Damaged,
    /// The file does not contain the public key, and the crypto provider does not know the kind of
    /// key.
    Unknown,
}

impl PrivateKey {
    /// Reads the first private key of a PEM file, or a DER file. Certificates and curve parameters
    /// around it are skipped, and the format is detected from the content, not from the label.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Key`] if the file contains no key (the message says what it contains), or if the key is
    /// encrypted, damaged, or in another format (OpenSSH).
    pub fn from_pem(file: impl AsRef<[u8]>) -> Result<Self, Error> {
        let file = file.as_ref();
        if pem::is_der(file) {
            let mut key = read(file).ok_or_else(|| file_kind::no_key(file))?;
            key.skipped_by_go = Some(pem::DER_FILE);
            return Ok(key);
        }
        let mangled = |block: &Block<'_>| {
            block.label.is_empty() || block.label.to_ascii_uppercase().ends_with("KEY")
        };
        let is_key = |block: &Block<'_>| match block.body {
            Body::Damaged(_) => block.is_private_key() || mangled(block),
            _ => block.is_private_key(),
        };
        let Some(block) = pem::blocks(file).find(is_key) else {
            return Err(file_kind::no_key(file));
        };
        match block.body {
            _ if block.label == "ENCRYPTED PRIVATE KEY" => Err(encrypted()),
            Body::Encrypted => Err(encrypted()),
            Body::Damaged(why) => Err(damaged(block.line, &why)),
            Body::Der(_) if block.label.contains("SSH") => Err(file_kind::no_key(file)),
            Body::Der(der) => {
                let mut key = read(&der).ok_or_else(|| {
                    file_kind::not_a_key(&der).unwrap_or_else(|| damaged(block.line, NO_FORMAT))
                })?;
                let label = !block.label.ends_with("PRIVATE KEY");
                let label = label.then_some("its label is not PRIVATE KEY");
                key.skipped_by_go = label.or(block.skipped_by_go);
                Ok(key)
            }
        }
    }

    /// Reads a private key in DER, in any of the three formats.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Key`] if it is in another format or damaged.
    pub fn from_der(key: &[u8]) -> Result<Self, Error> {
        read(key).ok_or_else(|| {
            Error::new(ErrorKind::Key, format!("the private key cannot be read: {NO_FORMAT}"))
        })
    }

    /// Returns the kind and size of the key.
    pub fn kind(&self) -> &KeyKind {
        &self.kind
    }

    /// Returns the key in PKCS#8, for rustls. This is the secret itself.
    pub fn secret_der(&self) -> &PrivateKeyDer<'static> {
        &self.der
    }

    /// Writes the key as PKCS#8 in canonical PEM. This is the secret itself.
    ///
    /// Send this to a cluster instead of the file: [`from_pem`](Self::from_pem) reads files that
    /// Flynn's router cannot read. With a byte order mark, indentation or old line ends, the router
    /// accepts the key and then serves no certificate at all.
    pub fn secret_pem(&self) -> String {
        pem::encode("PRIVATE KEY", self.der.secret_der())
    }

    /// Returns why Go does not find the key in the file that it was read from.
    pub(crate) fn skipped_by_go(&self) -> Option<&'static str> {
        self.skipped_by_go
    }

    /// Builds the `SubjectPublicKeyInfo` from the content of the PKCS#8.
    #[cfg(feature = "generate")]
    pub(crate) fn public_key_info(&self) -> Option<Vec<u8>> {
        let (algorithm, _) = self.parts()?;
        let bits = der::tlv(der::BIT_STRING, &[&[0], self.public.as_deref()?]);
        Some(der::tlv(SEQUENCE, &[algorithm, &bits]))
    }

    /// Returns the `AlgorithmIdentifier`, and the key of that algorithm.
    fn parts(&self) -> Option<(&[u8], &[u8])> {
        let mut parts = Reader::new(self.der.secret_der()).enter(SEQUENCE)?;
        parts.value(INTEGER)?;
        Some((parts.value(SEQUENCE)?.raw, parts.value(OCTET_STRING)?.content))
    }

    /// Returns whether this is the key of `certificate`.
    ///
    /// The parts of an RSA key are compared with each other and with the certificate. For other
    /// kinds, the crypto provider computes the public key; if it cannot, the public key in the file
    /// is compared.
    pub fn matches(&self, certificate: &Certificate, provider: &CryptoProvider) -> KeyMatch {
        let Some(wanted) = public_bits(certificate.public_key()) else {
            return KeyMatch::Unknown;
        };
        let rare = |kind: &KeyKind| matches!(kind, KeyKind::Other(_));
        if self.kind != *certificate.key() && !rare(&self.kind) && !rare(certificate.key()) {
            return KeyMatch::No;
        }
        if matches!(self.kind, KeyKind::Rsa(_)) && !self.rsa().is_some_and(|key| key.is_sound()) {
            return KeyMatch::Damaged;
        }
        let public =
            match (provider.key_provider.load_private_key(self.der.clone_key()), &self.kind) {
                (Ok(key), _) => {
                    key.public_key().and_then(|spki| public_bits(&spki).map(<[u8]>::to_vec))
                }
                // Every provider supports these kinds, so the key is damaged.
                (Err(_), KeyKind::P256 | KeyKind::P384) if self.public.is_some() => {
                    return KeyMatch::Damaged;
                }
                (Err(_), KeyKind::Ed25519) => return KeyMatch::Damaged,
                (Err(_), _) => None,
            };
        match public.as_deref().or(self.public.as_deref()) {
            Some(public) if public == wanted => KeyMatch::Yes,
            Some(_) => KeyMatch::No,
            None => KeyMatch::Unknown,
        }
    }

    /// Returns whether the crypto provider can load the key to sign handshakes. Providers refuse
    /// rare kinds and sizes, and RSA keys with an exponent below 65537, with more than two primes,
    /// or without the values of the Chinese remainder theorem.
    pub fn is_usable_by(&self, provider: &CryptoProvider) -> bool {
        provider.key_provider.load_private_key(self.der.clone_key()).is_ok()
    }

    /// Returns the parts of an RSA key; `None` if they are not numbers of a sensible size.
    pub(crate) fn rsa(&self) -> Option<RsaParts> {
        let KeyKind::Rsa(_) = self.kind else { return None };
        let (_, key) = self.parts()?;
        RsaParts::read(Reader::new(key).enter(SEQUENCE)?)
    }
}

const NO_FORMAT: &str = "not PKCS#8, PKCS#1 or SEC1, or cut short";

fn damaged(line: usize, why: &str) -> Error {
    Error::new(ErrorKind::Key, format!("the private key at line {line} cannot be read: {why}"))
}

fn encrypted() -> Error {
    Error::new(
        ErrorKind::Key,
        "the private key is encrypted, and a router cannot decrypt it: decrypt it with `openssl pkey`",
    )
}

/// The parts of PKCS#8: the algorithm with parameters, and the key in the algorithm's format.
struct Parts {
    algorithm: Vec<u8>,
    key: Vec<u8>,
    kind: KeyKind,
    public: Option<Vec<u8>>,
}

fn read(key: &[u8]) -> Option<PrivateKey> {
    let mut outer = Reader::new(key);
    let mut parts = outer.enter(SEQUENCE)?;
    if !outer.is_empty() {
        return None;
    }
    parts.value(INTEGER)?;
    let found = match parts.tag()? {
        INTEGER => rsa(key).or_else(|| dsa(parts))?,
        OCTET_STRING => sec1(key, None)?,
        SEQUENCE => pkcs8(parts)?,
        _ => return None,
    };
    let version = der::tlv(INTEGER, &[&[0]]);
    let inner = der::tlv(OCTET_STRING, &[&found.key]);
    let der = der::tlv(SEQUENCE, &[&version, &found.algorithm, &inner]);
    Some(PrivateKey {
        der: PrivatePkcs8KeyDer::from(der).into(),
        kind: found.kind,
        public: found.public,
        skipped_by_go: None,
    })
}

/// Reads PKCS#1.
fn rsa(key: &[u8]) -> Option<Parts> {
    let mut parts = Reader::new(key).enter(SEQUENCE)?;
    parts.value(INTEGER)?;
    let (modulus, exponent) = (parts.value(INTEGER)?, parts.value(INTEGER)?);
    // The private exponent, both primes and three derived values. Fewer numbers are a public key or DSA.
    for _ in 0..6 {
        parts.value(INTEGER)?;
    }
    let null = der::tlv(NULL, &[]);
    Some(Parts {
        algorithm: der::tlv(SEQUENCE, &[&der::tlv(OID, &[RSA]), &null]),
        key: key.to_vec(),
        kind: KeyKind::Rsa(bits(modulus.content)),
        public: Some(der::tlv(SEQUENCE, &[modulus.raw, exponent.raw])),
    })
}

/// Reads the format that openssl calls traditional: p, q, g, the public and the private number.
fn dsa(mut parts: Reader<'_>) -> Option<Parts> {
    let mut domain = Vec::new();
    for _ in 0..3 {
        domain.extend_from_slice(parts.value(INTEGER)?.raw);
    }
    let (public, private) = (parts.value(INTEGER)?.raw, parts.value(INTEGER)?.raw);
    let oid = der::tlv(OID, &[DSA]);
    parts.is_empty().then(|| Parts {
        algorithm: der::tlv(SEQUENCE, &[&oid, &der::tlv(SEQUENCE, &[&domain])]),
        key: private.to_vec(),
        kind: KeyKind::Other(dotted(DSA)),
        public: Some(public.to_vec()),
    })
}

/// Reads SEC1; in PKCS#8 the curve's parameters are outside it. Pads the scalar to the length of its field, which some
/// programs do not do.
fn sec1(key: &[u8], parameters: Option<&[u8]>) -> Option<Parts> {
    let mut parts = Reader::new(key).enter(SEQUENCE)?;
    let version = parts.value(INTEGER).filter(|version| version.content == [1])?.raw;
    let scalar = parts.value(OCTET_STRING)?.content;
    let own = parts.enter(0xa0).and_then(|mut own| own.any()).map(|own| own.raw);
    let parameters = parameters.or(own).unwrap_or_default();
    let kind = curve_kind(Reader::new(parameters).value(OID).map(|oid| oid.content));
    let public = parts.enter(0xa1).and_then(|mut p| p.bits());
    // Go recomputes the point; a compressed one would only look like another key.
    let public = public.filter(|point| point.first() == Some(&4));
    let scalar = match kind {
        KeyKind::P256 => fixed(scalar, 32),
        KeyKind::P384 => fixed(scalar, 48),
        KeyKind::P521 => fixed(scalar, 66),
        _ => scalar.to_vec(),
    };
    let point = public.map(|point| {
        let bits = der::tlv(der::BIT_STRING, &[&[0], point]);
        der::tlv(0xa1, &[&bits])
    });
    let scalar = der::tlv(OCTET_STRING, &[&scalar]);
    Some(Parts {
        algorithm: der::tlv(SEQUENCE, &[&der::tlv(OID, &[EC]), parameters]),
        key: der::tlv(SEQUENCE, &[version, &scalar, point.as_deref().unwrap_or_default()]),
        kind,
        public: public.map(<[u8]>::to_vec),
    })
}

/// Changes the length of big-endian bytes by adding or removing leading zeros only.
fn fixed(bytes: &[u8], length: usize) -> Vec<u8> {
    let zeros =
        bytes.iter().take_while(|&&b| b == 0).count().min(bytes.len().saturating_sub(length));
    let bytes = bytes.get(zeros..).unwrap_or_default();
    let mut out = vec![0; length.saturating_sub(bytes.len())];
    out.extend_from_slice(bytes);
    out
}

fn pkcs8(mut parts: Reader<'_>) -> Option<Parts> {
    let algorithm = parts.value(SEQUENCE)?;
    let mut inside = Reader::new(algorithm.content);
    let oid = inside.value(OID)?.content;
    let key = parts.value(OCTET_STRING)?.content;
    let kind = match oid {
        RSA => return rsa(key),
        EC => return sec1(key, inside.any().map(|parameters| parameters.raw)),
        ED25519 => KeyKind::Ed25519,
        other => KeyKind::Other(dotted(other)),
    };
    let (algorithm, key) = (algorithm.raw.to_vec(), key.to_vec());
    Some(Parts { algorithm, key, kind, public: None })
}

/// The numbers of an RSA key.
pub(crate) struct RsaParts {
    modulus: BigUint,
    public: BigUint,
    private: BigUint,
    primes: Vec<BigUint>,
    /// True if the CRT values, which speed up signing, are right.
    fast: bool,
}

impl RsaParts {
    /// The largest key in bits. Servers do not load larger keys, and checking their parts takes long.
    const LARGEST: u32 = 16_384;

    fn read(mut parts: Reader<'_>) -> Option<Self> {
        let number = |parts: &mut Reader<'_>| {
            let bytes = parts.unsigned().filter(|bytes| bits(bytes) <= Self::LARGEST)?;
            Some(BigUint::from_bytes_be(bytes))
        };
        let version = parts.unsigned()?;
        let mut next = || number(&mut parts);
        let (modulus, public, private) = (next()?, next()?, next()?);
        let mut primes = vec![next()?, next()?];
        let (d_p, d_q, inverse) = (next()?, next()?, next()?);
        let one = BigUint::from(1_u8);
        let fits = |prime: &BigUint, exponent: &BigUint| {
            *prime > one && &private % (prime - 1_u8) == *exponent
        };
        let fast = matches!(&primes[..], [p, q] if fits(p, &d_p) && fits(q, &d_q)
            && inverse < *p && (q * &inverse) % p == one);
        if version == [1] {
            let mut others = parts.enter(SEQUENCE)?;
            while let Some(mut other) = others.enter(SEQUENCE).filter(|_| primes.len() < 16) {
                primes.push(number(&mut other)?);
            }
        }
        Some(Self { modulus, public, private, primes, fast })
    }

    /// Returns whether the primes, the modulus and both exponents are consistent, by the rules of Go's
    /// `rsa.PrivateKey.Validate`.
    pub(crate) fn is_sound(&self) -> bool {
        let one = BigUint::from(1_u8);
        let product: BigUint = self.primes.iter().product();
        let undone = &self.public * &self.private;
        product == self.modulus
            && undone > one
            && self
                .primes
                .iter()
                .all(|p| *p > one && (&undone - 1_u8) % (p - 1_u8) == BigUint::ZERO)
    }

    /// Returns whether Go loads it: its public exponent has at most 31 bits.
    pub(crate) fn loads_in_go(&self) -> bool {
        self.public.bits() <= 31
    }

    /// Returns why some servers do not load a consistent key.
    pub(crate) fn oddity(&self) -> Option<&'static str> {
        // The rules of ring, the most common of the strict providers.
        if !(17..=33).contains(&self.public.bits()) {
            return Some("its public exponent is unusual");
        }
        match &self.primes[..] {
            [p, q] if p.bits() == q.bits() => {}
            _ => return Some("it does not have two primes of equal length"),
        }
        (!self.fast).then_some("its CRT values are missing or wrong")
    }
}

pub(crate) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
pub(crate) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Returns the kind of an elliptic key by the name of its curve, or by its algorithm if there is none.
pub(crate) fn curve_kind(name: Option<&[u8]>) -> KeyKind {
    match name {
        Some([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]) => KeyKind::P256,
        Some([0x2b, 0x81, 0x04, 0x00, 0x22]) => KeyKind::P384,
        Some([0x2b, 0x81, 0x04, 0x00, 0x23]) => KeyKind::P521,
        other => KeyKind::Other(dotted(other.unwrap_or(EC))),
    }
}

pub(crate) fn dotted(oid: &[u8]) -> String {
    x509_parser::asn1_rs::Oid::new(oid.into()).to_id_string()
}

/// Returns the number of bits of a big-endian number.
pub(crate) fn bits(number: &[u8]) -> u32 {
    let significant = number.iter().position(|&b| b != 0).unwrap_or(number.len());
    let bytes = number.get(significant..).unwrap_or_default();
    let leading = bytes.first().map_or(0, |b| b.leading_zeros());
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(leading)
}

/// Returns the bytes of the key in a `SubjectPublicKeyInfo`.
pub(crate) fn public_bits(spki: &[u8]) -> Option<&[u8]> {
    let mut parts = Reader::new(spki).enter(SEQUENCE)?;
    parts.value(SEQUENCE)?;
    parts.bits()
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}
