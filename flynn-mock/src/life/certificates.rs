//! The certificates of routes, and the certificate that the router presents.

use serde_json::json as value;

use crate::life::Engine;
use crate::store::{Certificate, Release, Route};
use crate::wire::{Fail, key_pair};

/// Returns the certificate in the body of a route, if any, as the server stores it.
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
    /// Stores the certificate in the body of a route, if any, and links it to the route. `checked` is false for
    /// certificates that the cluster generated itself.
    pub(crate) fn add_route_certificate(
        &mut self,
        route: &mut Route,
        checked: bool,
    ) -> Result<(), Fail> {
        let Some(given) = given_certificate(route) else { return Ok(()) };
        let (cert, key) = (given.cert.clone(), given.key.clone());
        if checked {
            key_pair::check(self.dialect.ed25519, &cert, &key)
                .map_err(|reason| Fail::invalid(format!("Certificate invalid: {reason}")))?;
        }
        let known = self.tables.certificates.iter().find(|c| c.cert == cert).cloned();
        let stored = if let Some(known) = known {
            known
        } else {
            let at = self.last;
            let time = self.given_time.take();
            let id = self.new_id("certificate", &value!({ "cert": cert }));
            self.given_time = time;
            self.use_up(&id);
            let new = Certificate { id, cert, key, created_at: at, updated_at: at, ..given };
            let new = Certificate { routes: Vec::new(), ..new };
            self.tables.certificates.push(new.clone());
            new
        };
        route.certificate_id = Some(stored.id.clone());
        // The reply contains the sent certificate with the id of the stored one.
        route.certificate = Some(stored);
        Ok(())
    }

    /// Returns the stored certificate of a route.
    pub(crate) fn certificate_of(&self, route: &Route) -> Option<&Certificate> {
        let id = route.certificate_id.as_ref()?;
        self.tables.certificates.iter().find(|c| c.id == *id)
    }

    /// Returns the certificate and key that the router presents for this server name: the route's own, otherwise the
    /// default. `None` if no route has the name.
    pub(crate) fn presented(&self, server_name: &str) -> Option<(String, String)> {
        let route = self.tables.route_for(server_name, "/")?;
        let own = route.live_certificate.as_ref();
        let own = own.and_then(|id| self.tables.certificates.iter().find(|c| c.id == *id));
        own.map(|c| (c.cert.clone(), c.key.clone())).or_else(|| self.default_certificate())
    }

    /// Returns why a router of this release does not start: it cannot load its own certificate. Placeholder
    /// certificates of an engine without a generator are not checked.
    pub(crate) fn router_fault(&self, release: &Release, process: &str) -> Option<String> {
        let own = release.processes.get(process);
        let env = |name| own.and_then(|own| own.env.get(name)).or_else(|| release.env.get(name));
        let cert = env("TLSCERT").filter(|cert| !cert.is_empty());
        let cert = cert.filter(|_| self.options.certifier.is_some())?;
        let key = env("TLSKEY").map_or("", String::as_str);
        key_pair::check(self.dialect.ed25519, cert, key).err()
    }

    /// Returns the router's default certificate from its env.
    fn default_certificate(&self) -> Option<(String, String)> {
        let env = |name| self.tables.env("router", "app", name).map(str::to_owned);
        Some((env("TLSCERT")?, env("TLSKEY")?))
    }
}
