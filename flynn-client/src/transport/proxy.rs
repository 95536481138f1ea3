//! Proxies from the environment.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::error::{Error, ErrorKind};

/// The proxies of the environment, read as curl and Go (the language of Flynn's own CLI) do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    direct: Vec<Direct>,
}

/// An entry of `NO_PROXY`, with its port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Direct {
    to: To,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum To {
    All,
    Network(IpNet),
    /// The domain and the names below it.
    Domain(String),
}

impl Proxies {
    /// Reads the variables. The upper-case spelling takes precedence, as in Go. Variables that do not apply to `url`,
    /// the target of the client, are not checked.
    pub(crate) fn from_environment(url: &Url) -> Result<Self, Error> {
        Self::read(url, |name| std::env::var(name).ok())
    }

    fn read(url: &Url, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |upper: &str| {
            let names = [upper.to_owned(), upper.to_ascii_lowercase()];
            names.iter().find_map(|name| variable(name).filter(|text| !text.trim().is_empty()))
        };
        let direct = get("NO_PROXY").map(|list| no_proxy(&list)).unwrap_or_default();
        let without = Self { direct, ..Self::default() };
        if without.is_direct(url) {
            return Ok(without);
        }
        // In a CGI program, HTTP_PROXY is a request's `Proxy` header.
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let names = |own| if is_cgi { vec![] } else { vec![own, "ALL_PROXY"] };
        let first = |names: Vec<&str>, is_used: bool| {
            let Some((name, text)) = names.into_iter().find_map(|name| Some((name, get(name)?)))
            else {
                return Ok(None);
            };
            match proxy_url(&text, name) {
                Err(error) if is_used => Err(error),
                read => Ok(read.ok()),
            }
        };
        Ok(Self {
            http: first(names("HTTP_PROXY"), url.scheme() == "http")?,
            https: first(names("HTTPS_PROXY"), url.scheme() == "https")?,
            ..without
        })
    }

