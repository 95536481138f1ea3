//! Checks of the files: PEM that Go does not read, and the order of the certificates.

use std::collections::HashMap;

use super::{Code, Context, Report, Severity};
use crate::text::few;

const LEAVE_OUT: &str = "leave it out";
const SORT: &str = "put the leaf first, then the issuer of each (Bundle::ordered does this)";
const FILE: &str = "certificate file";

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    if context.bundle.holds_key() {
        report.warning(
            Code::KeyInBundle,
            FILE,
            "it contains a private key, which is copied wherever the file is copied",
            "keep the key in a separate file",
        );
    }
    if let Some((line, why)) = context.bundle.skipped_by_go() {
        let what = line.map_or_else(
            || "the certificate".to_owned(),
            |line| format!("the certificate at line {line}"),
        );
        not_canonical(FILE, &what, why, report);
    }
    if let Some(why) = context.key.and_then(super::super::key::PrivateKey::skipped_by_go) {
        not_canonical("key file", "the private key", why, report);
    }
    superfluous(context, report);
    order(context, report);
}

/// Reports PEM that Go does not read. Flynn's CLI sends a file unchanged, and the server parses it with Go.
fn not_canonical(subject: &str, what: &str, why: &str, report: &mut Report) {
    report.warning(
        Code::NotCanonicalPem,
        subject,
        format!("the flynn CLI and the router do not find {what} in the file: {why}"),
        "install it as canonical PEM (Bundle::to_pem, PrivateKey::secret_pem), which `openssl x509` \
         and `openssl pkey` write too",
    );
}

/// Reports certificates that occur twice or are not part of the chain.
fn superfluous(context: &Context<'_>, report: &mut Report) {
    let certificates = context.bundle.certificates();
    let (mut twice, mut unrelated, mut seen) = (Vec::new(), Vec::new(), HashMap::new());
    for (i, certificate) in certificates.iter().enumerate() {
        let first = *seen.entry(certificate.der()).or_insert(i);
        if first < i {
            twice.push(format!("certificate {} is the same as {}", i + 1, first + 1));
        } else if !context
            .path()
            .chain(context.spare())
            .any(|(at, c)| at == i || c.names_as_issuer(certificate))
        {
            unrelated.push(certificate.nth(i));
        }
    }
    if !twice.is_empty() {
        report.warning(Code::Duplicate, FILE, few(twice), LEAVE_OUT);
    }
    if !unrelated.is_empty() {
        let explanation = format!("not part of the leaf's chain: {}", few(unrelated));
        report.warning(Code::Unrelated, FILE, explanation, LEAVE_OUT);
    }
}

fn order(context: &Context<'_>, report: &mut Report) {
    let leaf = context.leaf_at();
    if leaf != 0 {
        let explanation = format!("the leaf is certificate {} instead of the first", leaf + 1);
        report.error(Code::WrongOrder, FILE, explanation, SORT);
    } else if !context.path.is_sorted() {
        let explanation = "the leaf is first, but the issuers are not in order";
        report.warning(Code::WrongOrder, FILE, explanation, SORT);
    }
    // A bundle with only a root is a self-signed leaf, which has its own finding.
    let above = context.path().skip(1).chain(context.spare());
    if let Some((i, root)) = above.last().filter(|(_, c)| c.is_self_issued()) {
        report.add(
            Code::RootIncluded,
            Severity::Notice,
            root.nth(i),
            "it is the root, and clients use their own copy",
            "leave it out, unless something reads the CA from this file",
        );
    }
}
