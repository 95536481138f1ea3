//! A cluster's domain.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// A domain that can be a cluster's: lower case, at least two labels, no port, no wildcard, no final dot.
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
    /// [`ErrorKind::Domain`] with what is wrong.
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
            return refuse("leave out the wildcard, it is added to the plan");
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
}
