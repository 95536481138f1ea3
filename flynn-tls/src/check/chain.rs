use super::requirements::Trust;
use super::way::{Algorithms, Way};
use super::{Case, Code, Report, Severity, rules};
use crate::text::shown;

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
    let ways = &case.ways;
    let algorithms = provider.signature_verification_algorithms.all;
    let sound = ways.verified().is_some() || links(case, algorithms, report);
    self_signed(case, report);
    issuers(case, report);

    let arrives = |way: &Option<Way>| way.as_ref().map(|way| way.arrives(sound));
    let (public, given) = (arrives(&ways.public), arrives(&ways.given));
    let complete = [public, given].contains(&Some(true)) || ends_at_a_root(case);
    if !complete {
        incomplete(case, report);
    }
    rejected(case, sound, report);
    let title = case.leaf.title();
    let severity = match (&case.requirements.trust, public, given) {
        (Trust::Ca(_), _, Some(given)) => {
            if !given {
                report.add(
                    Code::NotFromCa,
                    Severity::Error,
                    None,
                    format!("{title} does not lead to the CA given"),
                    "use a certificate of that CA; if you have changed the CA yourself, give the new one",
                );
            }
            return;
        }
        // Without public roots nothing is known, and of half a chain nothing is said again.
        (_, None | Some(true), _) => return,
        (Trust::Public, _, _) => Severity::Error,
        _ if !complete => return,
        _ => Severity::Warning,
    };
    report.add(
        Code::NotPubliclyTrusted,
        severity,
        None,
        format!("{title} leads to no public root: browsers and git refuse it unless told its CA"),
        "use a certificate of a public CA; if you have installed this one yourself, give its pin or its CA to every client",
    );
}

/// What webpki rejects and no other finding explains.
fn rejected(case: &Case<'_>, sound: bool, report: &mut Report) {
    let ways = &case.ways;
    let wanted = ways.given.as_ref().or(ways.public.as_ref());
    // Where nothing leads to the roots asked for, the file is judged by itself.
    let judge = match wanted {
        Some(way) if way.arrives(sound) => wanted,
        _ if ways.verified().is_some() => None,
        _ => ways.own.as_ref().or(wanted),
    };
    let Some((rule, told)) = judge.and_then(Way::error).and_then(rules::broken) else { return };
    if !report.has(Code::ChainRejected) && !told.iter().any(|&code| report.has(code)) {
        reject(None, format!("the chain of {} has {rule}", case.leaf.title()), report);
    }
}

fn reject(certificate: Option<usize>, explanation: String, report: &mut Report) {
    report.add(
        Code::ChainRejected,
        Severity::Error,
        certificate,
        explanation,
        "ask the CA for a chain that clients accept",
    );
}

/// Verifies each signature of the path. False when one is bad.
fn links(case: &Case<'_>, algorithms: Algorithms<'_>, report: &mut Report) -> bool {
    let mut sound = true;
    for ((i, below), (_, above)) in case.path().zip(case.path().skip(1)) {
        // Such are told as weak, and nobody verifies them.
        let weak = below.signature().is_weak() || above.key().is_weak();
        let verdict = below.is_signed_by(above, algorithms);
        sound &= verdict != Some(false);
        match verdict {
            Some(false) if !weak => report.add(
                Code::BadSignature,
                Severity::Error,
                i,
                format!("{} is not signed by the {} of this file", below.title(), above.title()),
                "take the issuer's certificate from where this one came from",
            ),
            None if !weak => reject(
                Some(i),
                format!(
                    "{} is signed ({}) by the key of {} ({}), which this crypto \
                     provider cannot verify",
                    below.title(),
                    below.signature(),
                    above.title(),
                    above.key()
                ),
                report,
            ),
            _ => {}
        }
    }
    sound
}

/// Whether those that have issued others may do so. rustls does not look at the key usage, and a
/// root of the file is trusted for what it is.
fn issuers(case: &Case<'_>, report: &mut Report) {
    for (i, ca) in case.path().skip(1) {
        let title = ca.title();
        if !ca.may_sign_certificates() {
            reject(
                Some(i),
                format!(
                    "{title} has issued another, and its key usage leaves that out (keyCertSign)"
                ),
                report,
            );
        } else if !ca.is_ca() && ca.version() == 3 && !ca.is_self_issued() {
            reject(Some(i), format!("{title} has issued another, and is no CA"), report);
        }
    }
}

fn self_signed(case: &Case<'_>, report: &mut Report) {
    if case.leaf.is_self_issued() {
        report.add(
            Code::SelfSigned,
            Severity::Warning,
            case.leaf_at(),
            format!("{} is signed by itself, by no CA", case.leaf.title()),
            "use a certificate of a CA; if you have made this one yourself, pin it",
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
                shown(last.issuer())
            ),
            "append the intermediate certificates of the CA (often a file named chain or bundle)",
        );
    }
}
