//! Checks of single certificates: dates, keys, and other reasons for clients to refuse them.

use super::{Code, Context, Report, ServerAge, Severity};
use crate::text::few;
use crate::{Certificate, KeyKind};

const RENEW: &str = "renew it and install the new one";
const REQUEST: &str = "request a new certificate with a P-256 or RSA 2048 key";

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let leaf_at = context.leaf_at();
    for (i, certificate) in context.path() {
        let subject = certificate.nth(i);
        validity(&subject, certificate, context, report);
        key(&subject, certificate, context.requirements.oldest_server, report);
        form(&subject, certificate, report);
        let is_root = i != leaf_at && certificate.is_self_issued();
        if !is_root && !certificate.is_for_servers() {
            report.error(
                Code::NotForServers,
                subject,
                "its extended key usage excludes TLS servers",
                "request one with the extended key usage serverAuth",
            );
        }
    }
    leaf(context.leaf, &context.leaf.nth(leaf_at), report);
    for (i, certificate) in context.spare().filter(|(_, c)| !c.is_valid_at(context.at)) {
        let expired = context.at > certificate.not_after();
        let (from, to) = (certificate.not_before(), certificate.not_after());
        report.warning(
            if expired { Code::Expired } else { Code::NotYetValid },
            certificate.nth(i),
            format!("it is valid from {from} to {to}, and clients do not need it"),
            "leave it out",
        );
    }
}

fn validity(subject: &str, certificate: &Certificate, context: &Context<'_>, report: &mut Report) {
    let (at, from, to) = (context.at, certificate.not_before(), certificate.not_after());
    let count = |days: i64| if days == 1 { "1 day".into() } else { format!("{days} days") };
    if at > to {
        let ago = count(at.days_since(to));
        let explanation = format!("it expired on {to}, {ago} before {at}");
        report.error(Code::Expired, subject, explanation, RENEW);
    } else if at < from {
        let explanation = format!("it is not valid before {from}, and the time is {at}");
        let remedy = "check the clock, or wait until it is valid";
        report.error(Code::NotYetValid, subject, explanation, remedy);
    } else if to.days_since(at) < i64::from(context.requirements.days) {
        let left = count(to.days_since(at));
        let explanation = format!("it expires in {left}, on {to}");
        report.warning(Code::ExpiresSoon, subject, explanation, RENEW);
    }
}

/// Reports servers and clients that cannot use the public key.
fn key(subject: &str, certificate: &Certificate, oldest: ServerAge, report: &mut Report) {
    let kind = certificate.key();
    let old_go = (*kind == KeyKind::Ed25519 && oldest == ServerAge::V2016)
        .then_some("a server built with Go before 1.13 cannot load it");
    let unusual = match kind {
        KeyKind::P521 => "Chrome and rustls on ring cannot",
        KeyKind::Ed25519 => "browsers and servers built with Go before 1.13 cannot",
        KeyKind::Rsa(8193..) => "rustls and programs built with Go 1.21 or later cannot",
        _ => "",
    };
    if let Some(who) = kind.refused_by().or(old_go) {
        report.error(Code::KeyRefused, subject, format!("its key is {kind}: {who}"), REQUEST);
    } else if let Some(form) = certificate.unreadable_by_go() {
        let explanation = format!(
            "its key is {kind}, but {form}: Flynn's controller and router and other programs in Go \
             cannot read it"
        );
        report.error(Code::KeyRefused, subject, explanation, REQUEST);
    } else if !unusual.is_empty() {
        let explanation = format!("its key is {kind}, which {unusual} use");
        report.warning(Code::UnusualKey, subject, explanation, REQUEST);
    }
    if kind.is_weak() {
        let explanation = format!("its key ({kind}) is too short to be safe");
        report.error(Code::WeakKey, subject, explanation, REQUEST);
    }
}

/// Reports properties that make clients refuse a certificate anywhere in the chain.
fn form(subject: &str, certificate: &Certificate, report: &mut Report) {
    let unknown = certificate.unknown_critical_extensions();
    if !unknown.is_empty() {
        let which = few(unknown);
        report.error(
            Code::UnknownCriticalExtension,
            subject,
            format!("clients that do not know its critical extension {which} refuse it"),
            "request one without this extension, or with it not critical",
        );
    }
    let breaches = certificate.breaches();
    if !breaches.is_empty() {
        let which = breaches.join(", ");
        report.warning(
            Code::NotStrict,
            subject,
            format!("strict clients such as Python 3.13 refuse it: {which} (RFC 5280)"),
            "have it issued again by a CA that follows RFC 5280, or make those clients lenient",
        );
    }
    // Clients do not check the signature and the version of a root.
    if certificate.is_self_issued() && certificate.is_ca() {
        return;
    }
    if certificate.signature().is_weak() {
        report.error(
            Code::WeakSignature,
            subject,
            format!("it is signed with {}, which is broken", certificate.signature()),
            "have it issued again: all CAs sign with SHA-256 today",
        );
    }
    if certificate.version() != 3 {
        report.error(
            Code::OldVersion,
            subject,
            format!("it is X.509 v{}, which modern clients refuse", certificate.version()),
            "have it issued as X.509 v3, which can hold names",
        );
    }
}

fn leaf(leaf: &Certificate, subject: &str, report: &mut Report) {
    if leaf.is_ca() {
        report.warning(
            Code::LeafIsCa,
            subject,
            "it is a CA certificate, which strict clients refuse for a server",
            "request one without the CA flag (basicConstraints=CA:FALSE)",
        );
    }
    if !leaf.may_sign_handshakes() {
        report.error(
            Code::NoDigitalSignature,
            subject,
            "its key usage lacks digitalSignature: browsers and git with GnuTLS refuse it, and \
             OpenSSL if the key is elliptic",
            "request one with the key usage digitalSignature",
        );
    }
    if leaf.must_staple() {
        report.error(
            Code::MustStaple,
            subject,
            "it requires stapled OCSP responses, which Flynn's router never sends: Firefox and git \
             with GnuTLS refuse it",
            "request one without OCSP must-staple (the TLS feature extension)",
        );
    }
    if leaf.is_self_issued() {
        report.add(
            Code::SelfSigned,
            Severity::Warning,
            subject,
            "it is signed with its own key, not by a CA",
            "use a certificate from a CA; pin this one only if you made it yourself",
        );
    }
}
