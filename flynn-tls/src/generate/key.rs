use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm};

use super::failed;
use crate::der::{self, BIT_STRING, INTEGER, OCTET_STRING, Reader, SEQUENCE};
use crate::error::{Error, ErrorKind};
use crate::key::public_bits;
use crate::{KeyKind, PrivateKey};

/// The object identifier of a curve that Go does not know.
pub(super) const SECP256K1: &str = "1.3.132.0.10";

/// A key to issue a certificate for. ring generates the common kinds. For each of the others there is one fixed,
/// published key.
pub(super) struct Key {
    /// PKCS#8.
    pub(super) der: Vec<u8>,
    /// `SubjectPublicKeyInfo`.
    pub(super) public: Vec<u8>,
}

impl Key {
    pub(super) fn make(kind: &KeyKind) -> Result<Self, Error> {
        let fixed = match kind {
            KeyKind::P256 => return Self::of_ring(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyKind::P384 => return Self::of_ring(&rcgen::PKCS_ECDSA_P384_SHA384),
            KeyKind::Ed25519 => return Self::of_ring(&rcgen::PKCS_ED25519),
            KeyKind::Rsa(1024) => include_str!("keys/rsa1024.pem"),
            KeyKind::Rsa(2048) => include_str!("keys/rsa2048.pem"),
            KeyKind::Rsa(3072) => include_str!("keys/rsa3072.pem"),
            KeyKind::Rsa(4096) => include_str!("keys/rsa4096.pem"),
            KeyKind::P521 => include_str!("keys/p521.pem"),
            KeyKind::Other(oid) if oid == SECP256K1 => include_str!("keys/secp256k1.pem"),
            other => {
                let message = format!("there is no test key of the kind {other}");
                return Err(Error::new(ErrorKind::Generate, message));
            }
        };
        Self::fixed(fixed)
    }

    /// Returns an RSA 2048 key with the exponent 3. It is valid, but ring refuses it.
    pub(super) fn with_exponent_3() -> Result<Self, Error> {
        Self::fixed(include_str!("keys/rsa2048_e3.pem"))
    }

    fn fixed(pem: &str) -> Result<Self, Error> {
        Self::of_pkcs8(PrivateKey::from_pem(pem)?.secret_der().secret_der())
    }

    fn of_ring(algorithm: &'static SignatureAlgorithm) -> Result<Self, Error> {
        let pair = KeyPair::generate_for(algorithm).map_err(failed)?;
        let der = if *algorithm == rcgen::PKCS_ED25519 {
            without_public(pair.serialized_der())
        } else {
            pair.serialize_der()
        };
        Ok(Self { der, public: pair.subject_public_key_info() })
    }

    /// Reads an existing key in PKCS#8.
    pub(super) fn of_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let public = match PrivateKey::from_der(der)?.public_key_info() {
            Some(public) => public,
            // Ed25519: only the seed is in the file.
            None => KeyPair::try_from(der).map_err(failed)?.subject_public_key_info(),
        };
        Ok(Self { der: der.to_vec(), public })
    }

    /// Returns the key for signing.
    pub(super) fn signer(&self) -> Result<KeyPair, Error> {
        KeyPair::try_from(self.der.as_slice()).map_err(|e| {
            Error::because(ErrorKind::Generate, "ring cannot sign with a key of this kind", e)
        })
    }

    /// Returns the public key for rcgen; `None` for a kind that rcgen does not support with ring.
    pub(super) fn as_subject(&self) -> Option<Subject<'_>> {
        let bits = public_bits(&self.public)?;
        [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ED25519,
            &rcgen::PKCS_RSA_SHA256,
        ]
        .into_iter()
        .map(|algorithm| Subject { algorithm, bits })
        .find(|subject| subject.subject_public_key_info() == self.public)
    }

    /// Combines the private key with the public part of `other`, like a damaged file.
    pub(super) fn with_public_part_of(mut self, other: &Self) -> Self {
        if let Some(mine) = public_bits(&self.public)
            && let Some(theirs) = public_bits(&other.public)
            && let Some(at) = self.der.windows(mine.len()).position(|w| w == mine)
            && let Some(place) = self.der.get_mut(at..at + mine.len())
            && place.len() == theirs.len()
        {
            place.copy_from_slice(theirs);
        }
        self
    }

    /// Removes the public part of an elliptic key, which is optional in the format.
    pub(super) fn without_public_part(mut self) -> Self {
        if let Some(bare) = rewrap(&self.der, bare_elliptic) {
            self.der = bare;
        }
        self
    }
}

/// A public key for a certificate.
pub(super) struct Subject<'a> {
    algorithm: &'static SignatureAlgorithm,
    bits: &'a [u8],
}

impl Subject<'static> {
    /// Returns a placeholder for a key that is inserted later.
    pub(super) fn placeholder() -> Self {
        Self { algorithm: &rcgen::PKCS_ECDSA_P256_SHA256, bits: &[0] }
    }
}

impl PublicKeyData for Subject<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

/// Converts to PKCS#8 version 1. ring writes version 2 with the public key in a form that OpenSSL 3.0 cannot read.
fn without_public(pkcs8: &[u8]) -> Vec<u8> {
    rewrap(pkcs8, |seed| Some(seed.to_vec())).unwrap_or_else(|| pkcs8.to_vec())
}

/// Reduces SEC1 to version and scalar.
fn bare_elliptic(sec1: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Reader::new(sec1).enter(SEQUENCE)?;
    let (version, scalar) = (parts.value(INTEGER)?, parts.value(OCTET_STRING)?);
    Some(der::tlv(SEQUENCE, &[version.raw, scalar.raw]))
}

/// Changes the inner key of PKCS#8 version 1.
fn rewrap(pkcs8: &[u8], change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut parts = Reader::new(pkcs8).enter(SEQUENCE)?;
    parts.value(INTEGER)?;
    let algorithm = parts.value(SEQUENCE)?;
    let inner = change(parts.value(OCTET_STRING)?.content)?;
    let version = der::tlv(INTEGER, &[&[0]]);
    Some(der::tlv(SEQUENCE, &[&version, algorithm.raw, &der::tlv(OCTET_STRING, &[&inner])]))
}

/// Returns the content of a bit string of whole bytes.
pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    der::tlv(BIT_STRING, &[&[0], bytes])
}
