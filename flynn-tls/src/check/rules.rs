//! What webpki has against a chain, in words.

use webpki::Error as E;

use super::Code;
use crate::certificate::Signature;
use crate::der::{OID, Reader};
use crate::key::dotted;

/// The rule that is broken, and the codes of findings that tell it better.
pub(super) fn broken(e: &E) -> Option<(String, &'static [Code])> {
    let (rule, told): (&str, &[Code]) = match e {
        // No way to a root, or to none with this key: that is told as such.
        E::UnknownIssuer | E::InvalidSignatureForPublicKey => return None,
        E::MaximumSignatureChecksExceeded | E::MaximumPathBuildCallsExceeded => (
            "so many certificates that may have issued one another that clients give up",
            &[Code::BadSignature],
        ),
        E::CertExpired { .. } | E::CertNotValidYet { .. } | E::InvalidCertValidity => (
            "certificates that are never valid at the same time",
            &[Code::Expired, Code::NotYetValid],
        ),
        E::UnsupportedCertVersion => ("a certificate before X.509 v3", &[Code::OldVersion]),
        E::CaUsedAsEndEntity => ("a CA certificate for a server's", &[Code::LeafIsCa]),
        E::EndEntityUsedAsCa => {
            ("a certificate that is no CA and has issued another", &[Code::OldVersion])
        }
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            ("an extended key usage that leaves out TLS servers", &[Code::NotForServers])
        }
        E::UnsupportedCriticalExtension => {
            ("a critical extension that clients do not know", &[Code::UnknownCriticalExtension])
        }
        E::UnsupportedSignatureAlgorithmContext(context) => {
            return Some(unverifiable(&context.signature_algorithm_id));
        }
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(context) => {
            return Some(unverifiable(&context.signature_algorithm_id));
        }
        E::SignatureAlgorithmMismatch => ("a certificate that names two signature algorithms", &[]),
        E::NameConstraintViolation => ("a name that one of its CAs must not issue for", &[]),
        E::PathLenConstraintViolated => ("more CAs in a row than one of them allows", &[]),
        E::MaximumPathDepthExceeded => ("too many certificates in a row", &[]),
        E::MaximumNameConstraintComparisonsExceeded => ("too many name constraints", &[]),
        E::MalformedNameConstraint | E::InvalidNetworkMaskConstraint => {
            ("a malformed name constraint", &[])
        }
        E::MalformedExtensions | E::ExtensionValueInvalid => ("a malformed extension", &[]),
        E::InvalidSerialNumber => ("a malformed serial number", &[]),
        E::BadDerTime => ("a date that is malformed, or before 1970", &[]),
        E::BadDer | E::TrailingData(_) => ("an encoding that is not DER", &[]),
        other => return Some((format!("a fault that rustls-webpki calls {other}"), &[])),
    };
    Some((rule.to_owned(), told))
}

/// Of a signature by an algorithm, or with a kind of key, that the crypto provider lacks.
fn unverifiable(algorithm: &[u8]) -> (String, &'static [Code]) {
    let oid = Reader::new(algorithm).value(OID).map(|oid| dotted(oid.content));
    let signature = Signature::new(oid.unwrap_or_default());
    let rule = format!("a signature ({signature}) that this crypto provider cannot verify");
    (rule, &[Code::WeakSignature, Code::WeakKey])
}
