use super::{Code, Context, Report};
use crate::KeyMatch;
use crate::key::RsaParts;

const KEY: &str = "private key";

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let Some(key) = context.key else { return };
    let kind = key.kind();
    let too_large = key.rsa().is_some_and(|rsa| !rsa.loads_in_go());
    let too_large = too_large.then_some(
        "Flynn's controller and router (Go) cannot load public exponents of more than 31 bits",
    );
    let refused = kind.refused_by().or(too_large);
    let usable = context.provider.as_ref().is_none_or(|p| key.is_usable_by(p));
    if let Some(who) = refused {
        // If the kinds are the same, the certificate's finding already says it.
        if too_large.is_some() || !report.has(Code::KeyRefused) {
            let remedy = "request a new certificate with a P-256 or RSA 2048 key";
            report.error(Code::KeyRefused, KEY, format!("it is {kind}: {who}"), remedy);
        }
    } else if let Some(why) = key.rsa().filter(RsaParts::is_sound).and_then(|rsa| rsa.oddity())
        && !usable
    {
        report.warning(
            Code::KeyUnusable,
            KEY,
            format!("many TLS servers cannot load it ({kind}): {why}"),
            "request a new certificate with a P-256 key, or an RSA key with OpenSSL's defaults",
        );
    }
    let (leaf, title) = (context.leaf, context.leaf.title());
    match context.provider.as_ref().map_or(KeyMatch::Unknown, |p| key.matches(leaf, p)) {
        KeyMatch::Yes => {}
        KeyMatch::No => report.error(
            Code::KeyMismatch,
            KEY,
            format!("it ({kind}) does not belong to {title} ({})", leaf.key()),
            "use the key that the certificate was requested with, or request a new certificate",
        ),
        KeyMatch::Damaged => report.error(
            Code::KeyDamaged,
            KEY,
            format!("it ({kind}) is damaged: its parts contradict each other"),
            "restore the key from a backup, or request a new certificate",
        ),
        KeyMatch::Unknown => report.warning(
            Code::KeyUnchecked,
            KEY,
            format!("it ({kind}) could not be compared with {title}"),
            "compare `openssl pkey -pubout` with `openssl x509 -pubkey`",
        ),
    }
}
