//! Checks whether a certificate and a key are a pair, with the rules and error texts of Go's `tls.X509KeyPair`.
//!
//! The controller checks the certificates of routes with it, and a router does not start if its own certificate fails.
//! The chain, names and dates are not checked.

use jiff::Timestamp;
use num_bigint::BigUint;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use x509_parser::asn1_rs::{self, Any, Class, FromDer, Oid, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::wire::pem::{self, Block};

const RSA: Oid<'_> = asn1_rs::oid!(1.2.840.113549.1.1.1);
const EC: Oid<'_> = asn1_rs::oid!(1.2.840.10045.2.1);
const ED25519: Oid<'_> = asn1_rs::oid!(1.3.101.112);

/// The curves that Go knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Curve {
    P224,
    P256,
    P384,
    P521,
}

impl Curve {
    fn named(oid: &Oid<'_>) -> Option<Self> {
        [
            (asn1_rs::oid!(1.3.132.0.33), Self::P224),
            (asn1_rs::oid!(1.2.840.10045.3.1.7), Self::P256),
            (asn1_rs::oid!(1.3.132.0.34), Self::P384),
            (asn1_rs::oid!(1.3.132.0.35), Self::P521),
        ]
        .into_iter()
        .find_map(|(known, curve)| (known == *oid).then_some(curve))
    }

