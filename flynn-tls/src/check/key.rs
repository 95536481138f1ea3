use super::{Case, Code, Report, Severity};
use crate::Belongs;
use crate::key::RsaParts;

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    if case.bundle.holds_key() {
        report.add(
            Code::KeyInBundle,
            Severity::Warning,
            None,
            "the certificate's file holds a private key, which goes wherever the file does".into(),
            "keep the key in a file of its own",
        );
    }
    if let Some((line, why)) = case.bundle.skipped_by_go() {
        let what = match line {
            Some(line) => format!("the certificate at line {line}"),
            None => "the certificate".to_owned(),
        };
        not_canonical(&what, why, report);
    }
    let Some(key) = case.key else { return };
    if let Some(why) = key.skipped_by_go() {
        not_canonical("the private key", why, report);
    }
    let too_large = key.rsa().is_some_and(|rsa| !rsa.loads_in_go());
    if let Some(who) = key.kind().refused_by().or(too_large.then_some(
        "Flynn's controller and router (Go) load no public exponent of more than 31 bits",
    )) && !report.has(Code::KeyRefused)
    {
        report.add(
            Code::KeyRefused,
            Severity::Error,
            None,
            format!("the private key is refused ({}): {who}", key.kind()),
            "request a new certificate with a P-256 or RSA 2048 key",
        );
    } else if let Some(why) = key.rsa().filter(RsaParts::is_sound).and_then(|rsa| rsa.oddity())
        && case.provider.as_ref().is_some_and(|p| !key.is_usable_by(p))
    {
        report.add(
            Code::KeyUnusable,
            Severity::Warning,
            None,
            format!(
                "the private key ({}) is one that many TLS servers cannot use: {why}",
                key.kind()
            ),
            "request a new certificate with a P-256 key, or an RSA key as openssl makes it unless told otherwise",
        );
    }
    let belongs = case.provider.as_ref().map(|p| key.belongs_to(case.leaf, p));
    match belongs.unwrap_or(Belongs::Unknown) {
        Belongs::Yes => {}
        Belongs::No => report.add(
            Code::KeyMismatch,
            Severity::Error,
            case.leaf_at(),
            format!(
                "the private key ({}) is not the key of {} ({})",
                key.kind(),
                case.leaf.title(),
                case.leaf.key()
            ),
            "use the key that the certificate was requested with, or request a new certificate",
        ),
        Belongs::Damaged => report.add(
            Code::KeyDamaged,
            Severity::Error,
            None,
            format!("the private key ({}) is damaged: its parts do not fit together", key.kind()),
            "take the key from a backup, or request a new certificate",
        ),
        Belongs::Unknown => report.add(
            Code::KeyUnchecked,
            Severity::Warning,
            None,
            format!("whether the private key ({}) fits cannot be told", key.kind()),
            "compare `openssl pkey -pubout` with `openssl x509 -pubkey`",
        ),
    }
}

/// Flynn's CLI sends a file as it stands, and its router reads it with Go.
fn not_canonical(what: &str, why: &str, report: &mut Report) {
    report.add(
        Code::NotCanonicalPem,
        Severity::Warning,
        None,
        format!("the flynn CLI and the router do not find {what} in its file as it stands: {why}"),
        "install it as canonical PEM (Bundle::to_pem, PrivateKey::secret_pem), which `openssl x509` and `openssl pkey` write too",
    );
}
