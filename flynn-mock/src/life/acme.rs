//! Managed certificates: links to routes, and the authority that issues them.

use serde_json::{Value, json as value};

use crate::life::Engine;
use crate::store::{Certificate, CertificateStatus, ManagedCertificate, Route, Time};
use crate::wire::{Fail, key_pair};

const NOT_ENABLED: &str = "ACME/Let's Encrypt is not enabled. \
                           Run 'flynn-host acme configure' and 'flynn-host acme enable' first.";

/// The longest name that the database accepts.
const LONGEST_NAME: usize = 255;

/// The authority's answer to an order.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// A certificate with its key, both in PEM.
    Issued { cert: String, key: String },
    /// The reason of a refusal.
    Refused(String),
}

impl Engine {
    /// Returns the name of a route's managed certificate, if the server supports them.
    pub(crate) fn managed_name(&self, route: &Route) -> Result<Option<String>, Fail> {
        let name = route.managed_certificate_domain.clone().filter(|name| !name.is_empty());
        let Some(name) = name.filter(|_| self.dialect.managed_certificates) else {
            return Ok(None);
        };
        if !self.tables.acme.enabled {
            return Err(Fail::invalid(NOT_ENABLED));
        }
        if name.len() > LONGEST_NAME {
            return Err(Fail::database());
        }
        Ok((route.kind == "http" || self.dialect.users).then_some(name))
    }

    /// Links a route to the certificate of a name: its current one, an existing one of that name, or a new order.
    pub(crate) fn link_managed(&mut self, at: Time, route: &mut Route, name: &str) {
        let known = &self.tables.managed_certificates;
        let own = known.iter().position(|row| row.route_id == route.id);
        let named = known.iter().position(|row| row.domain == name);
        let certificate = match (own, named) {
            (Some(own), _) => known.get(own).cloned(),
            (None, Some(named)) => self.tables.managed_certificates.get_mut(named).map(|row| {
                row.route_id.clone_from(&route.id);
                row.updated_at = Some(at);
                row.clone()
            }),
            (None, None) => {
                let id = self.new_id("managed_certificate", &value!({ "domain": name }));
                let row = ManagedCertificate {
                    id,
                    domain: name.to_owned(),
                    route_id: route.id.clone(),
                    status: CertificateStatus::Pending,
                    created_at: Some(at),
                    updated_at: Some(at),
                    ..ManagedCertificate::default()
                };
                self.tables.managed_certificates.push(row.clone());
                Some(row)
            }
        };
        let Some(certificate) = certificate else { return };
        if own.is_none() && certificate.cert.is_empty() {
            self.event(at, "", "managed_certificate", &certificate.id, &certificate);
        }
        let stored = self.tables.certificates.iter();
        let stored = stored.filter(|_| !certificate.cert.is_empty());
        let stored = stored.rev().find(|row| row.cert == certificate.cert).cloned();
        route.certificate_id = stored.as_ref().map(|row| row.id.clone());
        route.certificate = stored;
    }

    /// Stores a worker's report on a managed certificate, and installs the certificate on its route.
    pub(crate) fn update_managed(
        &mut self,
        sent: ManagedCertificate,
    ) -> Result<ManagedCertificate, Fail> {
        let at = self.time();
        let mut rows = self.tables.managed_certificates.iter_mut();
        let row = rows.find(|row| row.id == sent.id).ok_or(Fail::NotFound)?;
        *row = ManagedCertificate {
            domain: row.domain.clone(),
            route_id: row.route_id.clone(),
            created_at: row.created_at,
            updated_at: Some(at),
            order_url: String::new(),
            errors: Vec::new(),
            ..sent.clone()
        };
        let issued = sent.status == CertificateStatus::Issued && !sent.cert.is_empty();
        if issued && !sent.route_id.is_empty() {
            let id = self.store_managed(at, &sent);
            let mut routes = self.tables.routes.iter_mut();
            let route = routes.find(|route| route.id == sent.route_id && !route.deleted);
            if let Some(route) = route {
                route.certificate_id = Some(id.clone());
                route.live_certificate = Some(id);
                let route = route.clone();
                let told = self.stored_route(&route);
                self.event(at, "", "route", &route.id, &told);
            }
        }
        let sent = ManagedCertificate { updated_at: Some(at), ..sent };
        self.event(at, "", "managed_certificate", &sent.id, &sent);
        Ok(sent)
    }

    /// Stores a managed certificate and returns the id that routes refer to.
    fn store_managed(&mut self, at: Time, managed: &ManagedCertificate) -> String {
        let known = self.tables.certificates.iter().find(|row| row.cert == managed.cert);
        if let Some(known) = known {
            return known.id.clone();
        }
        let id = self.new_id("certificate", &value!({ "cert": managed.cert }));
        self.given_time = None;
        self.use_up(&id);
        self.tables.certificates.push(Certificate {
            id: id.clone(),
            cert: managed.cert.clone(),
            key: managed.key.clone(),
            created_at: at,
            updated_at: at,
            ..Certificate::default()
        });
        id
    }

    /// Answers the order for a name as the authority. Returns `None` if there is no order.
    pub(crate) fn answer_order(&mut self, name: &str, verdict: Verdict) -> Option<()> {
        let mut rows = self.tables.managed_certificates.iter();
        let row = rows.find(|row| row.domain == name)?.clone();
        let told = match verdict {
            Verdict::Issued { cert, key } => ManagedCertificate {
                status: CertificateStatus::Issued,
                expires_at: key_pair::expires(&cert).map(Time::precise),
                cert,
                key,
                last_error: String::new(),
                last_error_at: None,
                ..row
            },
            // A certificate that was to be renewed is kept.
            Verdict::Refused(why) => ManagedCertificate {
                status: CertificateStatus::Failed,
                errors: vec![refusal(&why)],
                last_error: if self.dialect.users { why } else { String::new() },
                last_error_at: self.dialect.users.then(|| Time::new(self.now)),
                ..row
            },
        };
        self.update_managed(told).ok().map(|_| ())
    }
}

/// Returns an error in the authority's words.
fn refusal(why: &str) -> Value {
    value!({ "type": "urn:ietf:params:acme:error:unauthorized", "detail": why })
}
