//! A cluster's domain and the public addresses of its nodes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// A domain that a cluster can have: lower case, at least two labels, without port, wildcard or final dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Domain(String);

crate::names::text!(Domain);

impl Domain {
    /// Returns the domain as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = Error;

    /// Checks a domain, lower-cases it and removes a final dot.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Domain`]; the message says why.
    fn from_str(text: &str) -> Result<Self, Error> {
        let domain = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let refuse = |why: &str| {
            Err(Error::new(
                ErrorKind::Domain,
                format!("{text:?} cannot be a cluster's domain: {why}"),
            ))
        };
        if domain.is_empty() {
            return refuse("it is empty");
        }
        if domain.contains("://") || domain.contains('/') {
            return refuse("a URL is not a domain");
        }
        if !domain.is_ascii() {
            return refuse("write it in its xn-- form (IDNA)");
        }
        if domain.parse::<IpAddr>().is_ok() {
            return refuse("it is an IP address");
        }
        if domain.contains(':') {
            return refuse("it has a port, which DNS records cannot have");
        }
        if domain.starts_with("*.") {
            return refuse("leave out the wildcard; the plan adds it");
        }
        if domain.len() > 240 {
            return refuse("it is too long to leave room for controller.<domain>");
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !domain.split('.').all(label) {
            return refuse("its labels must be 1 to 63 letters, digits and inner hyphens");
        }
        if !domain.contains('.') {
            return refuse("it has only one label");
        }
        Ok(Self(domain))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The public address of a node.
///
/// An IPv4-mapped IPv6 address (`::ffff:203.0.113.1`) becomes the IPv4 address. Addresses that are reserved for
/// documentation are accepted, so that examples can use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct NodeAddress(IpAddr);

impl NodeAddress {
    /// Returns the address.
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl TryFrom<IpAddr> for NodeAddress {
    type Error = Error;

    /// Checks an address.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Address`] for an address that is not reachable from the internet: private, loopback,
    /// link-local, multicast, shared or reserved.
    fn try_from(ip: IpAddr) -> Result<Self, Error> {
        let ip = ip.to_canonical();
        match unreachable_from_outside(ip) {
            None => Ok(Self(ip)),
            Some(why) => Err(Error::new(
                ErrorKind::Address,
                format!("{ip} cannot be a node's public address: {why}"),
            )),
        }
    }
}

impl FromStr for NodeAddress {
    type Err = Error;

    /// Reads and checks an address.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Address`] if it is not a public IP address.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |_| Error::new(ErrorKind::Address, format!("{text:?} is not an IP address"));
        Self::try_from(text.parse::<IpAddr>().map_err(refuse)?)
    }
}

crate::names::text!(NodeAddress);

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Returns whether an address is reachable from the internet.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    unreachable_from_outside(ip.to_canonical()).is_none()
}

/// Returns why an address does not belong in public DNS. Route53's health checkers refuse such addresses too. The list
/// is from IANA's registry of special-purpose addresses; for IPv6, everything outside `2000::/3` is refused.
pub(super) fn unreachable_from_outside(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

fn special_v4(ip: Ipv4Addr) -> Option<&'static str> {
    Some(match ip.octets() {
        [0, ..] => "it is an unspecified address",
        [10, ..] | [172, 16..32, ..] | [192, 168, ..] => "it is a private address",
        [100, 64..128, ..] => "it is an address that a provider's customers share",
        [127, ..] => "it is a loopback address",
        [169, 254, ..] => "it is a link-local address",
        [224..240, ..] => "it is a multicast address",
        [192, 0, 0, _] | [198, 18..20, ..] | [240..=255, ..] => "it is a reserved address",
        _ => return None,
    })
}

fn special_v6(ip: Ipv6Addr) -> Option<&'static str> {
    Some(match ip.segments() {
        [0x2000..0x4000, ..] => return None,
        [0, 0, 0, 0, 0, 0, 0, 0] => "it is the unspecified address",
        [0, 0, 0, 0, 0, 0, 0, 1] => "it is the loopback address",
        [0xfc00..0xfe00, ..] => "it is a private address",
        [0xfe80..0xfec0, ..] => "it is a link-local address",
        [0xff00..=0xffff, ..] => "it is a multicast address",
        _ => "it is not one of the global unicast addresses, 2000::/3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_checked_and_folded() {
        assert_eq!("Example.COM.".parse::<Domain>().unwrap().as_str(), "example.com");
        assert!("a-1.b.example.com".parse::<Domain>().is_ok());
        for (bad, why) in [
            ("", "empty"),
            ("example.com:8443", "port"),
            ("*.example.com", "wildcard"),
            ("https://example.com", "URL"),
            ("münchen.de", "xn--"),
            ("localhost", "one label"),
            ("10.0.0.1", "IP"),
            ("::1", "IP"),
            ("a..b", "labels"),
            ("-a.b", "labels"),
            ("a_b.c", "labels"),
        ] {
            let error = bad.parse::<Domain>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Domain);
            assert!(error.to_string().contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn special_addresses_are_told_from_public_ones() {
        let why = |ip: &str| unreachable_from_outside(ip.parse::<IpAddr>().unwrap().to_canonical());
        for bad in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "0.1.2.3",
            "198.18.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::203.0.113.1",
            "64:ff9b::203.0.113.1",
            "ff02::1",
        ] {
            assert!(why(bad).is_some(), "{bad}");
        }
        for good in ["1.1.1.1", "100.63.0.1", "172.32.0.1", "198.20.0.1", "223.0.0.1", "3fff::1"] {
            assert_eq!(why(good), None, "{good}");
        }
    }
}
