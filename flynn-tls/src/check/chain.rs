use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor};
use webpki::{EndEntityCert, Error as E, KeyUsage};

use super::requirements::Trust;
use super::{Case, Code, Report, Severity};
use crate::der::{self, Reader, SEQUENCE};
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
    let given = match &case.requirements.trust {
        Trust::Ca(roots) => roots.anchors(),
        _ => None,
    };
    let mut proved = Vec::new();
    let [public, given] = [Roots::public_anchors(), given].map(|roots| {
        let roots = roots?;
        let verdict = leads_to(case, algorithms, &roots.roots, &mut proved);
        Some((roots, verdict))
    });
    let sound = links(case, algorithms, &proved, report);
    self_signed(case, report);

    let route =
        |(roots, verdict): (Arc<RootCertStore>, _)| Route::new(case, &roots.roots, verdict, sound);
    let (public, given) = (public.map(route), given.map(route));
    let routes = || public.iter().chain(&given);
    let complete = routes().any(|r| r.arrives) || ends_at_a_root(case);
    if !complete {
        incomplete(case, report);
    }
    if let Some(rule) = routes().find_map(Route::broken_rule) {
        report.add(
            Code::ChainRejected,
            Severity::Error,
            None,
            format!("the chain of {} breaks a rule: {rule}", case.leaf.title()),
            "ask the CA for a chain that clients accept",
        );
    }
    let title = case.leaf.title();
    let severity = match (&case.requirements.trust, public, given) {
        (Trust::Ca(_), _, Some(given)) => {
            if !given.arrives {
                report.add(
                    Code::NotFromCa,
                    Severity::Error,
                    None,
                    format!("{title} does not lead to the CA given"),
                    "use a certificate of that CA, or name the CA that issued this one",
                );
            }
            return;
        }
        // Without public roots nothing is known, and of half a chain nothing is said again.
        (_, None, _) => return,
        (_, Some(public), _) if public.arrives => return,
        (Trust::Public, _, _) => Severity::Error,
        _ if !complete => return,
        _ => Severity::Warning,
    };
    report.add(
        Code::NotPubliclyTrusted,
        severity,
        None,
        format!("{title} leads to no public root: browsers and git refuse it unless told its CA"),
        "use a certificate of a public CA, or give its pin or its CA (of a Flynn cluster: `GET /ca-cert`) to every client",
    );
}

/// The way from the leaf to one of several roots.
struct Route {
    /// A root is reached, by names and signatures.
    arrives: bool,
    verdict: Result<(), webpki::Error>,
}

/// A certificate (its DER), and the key (its `SubjectPublicKeyInfo`) that verified it.
#[derive(PartialEq, Eq)]
struct Link {
    certificate: Vec<u8>,
    issuer_key: Vec<u8>,
}

impl Route {
    fn new(
        case: &Case<'_>,
        anchors: &[TrustAnchor<'_>],
        verdict: Result<(), webpki::Error>,
        sound: bool,
    ) -> Self {
        let named = || {
            // Anchors hold names without their outermost tag.
            case.path().any(|(_, c)| {
                let issuer = Reader::new(c.raw_issuer()).value(SEQUENCE).map(|v| v.content);
                anchors.iter().any(|a| Some(a.subject.as_ref()) == issuer)
            })
        };
        let arrives = match &verdict {
            Ok(()) => true,
            // No root by that name, or one with another key; a signature that is bad further
            // down has been told already.
            Err(
                E::UnknownIssuer
                | E::InvalidSignatureForPublicKey
                | E::MaximumSignatureChecksExceeded
                | E::MaximumPathBuildCallsExceeded,
            ) => !sound && named(),
            // What webpki has against it is told by findings of their own.
            Err(_) => named(),
        };
        Self { arrives, verdict }
    }

    /// What webpki rejects and no other finding explains.
    fn broken_rule(&self) -> Option<&'static str> {
        Some(match self.verdict.as_ref().err()? {
            E::NameConstraintViolation => "a name that one of its CAs must not issue for",
            E::PathLenConstraintViolated => "more CAs in a row than one of them allows",
            E::MaximumPathDepthExceeded => "too many certificates in a row",
            E::EndEntityUsedAsCa => "a certificate that is no CA has issued another",
            E::MalformedNameConstraint | E::MalformedExtensions => "a malformed extension",
            _ => return None,
        })
    }
}

/// Verifies each signature of the path, but those that are `proved` already. False when one is
/// bad.
fn links(
    case: &Case<'_>,
    algorithms: Algorithms<'_>,
    proved: &[Link],
    report: &mut Report,
) -> bool {
    let mut sound = true;
    for ((i, below), (_, above)) in case.path().zip(case.path().skip(1)) {
        let link =
            Link { certificate: below.der().to_vec(), issuer_key: above.public_key().to_vec() };
        if proved.contains(&link) {
            continue;
        }
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

/// A chain may bring its own root, or end right below one that no server sends.
fn ends_at_a_root(case: &Case<'_>) -> bool {
    case.path().last().is_some_and(|(_, last)| last.is_self_issued() || last.is_of_flynns_own_ca())
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

/// Whether a way to one of the anchors can be verified; its links are then `proved`.
fn leads_to(
    case: &Case<'_>,
    algorithms: Algorithms<'_>,
    anchors: &[TrustAnchor<'_>],
    proved: &mut Vec<Link>,
) -> Result<(), webpki::Error> {
    let leaf = EndEntityCert::try_from(case.leaf.der())?;
    let others: Vec<CertificateDer<'_>> =
        case.bundle.certificates().iter().map(|c| c.der().clone()).collect();
    let usage = KeyUsage::server_auth();
    let at = moment(case).to_pki();
    let path = leaf.verify_for_usage(algorithms, anchors, &others, at, usage, None, None)?;

    let mut certificate = case.leaf.der().to_vec();
    for above in path.intermediate_certificates() {
        let issuer_key = above.subject_public_key_info().to_vec();
        proved.push(Link { certificate, issuer_key });
        certificate = above.der().to_vec();
    }
    // Anchors hold keys without their outermost tag.
    let issuer_key = der::tlv(SEQUENCE, &[&path.anchor().subject_public_key_info]);
    proved.push(Link { certificate, issuer_key });
    Ok(())
}

/// Now, or the nearest moment at which all certificates of the path are valid.
fn moment(case: &Case<'_>) -> Time {
    let from = case.path().map(|(_, c)| c.not_before()).max().unwrap_or(case.at);
    let to = case.path().map(|(_, c)| c.not_after()).min().unwrap_or(case.at);
    case.at.max(from).min(to)
}