    /// Returns the number of bytes of a coordinate.
    fn size(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Returns ring's algorithm for the curve. ring does not support the other two.
    fn signing(self) -> Option<&'static EcdsaSigningAlgorithm> {
        match self {
            Self::P256 => Some(&ECDSA_P256_SHA256_ASN1_SIGNING),
            Self::P384 => Some(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Self::P224 | Self::P521 => None,
        }
    }
}

/// The public key in a certificate.
enum Public {
    /// The modulus.
    Rsa(BigUint),
    /// The curve and the uncompressed point.
    Ec(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
    /// An algorithm that Go does not know or does not use in TLS.
    Unknown,
}

enum Private {
    /// The modulus.
    Rsa(BigUint),
    /// The curve, the scalar without leading zeros, and the point if the key has it.
    Ec(Curve, Vec<u8>, Option<Vec<u8>>),
    /// The seed.
    Ed25519(Vec<u8>),
}

/// Checks that the certificate is valid PEM and belongs to the key.
pub(crate) fn check(knows_ed25519: bool, cert: &str, key: &str) -> Result<(), String> {
    let certificate = first_certificate(cert)?;
    let key = private_key_block(key)?;
    // The Go of 2016 did not know Ed25519 yet.
    let public = match public_key(&certificate.bytes)? {
        Public::Ed25519(_) if !knows_ed25519 => Public::Unknown,
        public => public,
    };
    let private = private_key(&key.bytes)
        .filter(|private| knows_ed25519 || !matches!(private, Private::Ed25519(_)))
        .ok_or("tls: failed to parse private key")?;
    let is_same = match (&public, &private) {
        (Public::Unknown, _) => return Err("tls: unknown public key algorithm".to_owned()),
        (Public::Rsa(of_public), Private::Rsa(of_private)) => of_public == of_private,
        (Public::Ec(curve, point), Private::Ec(of_private, scalar, own)) => {
            curve == of_private && has_point(*curve, scalar, own.as_deref(), point)
        }
        (Public::Ed25519(point), Private::Ed25519(seed)) => {
            Ed25519KeyPair::from_seed_unchecked(seed)
                .is_ok_and(|pair| pair.public_key().as_ref() == point)
        }
        _ => return Err("tls: private key type does not match public key type".to_owned()),
    };
    if is_same { Ok(()) } else { Err("tls: private key does not match public key".to_owned()) }
}

/// Returns when the first certificate of the text expires.
pub(crate) fn expires(cert: &str) -> Option<Timestamp> {
    let block = first_certificate(cert).ok()?;
    let (_, certificate) = X509Certificate::from_der(&block.bytes).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// Returns the types of blocks as Go prints a list.
fn listed(blocks: &[Block]) -> String {
    let kinds: Vec<&str> = blocks.iter().map(|block| block.kind.as_str()).collect();
    format!("[{}]", kinds.join(" "))
}

fn first_certificate(text: &str) -> Result<Block, String> {
    let (found, skipped): (Vec<Block>, Vec<Block>) =
        pem::blocks(text).into_iter().partition(|block| block.kind == "CERTIFICATE");
    found.into_iter().next().ok_or_else(|| match skipped.as_slice() {
        [] => "tls: failed to find any PEM data in certificate input".to_owned(),
        [only] if only.kind.ends_with("PRIVATE KEY") => {
            "tls: failed to find certificate PEM data in certificate input, but did find a private \
             key; PEM inputs may have been switched"
                .to_owned()
        }
        skipped => format!(
            "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM \
             blocks of the following types: {}",
            listed(skipped)
        ),
    })
}

fn private_key_block(text: &str) -> Result<Block, String> {
    let mut skipped = Vec::new();
    for block in pem::blocks(text) {
        if block.kind == "PRIVATE KEY" || block.kind.ends_with(" PRIVATE KEY") {
            return Ok(block);
        }
        skipped.push(block);
    }
    Err(match skipped.as_slice() {
        [] => "tls: failed to find any PEM data in key input".to_owned(),
        [only] if only.kind == "CERTIFICATE" => {
            "tls: found a certificate rather than a key in the PEM for the private key".to_owned()
        }
        skipped => format!(
            "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after \
             skipping PEM blocks of the following types: {}",
            listed(skipped)
        ),
    })
}

/// Returns the key of a certificate, or why Go cannot read it.
fn public_key(der: &[u8]) -> Result<Public, String> {
    let malformed = || "asn1: structure error: tags don't match".to_owned();
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| malformed())?;
    if !rest.is_empty() {
        return Err("x509: trailing data".to_owned());
    }
    let key: &SubjectPublicKeyInfo<'_> = certificate.public_key();
    let bits = key.subject_public_key.data.as_ref();
    let algorithm = &key.algorithm.algorithm;
    if *algorithm == RSA {
        let fields = fields(bits, Tag::Sequence).ok_or_else(malformed)?;
        let [modulus, exponent, ..] = fields.as_slice() else { return Err(malformed()) };
        positive(exponent).ok_or("x509: RSA public exponent is not a positive number")?;
        let modulus = positive(modulus).ok_or("x509: RSA modulus is not a positive number")?;
        return Ok(Public::Rsa(modulus));
    }
    if *algorithm == EC {
        let parameters = key.algorithm.parameters.clone();
        let named = parameters.as_ref().and_then(oid).ok_or_else(malformed)?;
        let curve = Curve::named(&named).ok_or("x509: unsupported elliptic curve")?;
        if bits.first() != Some(&4) || bits.len() != 1 + 2 * curve.size() {
            return Err("x509: failed to unmarshal elliptic curve point".to_owned());
        }
        return Ok(Public::Ec(curve, bits.to_vec()));
    }
    if *algorithm == ED25519 {
        if bits.len() != 32 {
            return Err("x509: wrong Ed25519 public key size".to_owned());
        }
        return Ok(Public::Ed25519(bits.to_vec()));
    }
    Ok(Public::Unknown)
}

/// Parses a key as PKCS#1, PKCS#8 or SEC 1, independent of the type of its block.
fn private_key(der: &[u8]) -> Option<Private> {
    rsa_key(der).or_else(|| wrapped_key(der)).or_else(|| ec_key(der, None))
}

/// Returns the fields of a single sequence.
fn fields(der: &[u8], tag: Tag) -> Option<Vec<Any<'_>>> {
    let (_, sequence) = Any::from_der(der).ok()?;
    if sequence.class() != Class::Universal || sequence.tag() != tag {
        return None;
    }
    elements(sequence.data)
}

/// Returns the elements of a sequence.
fn elements(mut rest: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (after, element) = Any::from_der(rest).ok()?;
        elements.push(element);
        rest = after;
    }
    Some(elements)
}

fn oid<'a>(field: &Any<'a>) -> Option<Oid<'a>> {
    (field.tag() == Tag::Oid).then(|| field.clone().oid().ok())?
}

/// Parses a positive integer.
fn positive(field: &Any<'_>) -> Option<BigUint> {
    let is_negative = field.data.first().is_none_or(|first| first & 0x80 != 0);
    let number = BigUint::from_bytes_be(field.data);
    (field.tag() == Tag::Integer && !is_negative && number != BigUint::ZERO).then_some(number)
}