    /// Returns whether no URL has a proxy.
    pub(crate) fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// Returns the proxy for a URL, if there is one.
    pub(crate) fn on_the_way_to(&self, url: &Url) -> Option<Url> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        proxy.clone().filter(|_| !self.is_direct(url))
    }

    /// Returns whether the URL bypasses the proxy. As in Go, this machine always does.
    fn is_direct(&self, url: &Url) -> bool {
        let (name, address) = match url.host() {
            Some(Host::Domain(name)) => (name.trim_end_matches('.').to_ascii_lowercase(), None),
            Some(Host::Ipv4(address)) => (String::new(), Some(IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => (String::new(), Some(address.to_canonical())),
            None => return true,
        };
        if name == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        self.direct.iter().any(|direct| {
            let is_there = match (&direct.to, address) {
                (To::All, _) => true,
                (To::Network(network), Some(address)) => network.contains(&address),
                (To::Domain(domain), None) => name
                    .strip_suffix(domain.as_str())
                    .is_some_and(|front| front.is_empty() || front.ends_with('.')),
                _ => false,
            };
            is_there && direct.port.is_none_or(|port| url.port_or_known_default() == Some(port))
        })
    }
}

/// Parses a list of hosts that bypass the proxy, separated by commas or blanks: `*`, `10.0.0.0/8`, `192.0.2.1`,
/// `[::1]`, `example.com` and its spellings `.example.com` and `*.example.com`. All except `*` and networks can have a
/// `:port`. Other entries are skipped.
fn no_proxy(list: &str) -> Vec<Direct> {
    let entries = list.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
    entries.filter_map(entry).collect()
}

fn entry(entry: &str) -> Option<Direct> {
    if entry == "*" {
        return Some(Direct { to: To::All, port: None });
    }
    if let Ok(network) = entry.parse::<IpNet>() {
        return Some(Direct { to: To::Network(network), port: None });
    }
    let (host, port) = match entry.rsplit_once(':') {
        // An IPv6 address without brackets has no port.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, Some(port.parse().ok()?))
        }
        _ => (entry, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(Direct { to: To::Network(address.to_canonical().into()), port });
    }
    let name = host.strip_prefix("*.").or_else(|| host.strip_prefix('.')).unwrap_or(host);
    match Host::parse(name.trim_end_matches('.')).ok()? {
        Host::Domain(name) => Some(Direct { to: To::Domain(name), port }),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// Parses the URL of a proxy. Without a scheme it is an HTTP proxy, as for curl and Go. `from` names the source of the
/// text for errors, which do not quote the text because it can contain a password.
pub(crate) fn proxy_url(text: &str, from: &str) -> Result<Url, Error> {
    let text = text.trim();
    let url =
        if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    let error = |message| Error::new(ErrorKind::Config, message);
    let url = url.map_err(|cause| error(format!("{from} is not a URL")).caused_by(cause))?;
    if url.scheme() == "http" {
        return Ok(url);
    }
    Err(error(format!("{from} names a proxy other than http://, which is not supported")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_the_way(to: &str, variables: &[(&str, &str)]) -> Result<Option<String>, Error> {
        let to = Url::parse(to).unwrap();
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Ok(Proxies::read(&to, variable)?.on_the_way_to(&to).map(String::from))
    }

    #[test]
    fn what_no_proxy_names_is_connected_to_directly() {
        for (list, to, direct) in [
            ("*", "https://c.example.com", true),
            ("example.com", "https://c.example.com", true),
            ("example.com", "https://example.com", true),
            ("EXAMPLE.com.", "https://c.Example.COM.", true),
            (".example.com", "https://example.com", true),
            ("*.example.com", "https://c.example.com", true),
            ("xample.com", "https://c.example.com", false),
            ("c.example.com:443", "https://c.example.com", true),
            ("c.example.com:8443", "https://c.example.com", false),
            ("c.example.com:8443", "https://c.example.com:8443", true),
            ("bücher.example", "https://xn--bcher-kva.example", true),
            ("a.test, b.test\tc.test", "https://c.test", true),
            ("192.0.2.0/24", "https://192.0.2.9", true),
            ("192.0.2.9:443", "https://192.0.2.9", true),
            ("192.0.2.9:80", "https://192.0.2.9", false),
            ("192.0.2.1", "https://192.0.2.9", false),
            ("0.2.9", "https://192.0.2.9", false),
            ("[2001:db8::1]", "https://[2001:db8::1]", true),
            ("2001:db8::1", "https://[2001:db8::1]", true),
            ("[2001:db8::1]:443", "https://[2001:db8::1]", true),
            ("[2001:db8::1]:80", "https://[2001:db8::1]", false),
            ("2001:db8::/32", "https://[2001:db8::1]", true),
            ("192.0.2.1", "https://[::ffff:192.0.2.1]", true),
            ("", "https://localhost:8443", true),
            ("", "https://127.0.0.1", true),
            ("", "https://[::1]", true),
            ("", "https://c.example.com", false),
            ("a:b:c,[,:80,c.example.com:x", "https://c.example.com", false),
        ] {
            let variables = [("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", list)];
            let through = on_the_way(to, &variables).unwrap();
            assert_eq!(through.is_none(), direct, "{list:?} on the way to {to}");
        }
    }

    #[test]
    fn the_variable_goes_by_the_scheme() {
        let proxy = |to: &str, variables: &[(&str, &str)]| on_the_way(to, variables).unwrap();
        let (http, https) = ("http://c.example.com", "https://c.example.com");
        let both = [("http_proxy", "a:1"), ("HTTPS_PROXY", "b:2"), ("https_proxy", "c:3")];
        assert_eq!(proxy(http, &both).as_deref(), Some("http://a:1/"));
        assert_eq!(proxy(https, &both).as_deref(), Some("http://b:2/"));
        let all = [("HTTPS_PROXY", " "), ("ALL_PROXY", "http://me:pw@all:3128")];
        assert_eq!(proxy(https, &all).as_deref(), Some("http://me:pw@all:3128/"));
        assert_eq!(proxy(http, &[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil:1")]), None);
        assert_eq!(proxy(https, &[]), None);
    }

    #[test]
    fn a_proxy_that_would_be_used_and_cannot_be_is_an_error() {
        for value in
            ["https://me:s3cret@proxy", "socks5://me:s3cret@proxy", "http://me:s3cret@:99999"]
        {
            let error = on_the_way("https://c.example.com", &[("https_proxy", value)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains("HTTPS_PROXY"), "{error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
            for unused in ["http://c.example.com", "https://localhost"] {
                assert_eq!(on_the_way(unused, &[("HTTPS_PROXY", value)]).unwrap(), None);
            }
        }
    }
}
