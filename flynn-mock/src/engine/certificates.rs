//! Certificates of routes, and which one the router presents.

use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use super::Engine;
use super::routes::Route;
use super::wire::{Fail, Time, empty};

/// A certificate with its key, as routes carry it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Certificate {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) routes: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) cert: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) key: String,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
}

/// The types of the PEM sections of a text, in order.
fn sections(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .map(str::to_owned)
        .collect()
}

/// Checks that the certificate is one and that the key is its own, as Go's `tls.X509KeyPair` does.
fn check_pair(cert: &str, key: &str) -> Result<(), String> {
    let chain: Vec<CertificateDer<'_>> =
        CertificateDer::pem_slice_iter(cert.as_bytes()).filter_map(Result::ok).collect();
    if chain.is_empty() {
        let found = sections(cert);
        return Err(match found.first() {
            None => "tls: failed to find any PEM data in certificate input".to_owned(),
            Some(kind) if found.len() == 1 && kind.ends_with("PRIVATE KEY") => {
                "tls: failed to find certificate PEM data in certificate input, but did find a \
                 private key; PEM inputs may have been switched"
                    .to_owned()
            }
            Some(_) => format!(
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after \
                 skipping PEM blocks of the following types: [{}]",
                found.join(" ")
            ),
        });
    }
    let found = sections(key);
    if !found.iter().any(|kind| kind.ends_with("PRIVATE KEY")) {
        return Err(match found.first().map(String::as_str) {
            None => "tls: failed to find any PEM data in key input".to_owned(),
            Some("CERTIFICATE") if found.len() == 1 => {
                "tls: found a certificate rather than a key in the PEM for the private key"
                    .to_owned()
            }
            Some(_) => format!(
                "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input \
                 after skipping PEM blocks of the following types: [{}]",
                found.join(" ")
            ),
        });
    }
    let mismatch = || "tls: private key does not match public key".to_owned();
    let unreadable = || "tls: failed to parse private key".to_owned();
    let der = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| unreadable())?;
    let signer = any_supported_type(&der).map_err(|_| unreadable())?;
    match CertifiedKey::new(chain, signer).keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err(mismatch())
        }
        Err(rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding)) => {
            Err("asn1: structure error: tags don't match".to_owned())
        }
        // What rustls cannot judge, such as an odd version, Go does not look at either.
        _ => Ok(()),
    }
}

/// The certificate that a route came with, if any, as the server stores it.
pub(crate) fn given_certificate(route: &Route) -> Option<Certificate> {
    let legacy = !route.tls_cert.is_empty() || !route.tls_key.is_empty();
    let given = if legacy {
        Certificate {
            cert: route.tls_cert.clone(),
            key: route.tls_key.clone(),
            ..Certificate::default()
        }
    } else {
        route.certificate.clone()?
    };
    let trim = |text: &str| text.trim_matches([' ', '\n']).to_owned();
    let (cert, key) = (trim(&given.cert), trim(&given.key));
    let is_given = !given.cert.is_empty() || !given.key.is_empty();
    is_given.then_some(Certificate { cert, key, ..given })
}

impl Engine {
    /// Stores the certificate that a route came with, if any, and notes it on the route. `checked`
    /// is off for certificates that the cluster made itself.
    pub(crate) fn add_route_certificate(
        &mut self,
        route: &mut Route,
        checked: bool,
    ) -> Result<(), Fail> {
        let Some(given) = given_certificate(route) else { return Ok(()) };
        let (cert, key) = (given.cert.clone(), given.key.clone());
        if checked {
            check_pair(&cert, &key)
                .map_err(|reason| Fail::invalid(format!("Certificate invalid: {reason}")))?;
        }
        let known = self.state.certificates.iter().find(|c| c.cert == cert).cloned();
        let stored = if let Some(known) = known {
            known
        } else {
            let at = self.last;
            let id = self.ids.uuid();
            let new = Certificate { id, cert, key, created_at: at, updated_at: at, ..given };
            let new = Certificate { routes: Vec::new(), ..new };
            self.state.certificates.push(new.clone());
            new
        };
        route.certificate_id = Some(stored.id.clone());
        // The reply shows what was sent, under the id of what is stored.
        route.certificate = Some(stored);
        Ok(())
    }

    /// The certificate of a route, as the database has it.
    pub(crate) fn certificate_of(&self, route: &Route) -> Option<&Certificate> {
        let id = route.certificate_id.as_ref()?;
        self.state.certificates.iter().find(|c| c.id == *id)
    }

    /// The certificate and key that the router presents for this server name: the route's own,
    /// else its default. `None` when no route has the name.
    pub(crate) fn presented(&self, server_name: &str) -> Option<(String, String)> {
        let route = self.state.route_for(server_name, "/")?;
        let own = route.live_certificate.as_ref();
        let own = own.and_then(|id| self.state.certificates.iter().find(|c| c.id == *id));
        own.map(|c| (c.cert.clone(), c.key.clone())).or_else(|| self.default_certificate())
    }

    /// What the router presents where a route has no certificate: its own env.
    fn default_certificate(&self) -> Option<(String, String)> {
        let env = |name| self.state.env("router", "app", name).map(str::to_owned);
        Some((env("TLSCERT")?, env("TLSKEY")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_go_says() {
        let none = check_pair("x", "y").unwrap_err();
        assert_eq!(none, "tls: failed to find any PEM data in certificate input");
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
        assert!(check_pair(key, key).unwrap_err().contains("may have been switched"));
    }
}
