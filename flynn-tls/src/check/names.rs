use std::net::IpAddr;

use rustls_pki_types::DnsName;

use super::{Code, Context, Report};
use crate::text::{few, shown};
use crate::{Certificate, Names};

const REQUEST: &str = "request a certificate with this name";

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let leaf = context.leaf;
    let (names, subject) = (leaf.names(), leaf.nth(context.leaf_at()));
    if names.dns().is_empty() && names.addresses().is_empty() {
        report.error(
            Code::NoNames,
            subject,
            "it has no subject alternative names, and clients ignore the common name",
            "request a certificate with its names as subject alternative names",
        );
        return;
    }
    if names.dns().iter().any(String::is_empty) {
        report.error(
            Code::EmptyName,
            subject,
            "one of its DNS names is empty, so git with GnuTLS refuses it",
            "request a certificate without an empty name",
        );
    }
    for wanted in context.requirements.names.iter().filter(|wanted| !names.covers(wanted)) {
        let (code, explanation, remedy) = missing(leaf, wanted);
        let host = if wanted.is_empty() { "\"\"".to_owned() } else { shown(wanted) };
        report.error(code, host, explanation, remedy);
    }
}

/// Explains why a name is not covered.
fn missing(leaf: &Certificate, wanted: &str) -> (Code, String, &'static str) {
    let names = leaf.names();
    if !wanted.is_ascii() {
        return (
            Code::NameNotCovered,
            "it is not covered: certificates contain international names as xn--".to_owned(),
            "ask for the name in its xn-- form",
        );
    }
    if !is_host_name(wanted) {
        let what =
            if wanted.contains("://") { "a URL, not a host name" } else { "not a host name" };
        return (
            Code::NameNotCovered,
            format!("it is {what}, so no certificate covers it"),
            "ask for a name such as www.example.com, without scheme, port and path",
        );
    }
    if let Some(why) = nearly(leaf, wanted) {
        let code =
            if wanted.starts_with("*.") { Code::WildcardNotCovered } else { Code::NameNotCovered };
        return (code, format!("it is not covered: {why}"), REQUEST);
    }
    if wanted.starts_with("*.") {
        return (
            Code::WildcardNotCovered,
            format!("it is not covered; the names are: {}", few(names.iter())),
            "request a certificate with the wildcard among its names",
        );
    }
    if names.covers(&format!("*.{wanted}")) {
        return (
            Code::ApexNotCovered,
            "it is not covered: its wildcard stands for one label below it, not for itself"
                .to_owned(),
            "request a certificate that names the domain beside its wildcard",
        );
    }
    let explanation = match wildcard_above(names, wanted) {
        Some(wildcard) => format!(
            "it is not covered: the wildcard {} stands for one label, not for several",
            shown(wildcard)
        ),
        None => format!("it is not covered; the names are: {}", few(names.iter())),
    };
    (Code::NameNotCovered, explanation, REQUEST)
}

/// Explains why clients do not accept a name of the certificate that looks like the wanted one.
fn nearly(leaf: &Certificate, wanted: &str) -> Option<String> {
    let names = leaf.names();
    let wanted = wanted.trim_end_matches('.').to_ascii_lowercase();
    let bare = wanted.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    for dns in names.dns() {
        let name = dns.to_lowercase();
        let is_wanted = |name: &str| name == wanted || name == bare;
        let parsed = || name.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if address.is_some() && (is_wanted(&name) || parsed() == address) {
            return Some(
                "it is listed as a DNS name, and clients look for it as an IP address".into(),
            );
        }
        let bare_name = host_of(&name);
        if name != bare_name && is_wanted(bare_name) {
            let dns = shown(dns);
            return Some(format!(
                "it is listed as \"{dns}\", which no client takes for a host name"
            ));
        }
        let stands_for =
            |parent: &str| wanted.split_once('.').is_some_and(|(_, rest)| rest == parent);
        if let Some(parent) = name.strip_prefix("*.")
            && !parent.contains('.')
            && stands_for(parent)
        {
            let dns = shown(dns);
            return Some(format!("clients ignore {dns}, a wildcard for a whole top-level domain"));
        }
        if let Some((first, parent)) = name.split_once('.')
            && first.len() > 1
            && first.contains('*')
            && stands_for(parent)
        {
            let dns = shown(dns);
            return Some(format!("clients ignore {dns}: a wildcard must be the whole first label"));
        }
        if name.split('.').skip(1).any(|label| label == "*") && matches_labels(&name, &wanted) {
            let dns = shown(dns);
            return Some(format!("clients ignore {dns}: only the first label may be a wildcard"));
        }
    }
    let elsewhere = |other: &String| {
        other.to_lowercase().split_once(':').is_some_and(|(_, value)| host_of(value) == wanted)
    };
    if let Some(other) = names.others().iter().find(|other| elsewhere(other)) {
        let other = shown(other);
        return Some(format!("it is listed as {other}, and clients look at DNS names alone"));
    }
    let common_name = leaf.common_name().is_some_and(|name| name.eq_ignore_ascii_case(&wanted));
    common_name.then(|| {
        let names = few(names.iter());
        format!("it is the common name, which clients ignore; the names are: {names}")
    })
}

/// Extracts the host from a URL, a name with a port, or a name with blanks or dots around it.
fn host_of(name: &str) -> &str {
    let name = name.trim();
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    let name = name.split(['/', '?', '#']).next().unwrap_or(name);
    let name = match name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => name,
    };
    name.trim_matches('.')
}

fn matches_labels(pattern: &str, host: &str) -> bool {
    pattern.split('.').count() == host.split('.').count()
        && pattern.split('.').zip(host.split('.')).all(|(p, h)| p == "*" || p == h)
}

/// Returns whether the text is a name, a wildcard or an address.
fn is_host_name(wanted: &str) -> bool {
    let bare = wanted.strip_prefix('[').and_then(|w| w.strip_suffix(']')).unwrap_or(wanted);
    bare.parse::<IpAddr>().is_ok()
        || DnsName::try_from(wanted.strip_prefix("*.").unwrap_or(wanted)).is_ok()
}

/// Returns a wildcard whose domain contains the name, but more than one label deep.
fn wildcard_above<'a>(names: &'a Names, wanted: &str) -> Option<&'a str> {
    let wanted = wanted.to_ascii_lowercase();
    names.dns().iter().map(String::as_str).find(|name| {
        let above = name.strip_prefix('*').filter(|above| above.starts_with('.'));
        above.is_some_and(|above| wanted.ends_with(&above.to_ascii_lowercase()))
    })
}
