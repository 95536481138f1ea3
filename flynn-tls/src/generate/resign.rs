//! Changes certificates of rcgen in ways that it does not support, and signs them again.

use rcgen::SigningKey;
use rustls_pki_types::CertificateDer;

use super::failed;
use super::key::bit_string;
use crate::der::{self, INTEGER, Reader, SEQUENCE};
use crate::error::{Error, ErrorKind};

/// The changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change<'a> {
    /// Another public key, as `SubjectPublicKeyInfo`.
    pub(super) public_key: Option<&'a [u8]>,
    /// X.509 v1: without version and extensions.
    pub(super) version_1: bool,
    /// Declares that it is signed with SHA-1. The signature still uses SHA-256, because ring does not sign with
    /// anything older.
    pub(super) claims_sha1: bool,
}

/// `ecdsa-with-SHA1`, and `sha1WithRSAEncryption` with its NULL.
const ECDSA_SHA1: &[u8] = &[0x30, 9, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
const RSA_SHA1: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0];

pub(super) fn resign(
    certificate: &CertificateDer<'_>,
    change: Change<'_>,
    signer: &impl SigningKey,
) -> Result<CertificateDer<'static>, Error> {
    let (tbs, algorithm) = rewrite(certificate, change)
        .ok_or_else(|| Error::new(ErrorKind::Generate, "the certificate cannot be taken apart"))?;
    let signature = signer.sign(&tbs).map_err(failed)?;
    Ok(der::tlv(SEQUENCE, &[&tbs, &algorithm, &bit_string(&signature)]).into())
}

/// Returns the signed part, and the algorithm that it names.
fn rewrite(certificate: &[u8], change: Change<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut tbs = Reader::new(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
    let version = tbs.value(0xa0)?.raw;
    let serial = tbs.value(INTEGER)?.raw;
    let algorithm = tbs.value(SEQUENCE)?.raw;
    let [issuer, validity, subject, key] =
        [tbs.any()?.raw, tbs.any()?.raw, tbs.any()?.raw, tbs.any()?.raw];
    let extensions = tbs.any().map_or(&[][..], |e| e.raw);

    let algorithm = match (change.claims_sha1, algorithm.len() > ECDSA_SHA1.len() + 3) {
        (false, _) => algorithm,
        (true, true) => RSA_SHA1,
        (true, false) => ECDSA_SHA1,
    };
    let key = change.public_key.unwrap_or(key);
    let (version, extensions) =
        if change.version_1 { (&[][..], &[][..]) } else { (version, extensions) };
    let parts = [version, serial, algorithm, issuer, validity, subject, key, extensions];
    Some((der::tlv(SEQUENCE, &parts), algorithm.to_vec()))
}
