use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor};
use webpki::{EndEntityCert, KeyUsage};

use super::requirements::Trust;
use super::{Case, Code, Report, Severity};
use crate::{Roots, Time};

type Algorithms<'a> = &'a [&'a dyn SignatureVerificationAlgorithm];

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    let Some(provider) = &case.provider else {
        report.add(
            Code::Unchecked,
            Severity::Warning,
            None,
            "signatures and trust were not checked: no crypto provider".into(),
            "enable the feature `ring` or `aws-lc-rs`, or pass a provider",
        );
        return;
    };
    let algorithms = provider.signature_verification_algorithms.all;
    let sound = links(case, algorithms, report);
    self_signed(case, report);

    let public = Roots::public_anchors();
    let given = match &case.requirements.trust {
        Trust::Ca(roots) => roots.anchors(),
        _ => None,
    };
    let to_public = leads_to(case, algorithms, public.as_deref().map_or(&[], |r| &r.roots));
    let to_given = given.as_deref().map(|r| leads_to(case, algorithms, &r.roots));

    let leads = |r: &Result<(), webpki::Error>| r.is_ok();
    let anchored = leads(&to_public) || to_given.as_ref().is_some_and(leads);
    let complete = complete(case, anchored);
    if !complete {
        incomplete(case, report);
    }
    if let Some(e) = rejection(&to_public).or_else(|| to_given.as_ref().and_then(rejection)) {
        if sound {
            report.add(
                Code::ChainRejected,
                Severity::Error,
                None,
                format!("the chain of {} breaks a rule: {e}", case.leaf.title()),
                "ask the CA for a chain that clients accept",
            );
        }
    }
    match (&case.requirements.trust, to_given) {
        (Trust::Ca(_), Some(Err(_))) => report.add(
            Code::NotFromCa,
            Severity::Error,
            None,
            format!("{} does not lead to the CA given", case.leaf.title()),
            "use a certificate of that CA, or name the CA that issued this one",
        ),
        (Trust::Ca(_), _) => {}
        // Nothing about trust can be said of half a chain, unless it was asked for.
        (Trust::Any, _) if !complete => {}
        (trust, _) if to_public.is_err() && public.is_some() => report.add(
            Code::NotPubliclyTrusted,
            match trust {
                Trust::Public => Severity::Error,
                _ => Severity::Warning,
            },
            None,
            format!(
                "{} leads to no public root: browsers and git refuse it unless they are told its CA",
                case.leaf.title()
            ),
            "use a certificate of a public CA, or give its CA to every client (or its pin)",
        ),
        _ => {}
    }
}

/// Verifies each signature of the path. False when one is bad.
fn links(case: &Case<'_>, algorithms: Algorithms<'_>, report: &mut Report) -> bool {
    let mut sound = true;
    for ((i, below), (_, above)) in case.path().zip(case.path().skip(1)) {
        if below.is_signed_by(above, algorithms) == Some(false) {
            sound = false;
            report.add(
                Code::BadSignature,
                Severity::Error,
                i,
                format!("{} is not signed by the {} of this file", below.title(), above.title()),
                "take the issuer's certificate from where this one came from",
            );
        }
    }
    sound
}

fn self_signed(case: &Case<'_>, report: &mut Report) {
    if case.leaf.is_self_issued() {
        report.add(
            Code::SelfSigned,
            Severity::Warning,
            case.leaf_at(),
            format!("{} is signed by itself, by no CA", case.leaf.title()),
            "use a certificate of a CA, or pin this one",
        );
    }
}

/// A chain is complete when it leads to a known root, or to one that it brings itself.
fn complete(case: &Case<'_>, anchored: bool) -> bool {
    anchored || case.path().last().is_some_and(|(_, last)| last.is_self_issued())
}

fn incomplete(case: &Case<'_>, report: &mut Report) {
    if let Some((i, last)) = case.path().last() {
        report.add(
            Code::ChainIncomplete,
            Severity::Error,
            i,
            format!(
                "the chain ends at {}: the certificate of its issuer {} is missing",
                last.title(),
                last.issuer()
            ),
            "append the intermediate certificates of the CA (often a file named chain or bundle)",
        );
    }
}

fn leads_to(
    case: &Case<'_>,
    algorithms: Algorithms<'_>,
    anchors: &[TrustAnchor<'_>],
) -> Result<(), webpki::Error> {
    let leaf = EndEntityCert::try_from(case.leaf.der())?;
    let others: Vec<CertificateDer<'_>> =
        case.bundle.certificates().iter().map(|c| c.der().clone()).collect();
    let usage = KeyUsage::server_auth();
    leaf.verify_for_usage(algorithms, anchors, &others, moment(case).to_pki(), usage, None, None)
        .map(drop)
}

/// Now, or the nearest moment at which all certificates of the path are valid.
fn moment(case: &Case<'_>) -> Time {
    let from = case.path().map(|(_, c)| c.not_before()).max().unwrap_or(case.at);
    let to = case.path().map(|(_, c)| c.not_after()).min().unwrap_or(case.at);
    case.at.max(from).min(to)
}

/// A verdict that no other finding explains.
fn rejection(verdict: &Result<(), webpki::Error>) -> Option<&webpki::Error> {
    use webpki::Error as E;
    verdict.as_ref().err().filter(|e| {
        matches!(
            e,
            E::NameConstraintViolation
                | E::PathLenConstraintViolated
                | E::MaximumPathDepthExceeded
                | E::EndEntityUsedAsCa
                | E::MalformedNameConstraint
                | E::MalformedExtensions
                | E::UnsupportedNameType
        )
    })
}
