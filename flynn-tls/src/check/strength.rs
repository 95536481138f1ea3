use super::{Case, Code, Report, ServerAge, Severity};
use crate::text::few;
use crate::{Certificate, KeyKind};

const REQUEST: &str = "request a new certificate with a P-256 or RSA 2048 key";

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    for (i, certificate) in case.path() {
        key(i, certificate, case.requirements.oldest_server, report);
        weakness(i, certificate, report);
        strict(i, certificate, report);
        let is_root = i != case.leaf_at() && certificate.is_self_issued();
        if !is_root && !certificate.is_for_servers() {
            report.add(
                Code::NotForServers,
                Severity::Error,
                i,
                format!(
                    "{} is not for TLS servers: its extended key usage leaves them out",
                    certificate.title()
                ),
                "request one with the extended key usage serverAuth",
            );
        }
    }
    let leaf = case.leaf;
    let i = case.leaf_at();
    if !leaf.may_sign_handshakes() {
        report.add(
            Code::NoDigitalSignature,
            Severity::Error,
            i,
            format!(
                "the key usage of {} leaves out digitalSignature: browsers and git on GnuTLS refuse \
                 it, OpenSSL too where the key is elliptic",
                leaf.title()
            ),
            "request one with the key usage digitalSignature",
        );
    }
    if leaf.must_staple() {
        report.add(
            Code::MustStaple,
            Severity::Error,
            i,
            format!(
                "{} demands stapled OCSP answers, which Flynn's router never sends: Firefox and git \
                 on GnuTLS refuse it",
                leaf.title()
            ),
            "request one without OCSP must-staple (the TLS feature extension)",
        );
    }
    if leaf.is_ca() {
        report.add(
            Code::LeafIsCa,
            Severity::Warning,
            i,
            format!(
                "{} is a CA certificate, which strict clients refuse as a server's",
                leaf.title()
            ),
            "request one without the CA flag (basicConstraints=CA:FALSE)",
        );
    }
}

/// Reports what servers or clients cannot use of a key.
fn key(i: usize, certificate: &Certificate, oldest: ServerAge, report: &mut Report) {
    let title = certificate.title();
    let kind = certificate.key();
    let ed25519 = (*kind == KeyKind::Ed25519 && oldest == ServerAge::V2016)
        .then_some("a server built with Go before 1.13 cannot load it");
    if let Some(who) = kind.refused_by().or(ed25519) {
        let explanation = format!("the key of {title} is refused ({kind}): {who}");
        report.add(Code::KeyRefused, Severity::Error, i, explanation, REQUEST);
    } else if let Some(form) = certificate.odd_key() {
        let explanation = format!(
            "the key of {title} ({kind}) is refused: {form}, and Flynn's controller and router and \
             all clients written in Go cannot read it"
        );
        report.add(Code::KeyRefused, Severity::Error, i, explanation, REQUEST);
    } else if let Some(who) = match kind {
        KeyKind::P521 => Some("Chrome, and rustls on ring"),
        KeyKind::Ed25519 => Some("browsers, and servers built with Go before 1.13"),
        KeyKind::Rsa(8193..) => Some("rustls, and programs built with Go 1.21 or later"),
        _ => None,
    } {
        let explanation = format!("the key of {title} ({kind}) is unusual: {who}, cannot use it");
        report.add(Code::UnusualKey, Severity::Warning, i, explanation, REQUEST);
    }
    if kind.is_weak() {
        report.add(
            Code::WeakKey,
            Severity::Error,
            i,
            format!("the key of {title} ({kind}) is too short to be safe"),
            REQUEST,
        );
    }
}

fn strict(i: usize, certificate: &Certificate, report: &mut Report) {
    let breaches = certificate.breaches();
    if !breaches.is_empty() {
        report.add(
            Code::NotStrict,
            Severity::Warning,
            i,
            format!(
                "{} breaks RFC 5280, so strict clients such as Python 3.13 refuse it: {}",
                certificate.title(),
                breaches.join(", ")
            ),
            "have it issued again by a CA that keeps to RFC 5280, or tell those clients to be lenient",
        );
    }
}

/// What makes clients refuse a certificate wherever in the chain it stands.
fn weakness(i: usize, certificate: &Certificate, report: &mut Report) {
    let title = certificate.title();
    let unknown = certificate.unknown_critical_extensions();
    if !unknown.is_empty() {
        report.add(
            Code::UnknownCriticalExtension,
            Severity::Error,
            i,
            format!(
                "{title} has the critical extension {}, which not all clients know, and those \
                 refuse it",
                few(unknown)
            ),
            "request one without this extension, or with it not critical",
        );
    }
    // Of a root only its key counts: nobody looks at its signature or version.
    if certificate.is_self_issued() && certificate.is_ca() {
        return;
    }
    if certificate.signature().is_weak() {
        report.add(
            Code::WeakSignature,
            Severity::Error,
            i,
            format!("{title} is signed with {}, which is broken", certificate.signature()),
            "have it issued again: every CA signs with SHA-256 now",
        );
    }
    if certificate.version() != 3 {
        report.add(
            Code::OldVersion,
            Severity::Error,
            i,
            format!("{title} is X.509 v{}, which modern clients refuse", certificate.version()),
            "have it issued as X.509 v3, which can carry names",
        );
    }
}
