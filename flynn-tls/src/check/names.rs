use super::{Case, Code, Report, Severity};

pub(super) fn check(case: &Case<'_>, report: &mut Report) {
    let names = case.leaf.names();
    let leaf = case.leaf_at();
    if names.dns().is_empty() && names.addresses().is_empty() {
        report.add(
            Code::NoNames,
            Severity::Error,
            leaf,
            format!(
                "{} has no subject alternative names, and clients ignore the common name",
                case.leaf.title()
            ),
            "request a certificate with its names as subject alternative names",
        );
    }
    for wanted in &case.requirements.names {
        if names.covers(wanted) {
            continue;
        }
        let has = if names.is_empty() { "none".to_owned() } else { names.to_string() };
        let (code, explanation, remedy) = if !wanted.is_ascii() {
            (
                Code::NameNotCovered,
                format!("{wanted} is not covered: certificates hold international names as xn--"),
                "ask for the name in its xn-- form",
            )
        } else if let Some(parent) = wanted.strip_prefix("*.") {
            (
                Code::WildcardNotCovered,
                format!("*.{parent} is not covered; the names are: {has}"),
                "request a certificate with the wildcard among its names",
            )
        } else if names.covers(&format!("*.{wanted}")) {
            (
                Code::ApexNotCovered,
                format!(
                    "{wanted} is not covered: the wildcard *.{wanted} stands for one label below it, not for itself"
                ),
                "request a certificate that names the domain beside its wildcard",
            )
        } else {
            (
                Code::NameNotCovered,
                format!("{wanted} is not covered; the names are: {has}"),
                "request a certificate with this name",
            )
        };
        report.add(code, Severity::Error, leaf, explanation, remedy);
    }
}
