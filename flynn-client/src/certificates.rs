//! Installs a certificate on all routes under a domain, and as the router's default.
//!
//! Each route of a Flynn cluster has its own copy of a certificate, including the routes of system apps. The
//! installation updates them one by one, verifies each with your closure, and restores the old certificates if
//! something fails. The controller's own route comes last.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! # let certificate = flynn.app("controller").routes().list().await?.remove(0).certificate.unwrap();
//! # let (chain_pem, key_pem) = (certificate.cert, certificate.key);
//! use flynn_client::certificates::Question;
//!
//! let plan = flynn.install_certificate("example.com", chain_pem, key_pem).plan().await?;
//! for step in plan.steps() {
//!     println!("{step}"); // "route controller.example.com of controller"
//! }
//! let installed = plan
//!     .apply(|question| async move {
//!         match question {
//!             // Connect to the host, for example with `flynn_tls::Probe`, and compare the pin.
//!             Question::IsLive { host } => Ok(!host.is_empty()),
//!             // Will your client trust the new certificate? Give it both pins before you start.
//!             Question::IsTrusted => Ok(true),
//!             _ => Ok(false),
//!         }
//!     })
//!     .await?;
//! println!("{} steps", installed.len());
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::apps::App;
use crate::client::Client;
use crate::error::Error;
use crate::ids::{AppId, RouteId};
use crate::routes::{Route, RouteType, without_port};
use crate::secret::Secret;
use crate::transport::{Deadline, Limits, operation};

mod apply;

pub use apply::{ApplyCertificate, Question};

const ROUTER: &str = "router";
const CERT: &str = "TLSCERT";
const KEY: &str = "TLSKEY";

impl Client {
    /// Prepares the installation of a certificate (PEM, leaf first) and its private key (PEM) on the routes under
    /// `domain`. Nothing is sent until the plan is awaited.
    ///
    /// The text is sent unchanged: pass [canonical PEM](crate::routes::NewRoute::certificate).
    pub fn install_certificate(
        &self,
        domain: impl Into<String>,
        cert: impl Into<String>,
        key: impl Into<Secret>,
    ) -> InstallCertificate {
        let domain = without_port(&domain.into()).to_owned();
        let (cert, key) = (cert.into(), key.into());
        let installation = Installation { client: self.clone(), domain, cert, key };
        InstallCertificate { installation, only: None, default: None, detach: false }
    }
}

/// The certificate and the choice of routes.
#[derive(Clone)]
struct Installation {
    client: Client,
    domain: String,
    cert: String,
    key: Secret,
}

type ChooseRoute = dyn Fn(&Route) -> bool + Send + Sync;

/// Settings of an installation; returned by [`Client::install_certificate`].
#[derive(Clone)]
#[must_use = "nothing is sent until its plan is awaited"]
pub struct InstallCertificate {
    installation: Installation,
    only: Option<Arc<ChooseRoute>>,
    default: Option<bool>,
    detach: bool,
}

impl InstallCertificate {
    /// Chooses the routes under the domain that get the certificate. By default, these are the domain itself and the
    /// names one label below it, which a wildcard certificate covers.
    pub fn only(mut self, choose: impl Fn(&Route) -> bool + Send + Sync + 'static) -> Self {
        self.only = Some(Arc::new(choose));
        self
    }

    /// Sets whether the router's default certificate (`TLSCERT` and `TLSKEY`) is replaced too. By default, it is
    /// replaced if the domain is the cluster's own.
    pub fn router_default(mut self, replace: bool) -> Self {
        self.default = Some(replace);
        self
    }

    /// Also replaces certificates that the cluster obtains by ACME (the fork), and ends their management.
    pub fn detach_managed(mut self, detach: bool) -> Self {
        self.detach = detach;
        self
    }

    /// Reads the cluster's certificates and plans the changes.
    ///
    /// Routes that already have the certificate are not in the plan: after an interruption, plan again to finish.
    /// Routes without a certificate present the router's default and are left alone, because a
    /// certificate cannot be removed from a route again; to give one to such a route, use
    /// [`AppRoutes::update`](crate::routes::AppRoutes::update). Managed certificates (the fork) are left alone too,
    /// unless [`detach_managed`](Self::detach_managed) is set.
    pub fn plan(&self) -> PlanCertificate {
        PlanCertificate { install: self.clone(), limits: Limits::default() }
    }

    fn chooses(&self, route: &Route) -> bool {
        match &self.only {
            Some(choose) => choose(route),
            None => is_at_most_one_label_below(&route.domain, &self.installation.domain),
        }
    }
}

impl fmt::Debug for InstallCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstallCertificate")
            .field("domain", &self.installation.domain)
            .finish_non_exhaustive()
    }
}

/// Reads the cluster and plans the installation; returned by [`InstallCertificate::plan`].
///
/// # Errors
/// Fails with [`InvalidInput`](crate::ErrorKind::InvalidInput) if the domain, the certificate or the key is empty.
/// Otherwise returns the errors of reading apps, routes and the router's release.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct PlanCertificate {
    install: InstallCertificate,
    limits: Limits,
}

operation!(PlanCertificate => CertificatePlan);

