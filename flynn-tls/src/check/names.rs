use std::net::IpAddr;

use rustls_pki_types::DnsName;

use super::{Case, Code, Report, Severity};
use crate::Names;

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
        return;
    }
    for wanted in &case.requirements.names {
        if names.covers(wanted) {
            continue;
        }
        let (code, explanation, remedy) = missing(names, wanted);
        report.add(code, Severity::Error, leaf, explanation, remedy);
    }
}

/// What to say of a name that is not covered.
fn missing(names: &Names, wanted: &str) -> (Code, String, &'static str) {
    let has = names.to_string();
    let shown = wanted.escape_debug();
    if !wanted.is_ascii() {
        return (
            Code::NameNotCovered,
            format!("{shown} is not covered: certificates hold international names as xn--"),
            "ask for the name in its xn-- form",
        );
    }
    if !is_host_name(wanted) {
        let what = if wanted.contains("://") { "a URL and no host name" } else { "no host name" };
        return (
            Code::NameNotCovered,
            format!("\"{shown}\" is {what}, so no certificate covers it"),
            "ask for a name such as www.example.com, without scheme, port and path",
        );
    }
    if wanted.starts_with("*.") {
        return (
            Code::WildcardNotCovered,
            format!("{shown} is not covered; the names are: {has}"),
            "request a certificate with the wildcard among its names",
        );
    }
    if names.covers(&format!("*.{wanted}")) {
        return (
            Code::ApexNotCovered,
            format!(
                "{shown} is not covered: the wildcard *.{shown} stands for one label below it, not for itself"
            ),
            "request a certificate that names the domain beside its wildcard",
        );
    }
    let explanation = match wildcard_above(names, wanted) {
        Some(wildcard) => format!(
            "{shown} is not covered: the wildcard {wildcard} stands for one label, not for several"
        ),
        None => format!("{shown} is not covered; the names are: {has}"),
    };
    (Code::NameNotCovered, explanation, "request a certificate with this name")
}

/// A name, a wildcard, or an address.
fn is_host_name(wanted: &str) -> bool {
    let bare = wanted.strip_prefix('[').and_then(|w| w.strip_suffix(']')).unwrap_or(wanted);
    bare.parse::<IpAddr>().is_ok()
        || DnsName::try_from(wanted.strip_prefix("*.").unwrap_or(wanted)).is_ok()
}

/// The wildcard whose domain a name lies deeper in than one label.
fn wildcard_above<'a>(names: &'a Names, wanted: &str) -> Option<&'a str> {
    let wanted = wanted.to_ascii_lowercase();
    names.dns().iter().map(String::as_str).find(|name| {
        let above = name.strip_prefix('*').filter(|above| above.starts_with('.'));
        above.is_some_and(|above| wanted.ends_with(&above.to_ascii_lowercase()))
    })
}
