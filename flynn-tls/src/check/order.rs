use super::{Case, Code, Report, Severity};

const SORT: &str = "put the leaf first, then each certificate's issuer (Bundle::ordered does)";

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    let certificates = case.bundle.certificates();
    for (i, certificate) in certificates.iter().enumerate() {
        let first = certificates.iter().position(|c| c == certificate).unwrap_or(i);
        if first < i {
            report.add(
                Code::Duplicate,
                Severity::Warning,
                i,
                format!("certificate {} is the same as {}", i + 1, first + 1),
                "leave it out",
            );
        } else if !case
            .path()
            .chain(case.spare())
            .any(|(at, c)| at == i || c.names_as_issuer(certificate))
        {
            report.add(
                Code::Unrelated,
                Severity::Warning,
                i,
                format!(
                    "certificate {} ({}) has no part in the chain of {}",
                    i + 1,
                    certificate.title(),
                    case.leaf.title()
                ),
                "leave it out",
            );
        }
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
