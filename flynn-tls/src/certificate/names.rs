use std::fmt;
use std::net::IpAddr;

use rustls_pki_types::DnsName;

use crate::text::shown;

/// The subject alternative names of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    pub(super) dns: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) others: Vec<String>,
}

impl Names {
    /// Returns the DNS names, including wildcards, as written in the certificate.
    pub fn dns(&self) -> &[String] {
        &self.dns
    }

    /// Returns the IP addresses.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Returns names that TLS clients ignore, such as mail addresses and URIs, prefixed with their
    /// kind.
    pub fn others(&self) -> &[String] {
        &self.others
    }

    /// Returns whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.addresses.is_empty() && self.others.is_empty()
    }

    /// Returns whether the certificate is valid for `host`.
    ///
    /// Case and a dot at the end of `host` do not matter. A wildcard stands for exactly one first
    /// label, so `*.example.com` covers neither `example.com` nor `a.b.example.com`. If `host` is a
    /// wildcard, only the same wildcard covers it. Write international names in their `xn--` form.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        // A wildcard does not match text that is not a label, such as `https://www`.
        if DnsName::try_from(host.strip_prefix("*.").unwrap_or(host)).is_err() {
            return false;
        }
        self.dns.iter().any(|name| matches(name, host))
    }

    /// Returns all names: DNS names, addresses, others.
    pub fn iter(&self) -> impl Iterator<Item = String> + '_ {
        let addresses = self.addresses.iter().map(ToString::to_string);
        self.dns.iter().cloned().chain(addresses).chain(self.others.iter().cloned())
    }
}

fn matches(name: &str, host: &str) -> bool {
    // A name that is not ASCII, or ends with a dot, is malformed: no client accepts it.
    if !name.is_ascii() || name.ends_with('.') {
        return false;
    }
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(parent), Some((label, rest))) = (name.strip_prefix("*."), host.split_once('.'))
    else {
        return false;
    };
    // No client accepts a wildcard directly below a top-level domain (`*.com`).
    parent.contains('.') && label != "*" && parent.eq_ignore_ascii_case(rest)
}

impl fmt::Display for Names {
    /// Writes the names separated by commas, with control characters escaped. `{}` writes at most 20
    /// names and the number of the others, `{:#}` writes all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 20;
        let all = self.dns.len() + self.addresses.len() + self.others.len();
        if all > MOST && !f.alternate() {
            for name in self.iter().take(MOST) {
                write!(f, "{}, ", shown(&name))?;
            }
            return write!(f, "and {} more", all - MOST);
        }
        for (i, name) in self.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, name.escape_debug())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label_and_not_for_its_apex() {
        let names = Names {
            dns: [
                "*.Example.com",
                "example.org",
                "*.com",
                "bücher.example",
                "dot.test.",
                "*.dot.test.",
            ]
            .map(Into::into)
            .into(),
            addresses: vec!["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            others: vec![],
        };
        for covered in [
            "www.example.com",
            "WWW.EXAMPLE.COM",
            "www.example.com.",
            "*.example.com",
            "example.org",
            "10.0.0.1",
            "::1",
            "[::1]",
            "0:0::1",
        ] {
            assert!(names.covers(covered), "{covered}");
        }
        for not in [
            "example.com",
            "a.b.example.com",
            ".example.com",
            "www.example.org",
            "*.example.org",
            "example.comx",
            "foo.com",
            "bücher.example",
            "10.0.0.2",
            "",
            ".",
            "https://www.example.com",
            "www\n.example.com",
            "a b.example.com",
            "*.*.example.com",
            "w*.example.com",
            "dot.test",
            "dot.test.",
            "dot.test..",
            "www.dot.test",
        ] {
            assert!(!names.covers(not), "{not}");
        }
    }
}
