use super::{Case, Code, Report, Severity};
use crate::{Certificate, KeyKind};

const REQUEST: &str = "request a new certificate with a P-256 or RSA 2048 key";

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    for (i, certificate) in case.path() {
        weakness(i, certificate, report);
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

/// What makes clients refuse a certificate wherever in the chain it stands.
fn weakness(i: usize, certificate: &Certificate, report: &mut Report) {
    let title = certificate.title();
    if certificate.key().is_weak() {
        report.add(
            Code::WeakKey,
            Severity::Error,
            i,
            format!("the key of {title} ({}) is too short to be safe", certificate.key()),
            REQUEST,
        );
    }
    if matches!(certificate.key(), KeyKind::P521 | KeyKind::Ed25519 | KeyKind::Other(_)) {
        report.add(
            Code::UnusualKey,
            Severity::Warning,
            i,
            format!(
                "the key of {title} ({}) is one that browsers, or routers of 2016, cannot use",
                certificate.key()
            ),
            REQUEST,
        );
    }
    for oid in certificate.unknown_critical_extensions() {
        report.add(
            Code::UnknownCriticalExtension,
            Severity::Error,
            i,
            format!(
                "{title} has the critical extension {oid}, which not all clients know, and those \
                 refuse it"
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
