//! Checks of the chain: signatures, issuers, and the root it leads to.

use webpki::Error as E;

use super::path::{Algorithms, Outcome};
use super::requirements::Trust;
use super::{Code, Context, Report, Severity};
use crate::certificate::Signature;
use crate::der::{OID, Reader};
use crate::key::dotted;
use crate::text::shown;

const CHAIN: &str = "chain";

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let Some(provider) = &context.provider else {
        report.warning(
            Code::Unchecked,
            CHAIN,
            "signatures and trust were not checked, because there is no crypto provider",
            "enable the feature `ring` or `aws-lc-rs`, or pass a provider",
        );
        return;
    };
    let paths = &context.paths;
    let algorithms = provider.signature_verification_algorithms.all;
    let sound = paths.verified().is_some() || signatures(context, algorithms, report);
    issuers(context, report);

    let reaches_root =
        |to: &Option<Outcome>| to.as_ref().map(|outcome| outcome.reaches_root(sound));
    let (public, by_ca) = (reaches_root(&paths.public), reaches_root(&paths.required));
    let complete = [public, by_ca].contains(&Some(true)) || ends_at_a_root(context);
    if !complete {
        incomplete(context, report);
    }
    rejected(context, sound, report);
    let severity = match (&context.requirements.trust, public, by_ca) {
        (Trust::Ca(_), _, Some(reached)) => {
            if !reached {
                report.error(
                    Code::NotFromCa,
                    CHAIN,
                    "it does not lead to the required CA",
                    "use a certificate of that CA; name another CA only if you changed it yourself",
                );
            }
            return;
        }
        // Without public roots the result is unknown, and an incomplete chain is already reported.
        (_, None | Some(true), _) => return,
        (Trust::Public, _, _) => Severity::Error,
        _ if !complete => return,
        _ => Severity::Warning,
    };
    report.add(
        Code::NotPubliclyTrusted,
        severity,
        CHAIN,
        "it does not lead to a public root, so browsers and git refuse it unless they know its CA",
        "use a certificate of a public CA; give this pin or CA to clients only if you installed it \
         yourself",
    );
}

/// Reports a refusal by webpki that no other finding explains.
fn rejected(context: &Context<'_>, sound: bool, report: &mut Report) {
    let paths = &context.paths;
    let wanted = paths.required.as_ref().or(paths.public.as_ref());
    // If no path leads to the required roots, check the chain in the file by itself.
    let outcome = match wanted {
        Some(outcome) if outcome.reaches_root(sound) => wanted,
        _ if paths.verified().is_some() => None,
        _ => paths.own.as_ref().or(wanted),
    };
    let Some((rule, others)) = outcome.and_then(Outcome::error).and_then(broken_rule) else {
        return;
    };
    if !report.has(Code::ChainRejected) && !others.iter().any(|&code| report.has(code)) {
        reject(CHAIN.to_owned(), format!("clients refuse it: it has {rule}"), report);
    }
}

fn reject(subject: String, explanation: String, report: &mut Report) {
    let remedy = "ask the CA for a chain that clients accept";
    report.error(Code::ChainRejected, subject, explanation, remedy);
}

/// Verifies each signature of the path. Returns false if one is bad.
fn signatures(context: &Context<'_>, algorithms: Algorithms<'_>, report: &mut Report) -> bool {
    let mut sound = true;
    for ((i, below), (_, above)) in context.path().zip(context.path().skip(1)) {
        // Weak signatures have their own finding, and no client verifies them.
        let weak = below.signature().is_weak() || above.key().is_weak();
        let verdict = below.is_signed_by(above, algorithms);
        sound &= verdict != Some(false);
        match verdict {
            Some(false) if !weak => report.error(
                Code::BadSignature,
                below.nth(i),
                format!("it is not signed by the {} in this file", above.title()),
                "get the issuer's certificate from the source of this one",
            ),
            None if !weak => {
                let explanation = format!(
                    "its signature ({}) by the key of {} ({}) cannot be verified with this crypto \
                     provider",
                    below.signature(),
                    above.title(),
                    above.key()
                );
                reject(below.nth(i), explanation, report);
            }
            _ => {}
        }
    }
    sound
}

/// Reports issuers that are not allowed to issue. rustls does not check the key usage, and trusts roots as they are.
fn issuers(context: &Context<'_>, report: &mut Report) {
    for (i, ca) in context.path().skip(1) {
        if !ca.may_sign_certificates() {
            let explanation = "it issued another certificate, but its key usage lacks keyCertSign";
            reject(ca.nth(i), explanation.to_owned(), report);
        } else if !ca.is_ca() && ca.version() == 3 && !ca.is_self_issued() {
            reject(ca.nth(i), "it issued another certificate, but is not a CA".to_owned(), report);
        }
    }
}

/// Returns whether the chain ends with its own root, or directly below a root that servers do not send.
fn ends_at_a_root(context: &Context<'_>) -> bool {
    let last = context.path().last();
    last.is_some_and(|(_, last)| last.is_self_issued() || last.is_of_flynns_own_ca())
}

fn incomplete(context: &Context<'_>, report: &mut Report) {
    if let Some((_, last)) = context.path().last() {
        report.error(
            Code::ChainIncomplete,
            CHAIN,
            format!(
                "it ends at {}, and the certificate of its issuer {} is missing",
                last.title(),
                shown(last.issuer())
            ),
            "append the CA's intermediate certificates (often in a file named chain or bundle)",
        );
    }
}

/// Describes why webpki refuses a chain, and returns the codes of findings that say it better.
fn broken_rule(e: &E) -> Option<(String, &'static [Code])> {
    let (rule, others): (&str, &[Code]) = match e {
        // There is no path to a root, or not with this key.
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
        E::CaUsedAsEndEntity => ("a CA certificate for a server", &[Code::LeafIsCa]),
        E::EndEntityUsedAsCa => ("an issuer that is not a CA", &[Code::OldVersion]),
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            ("an extended key usage that excludes TLS servers", &[Code::NotForServers])
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
        E::NameConstraintViolation => ("a name that one of its CAs may not issue for", &[]),
        E::PathLenConstraintViolated => ("more CAs in a row than one of them allows", &[]),
        E::MaximumPathDepthExceeded => ("too many certificates in a row", &[]),
        E::MaximumNameConstraintComparisonsExceeded => ("too many name constraints", &[]),
        E::MalformedNameConstraint | E::InvalidNetworkMaskConstraint => {
            ("a malformed name constraint", &[])
        }
        E::MalformedExtensions | E::ExtensionValueInvalid => ("a malformed extension", &[]),
        E::InvalidSerialNumber => ("a malformed serial number", &[]),
        E::BadDerTime => ("a date that is malformed or before 1970", &[]),
        E::BadDer | E::TrailingData(_) => ("an encoding that is not DER", &[]),
        other => return Some((format!("a fault that rustls-webpki calls {other}"), &[])),
    };
    Some((rule.to_owned(), others))
}

/// Describes a signature whose algorithm or kind of key the crypto provider does not support.
fn unverifiable(algorithm: &[u8]) -> (String, &'static [Code]) {
    let oid = Reader::new(algorithm).value(OID).map(|oid| dotted(oid.content));
    let signature = Signature::new(oid.unwrap_or_default());
    let rule = format!("a signature ({signature}) that this crypto provider cannot verify");
    (rule, &[Code::WeakSignature, Code::WeakKey, Code::KeyRefused])
}