impl PlanCertificate {
    async fn run(self, deadline: Deadline) -> Result<CertificatePlan, Error> {
        let Installation { client, domain, cert, key } = &self.install.installation;
        if domain.is_empty() {
            return Err(Error::invalid_input("the domain is empty"));
        }
        if cert.trim().is_empty() || key.expose().trim().is_empty() {
            return Err(Error::invalid_input("the certificate or its key is empty"));
        }
        let apps = client.apps().list().within(deadline).await?;
        let apps: BTreeMap<AppId, App> =
            apps.into_iter().map(|app| (app.id.clone(), app)).collect();
        let routes = client.routes().list().under_domain(domain.as_str());
        let routes = routes.run(deadline).await?;
        let mut steps = Vec::new();
        let mut follows_default = None;
        for route in routes.into_iter().filter(|route| route.kind == RouteType::Http) {
            let is_managed = !route.managed_certificate_domain.is_empty();
            if !self.install.chooses(&route) || (is_managed && !self.install.detach) {
                continue;
            }
            let old = match (&route.certificate, is_managed) {
                (_, true) => Old::Managed(route.managed_certificate_domain.clone()),
                (Some(old), _) if old.cert.trim() == cert.trim() => continue,
                (Some(old), _) => Old::Pair(old.cert.clone(), old.key.clone()),
                (None, _) => {
                    follows_default.get_or_insert(route.domain);
                    continue;
                }
            };
            let Some(owner) = route.app_id() else { continue };
            let app = apps.get(&owner).map_or_else(|| owner.to_string(), |app| app.name.clone());
            let order = if route.domain.eq_ignore_ascii_case(client.host()) {
                Order::Connection
            } else if app == "controller" {
                Order::Controller
            } else {
                Order::Route
            };
            let id = route.id();
            let place = Place::Route { id, app, domain: route.domain, detaches: is_managed };
            steps.push(Step { place, old, order });
        }
        if self.replaces_default(deadline).await? {
            let env = client.app(ROUTER).env().get().within(deadline).await?;
            let (old, new) = (env.get(CERT), env.get(KEY));
            if old.is_none_or(|old| old.trim() != cert.trim())
                || new.is_none_or(|old| old.trim() != key.expose().trim())
            {
                let old = old.cloned().zip(new.map(Secret::from));
                let old = old.map_or(Old::None, |(cert, key)| Old::Pair(cert, key));
                let place = Place::RouterDefault { host: follows_default };
                steps.push(Step { place, old, order: Order::RouterDefault });
            }
        }
        steps.sort_by_key(|step| step.order);
        Ok(CertificatePlan { installation: self.install.installation, steps })
    }

    async fn replaces_default(&self, deadline: Deadline) -> Result<bool, Error> {
        if let Some(replace) = self.install.default {
            return Ok(replace);
        }
        let Installation { client, domain, .. } = &self.install.installation;
        let own = client.domain().get().within(deadline).await?;
        Ok(own.eq_ignore_ascii_case(domain))
    }
}

/// The order of the steps. It finds a fault of the certificate before the certificate reaches the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Route,
    RouterDefault,
    /// Another route of the controller, such as that of the fork's login.
    Controller,
    /// The route that the client itself uses.
    Connection,
}

/// The place where a certificate is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// On a route.
    Route {
        /// The route's id.
        id: RouteId,
        /// The name of the app that owns it.
        app: String,
        /// Its domain.
        domain: String,
        /// True if this ends the management of its certificate by ACME.
        detaches: bool,
    },
    /// The router's default certificate, set by one release and one deployment of the app `router`.
    RouterDefault {
        /// A host under the domain that presents the default certificate, if there is one.
        host: Option<String>,
    },
}

impl Place {
    /// Returns a host that presents this certificate.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Route { domain, .. } => Some(domain),
            Self::RouterDefault { host } => host.as_deref(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route { app, domain, detaches, .. } => {
                write!(f, "route {domain} of {app}")?;
                if *detaches {
                    f.write_str(", whose certificate is no longer managed")
                } else {
                    Ok(())
                }
            }
            Self::RouterDefault { .. } => f.write_str("default certificate of the router"),
        }
    }
}

/// One change, with what to restore.
#[derive(Clone)]
struct Step {
    place: Place,
    old: Old,
    order: Order,
}

/// The previous certificate of a place.
#[derive(Clone)]
enum Old {
    None,
    Pair(String, Secret),
    /// A certificate for this name that the cluster obtains by ACME.
    Managed(String),
}

/// A planned installation; returned by [`InstallCertificate::plan`].
#[derive(Clone)]
#[must_use = "nothing is changed until it is applied"]
pub struct CertificatePlan {
    installation: Installation,
    steps: Vec<Step>,
}

impl CertificatePlan {
    /// Returns the places to change, in order: routes, the router's default, the controller's route.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Place> {
        self.steps.iter().map(|step| &step.place)
    }

    /// Returns whether every place already has the certificate.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Debug for CertificatePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps()).finish()
    }
}

fn is_at_most_one_label_below(name: &str, domain: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let domain = domain.to_ascii_lowercase();
    let label = name.strip_suffix(&domain).and_then(|front| front.strip_suffix('.'));
    name == domain || label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label() {
        for (name, covered) in [
            ("example.com", true),
            ("WWW.example.com", true),
            ("a.b.example.com", false),
            ("xexample.com", false),
            (".example.com", false),
        ] {
            assert_eq!(is_at_most_one_label_below(name, "Example.com"), covered, "{name}");
        }
    }
}