/// Parses a small number.
fn small(field: &Any<'_>) -> Option<u32> {
    (field.tag() == Tag::Integer).then(|| field.clone().u32().ok())?
}

/// Parses a PKCS#1 key with consistent primes, modulus and exponents.
fn rsa_key(der: &[u8]) -> Option<Private> {
    let (rest, _) = Any::from_der(der).ok()?;
    let fields = fields(der, Tag::Sequence)?;
    let [version, modulus, public, private, p, q, _, _, _, more @ ..] = fields.as_slice() else {
        return None;
    };
    if !rest.is_empty() || small(version)? > 1 {
        return None;
    }
    let mut primes = vec![positive(p)?, positive(q)?];
    for further in more.first().map_or(Some(Vec::new()), |more| elements(more.data))? {
        primes.push(positive(elements(further.data)?.first()?)?);
    }
    let (modulus, public, private) = (positive(modulus)?, positive(public)?, positive(private)?);
    let one = BigUint::from(1_u8);
    let exponents = BigUint::from(2_u8)..BigUint::from(1_u32 << 31);
    let undone = &public * &private - &one;
    let is_sound = exponents.contains(&public)
        && primes.iter().product::<BigUint>() == modulus
        && primes.iter().all(|prime| *prime > one && &undone % (prime - &one) == BigUint::ZERO);
    is_sound.then_some(Private::Rsa(modulus))
}

/// Parses a PKCS#8 key.
fn wrapped_key(der: &[u8]) -> Option<Private> {
    let outer = fields(der, Tag::Sequence)?;
    let [version, algorithm, key, ..] = outer.as_slice() else { return None };
    let tags = [version.tag(), algorithm.tag(), key.tag()];
    if tags != [Tag::Integer, Tag::Sequence, Tag::OctetString] {
        return None;
    }
    let (parameters, algorithm) = Any::from_der(algorithm.data).ok()?;
    let algorithm = oid(&algorithm)?;
    if algorithm == RSA {
        return rsa_key(key.data);
    }
    if algorithm == EC {
        let named = Any::from_der(parameters).ok().and_then(|(_, any)| oid(&any));
        return ec_key(key.data, named.as_ref());
    }
    if algorithm == ED25519 && parameters.is_empty() {
        let (_, seed) = Any::from_der(key.data).ok()?;
        let is_seed = seed.tag() == Tag::OctetString && seed.data.len() == 32;
        return is_seed.then(|| Private::Ed25519(seed.data.to_vec()));
    }
    None
}

/// Parses a SEC 1 key, whose curve may be named outside it.
fn ec_key(der: &[u8], named: Option<&Oid<'_>>) -> Option<Private> {
    let fields = fields(der, Tag::Sequence)?;
    let [version, scalar, optional @ ..] = fields.as_slice() else { return None };
    if small(version) != Some(1) || scalar.tag() != Tag::OctetString {
        return None;
    }
    let tagged = |tag: u32| {
        let field = optional
            .iter()
            .find(|field| field.class() == Class::ContextSpecific && field.tag() == Tag(tag))?;
        Any::from_der(field.data).ok().map(|(_, inner)| inner)
    };
    // Explicit parameters are not a name.
    let own = match tagged(0) {
        Some(inner) => Some(oid(&inner)?),
        None => None,
    };
    let curve = Curve::named(named.or(own.as_ref())?)?;
    let point = tagged(1).and_then(|bits| Some(bits.data.get(1..)?.to_vec()));
    let zeros = scalar.data.iter().take_while(|byte| **byte == 0).count();
    let scalar = scalar.data.get(zeros..)?;
    (scalar.len() <= curve.size()).then(|| Private::Ec(curve, scalar.to_vec(), point))
}

/// Returns whether the point belongs to the scalar. For curves that ring does not support, trusts the point in the key.
fn has_point(curve: Curve, scalar: &[u8], own: Option<&[u8]>, point: &[u8]) -> bool {
    let Some(algorithm) = curve.signing() else { return own.is_none_or(|own| own == point) };
    let mut padded = vec![0; curve.size().saturating_sub(scalar.len())];
    padded.extend_from_slice(scalar);
    let random = ring::rand::SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, &padded, point, &random).is_ok()
}
