use std::collections::HashMap;

use super::{Case, Code, Report, Severity};
use crate::text::few;

const LEAVE_OUT: &str = "leave it out";

const SORT: &str = "put the leaf first, then each certificate's issuer (Bundle::ordered does)";

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    let certificates = case.bundle.certificates();
    let (mut twice, mut unrelated, mut seen) = (Vec::new(), Vec::new(), HashMap::new());
    for (i, certificate) in certificates.iter().enumerate() {
        let first = *seen.entry(certificate.der()).or_insert(i);
        if first < i {
            twice.push((i, format!("certificate {} is the same as {}", i + 1, first + 1)));
        } else if !case
            .path()
            .chain(case.spare())
            .any(|(at, c)| at == i || c.names_as_issuer(certificate))
        {
            unrelated.push((i, format!("certificate {} ({})", i + 1, certificate.title())));
        }
    }
    if let Some((i, _)) = twice.first() {
        let explanation = few(twice.iter().map(|(_, what)| what));
        report.add(Code::Duplicate, Severity::Warning, *i, explanation, LEAVE_OUT);
    }
    if let Some((i, _)) = unrelated.first() {
        let which = few(unrelated.iter().map(|(_, what)| what));
        let explanation = format!("not part of the chain of {}: {which}", case.leaf.title());
        report.add(Code::Unrelated, Severity::Warning, *i, explanation, LEAVE_OUT);
    }
    if case.leaf_at() != 0 {
        report.add(
            Code::WrongOrder,
            Severity::Error,
            case.leaf_at(),
            format!(
                "the leaf is certificate {} of the file instead of the first",
                case.leaf_at() + 1
            ),
            SORT,
        );
    } else if !case.path.is_sorted() {
        report.add(
            Code::WrongOrder,
            Severity::Warning,
            None,
            "the leaf is first, but the issuers do not follow in order".into(),
            SORT,
        );
    }
    // A bundle of nothing but a root is a self-signed leaf, which has a finding of its own.
    let above = case.path().skip(1).chain(case.spare());
    if let Some((i, last)) = above.last().filter(|(_, c)| c.is_self_issued()) {
        report.add(
            Code::RootIncluded,
            Severity::Notice,
            i,
            format!("the root {} is part of the bundle: clients use their own copy", last.title()),
            "leave it out, unless somebody reads the CA from this file",
        );
    }
}
