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
use std::future::{Future, IntoFuture as _};
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;

use crate::apps::App;
use crate::client::Client;
use crate::error::{BoxError, Error, ErrorKind, Pending};
use crate::ids::{AppId, RouteId};
use crate::routes::{Route, RouteType};
use crate::secret::Secret;
use crate::transport::{Deadline, operation};

const ROUTER: &str = "router";
const CERT: &str = "TLSCERT";
const KEY: &str = "TLSKEY";

/// The longest time until a new certificate is live.
const LIVE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);

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
        InstallCertificate { installation, only: None, default: None }
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

    /// Reads the cluster's certificates and plans the changes.
    ///
    /// Routes that already have the certificate are not in the plan: after an interruption, plan again to finish.
    /// Routes without a certificate of their own serve the router's default and are left alone, because a
    /// certificate cannot be removed from a route again; to give one to such a route, use
    /// [`AppRoutes::update`](crate::routes::AppRoutes::update). Managed certificates (the fork) are left alone too.
    pub fn plan(&self) -> PlanCertificate {
        PlanCertificate { install: self.clone(), timeout: None }
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
    timeout: Option<Duration>,
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
        let routes = deadline.limit(routes.into_future()).await?;
        let mut steps = Vec::new();
        let mut follows_default = None;
        for route in routes.into_iter().filter(|route| route.kind == RouteType::Http) {
            if !self.install.chooses(&route) || !route.managed_certificate_domain.is_empty() {
                continue;
            }
            let Some(old) = &route.certificate else {
                follows_default.get_or_insert(route.domain);
                continue;
            };
            if old.cert.trim() == cert.trim() {
                continue;
            }
            let owner =
                route.parent_ref.rsplit('/').next().and_then(|id| apps.get(&AppId::new(id)));
            let app = owner.map_or("controller", |app| app.name.as_str()).to_owned();
            let is_controller =
                app == "controller" || route.domain.eq_ignore_ascii_case(client.host());
            let old = (old.cert.clone(), old.key.clone());
            let place = Place::Route { id: route.id(), app, domain: route.domain.clone() };
            let order = if is_controller { Order::Controller } else { Order::Route };
            steps.push(Step { place, old: Some(old), order });
        }
        if self.replaces_default(deadline).await? {
            let env = deadline.limit(client.app(ROUTER).env().get().into_future()).await?;
            let (old, new) = (env.get(CERT), env.get(KEY));
            if old.is_none_or(|old| old.trim() != cert.trim())
                || new.is_none_or(|old| old.trim() != key.expose().trim())
            {
                let old = old.cloned().zip(new.map(Secret::from));
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
        let own = deadline.limit(client.domain().get().into_future()).await?;
        Ok(own.eq_ignore_ascii_case(domain))
    }
}

/// The order of the steps. It finds a fault of the certificate before the certificate reaches the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Route,
    RouterDefault,
    Controller,
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
    },
    /// As the router's default, in one release and one deployment of the app `router`.
    RouterDefault {
        /// A host that serves the default, if there is one under the domain.
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
            Self::Route { app, domain, .. } => write!(f, "route {domain} of {app}"),
            Self::RouterDefault { .. } => f.write_str("default certificate of the router"),
        }
    }
}

/// One change, with the old certificate and key to restore.
#[derive(Clone)]
struct Step {
    place: Place,
    old: Option<(String, Secret)>,
    order: Order,
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

    /// Installs the certificate step by step.
    ///
    /// `verify` answers [`Question`]s. [`IsTrusted`](Question::IsTrusted) comes first, and again before the
    /// controller's own route; [`IsLive`](Question::IsLive) after each change, repeatedly until the answer is true or
    /// [`live_within`](ApplyCertificate::live_within) has passed. If an answer is false or an error, or a request fails, the old certificates are restored in
    /// reverse order.
    pub fn apply<F, A>(self, verify: F) -> ApplyCertificate
    where
        F: Fn(Question) -> A + Send + Sync + 'static,
        A: Future<Output = Result<bool, BoxError>> + Send + 'static,
    {
        let verify: Arc<Verify> = Arc::new(move |question| Box::pin(verify(question)));
        ApplyCertificate { plan: self, verify, live_within: LIVE, timeout: None }
    }
}

impl fmt::Debug for CertificatePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps()).finish()
    }
}

type Verify = dyn Fn(Question) -> BoxFuture<'static, Result<bool, BoxError>> + Send + Sync;

/// A question of an installation to its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// Does this host present the new certificate?
    IsLive {
        /// The host, without a port.
        host: String,
    },
    /// Does the caller's client trust the new certificate? If it does not, it cannot reach the controller afterwards.
    IsTrusted,
}

/// Applies a plan; returned by [`CertificatePlan::apply`]. Awaiting it returns the changed places.
///
/// If it is dropped, the changes made so far stay. Plan again to finish.
///
/// # Errors
/// Fails with [`ErrorKind::Failed`] if the certificate does not become live or is not trusted. An error of the closure
/// is its [source](std::error::Error::source). Otherwise returns the errors of the requests. If the old certificates
/// could not be restored, [`Error::pending`] names the places that have the new one: plan again to finish, or install
/// the old certificate.
#[must_use = "nothing is sent until it is awaited"]
pub struct ApplyCertificate {
    plan: CertificatePlan,
    verify: Arc<Verify>,
    live_within: Duration,
    timeout: Option<Duration>,
}

operation!(ApplyCertificate => Vec<Place>);

impl fmt::Debug for ApplyCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplyCertificate").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// The time for restoring. It is separate, because the deadline may already have passed.
const RESTORE: Duration = Duration::from_secs(120);

impl ApplyCertificate {
    /// Sets the longest time until a host presents the new certificate. The default is 30 seconds.
    pub fn live_within(mut self, time: Duration) -> Self {
        self.live_within = time;
        self
    }

    async fn run(self, deadline: Deadline) -> Result<Vec<Place>, Error> {
        let steps = &self.plan.steps;
        if steps.iter().any(|step| step.order == Order::Controller) {
            self.trusted(deadline).await?;
        }
        for (at, step) in steps.iter().enumerate() {
            if let Err(error) = self.step(step, deadline).await {
                return Err(self.restore(steps.get(..=at).unwrap_or_default(), error).await);
            }
        }
        Ok(self.plan.steps.into_iter().map(|step| step.place).collect())
    }

    async fn step(&self, step: &Step, deadline: Deadline) -> Result<(), Error> {
        if step.order == Order::Controller {
            self.trusted(deadline).await?;
        }
        let Installation { cert, key, .. } = &self.plan.installation;
        self.put(&step.place, Some((cert, key)), deadline).await?;
        match step.place.host() {
            Some(host) => self.live(host, deadline).await,
            None => Ok(()),
        }
    }

    /// Writes a certificate and key and reads them back, because a reply does not prove that they are stored.
    async fn put(
        &self,
        place: &Place,
        pair: Option<(&String, &Secret)>,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let client = &self.plan.installation.client;
        match (place, pair) {
            (Place::Route { id, app, domain }, Some((cert, key))) => {
                let routes = client.app(app.as_str()).routes();
                let update = routes.update(id.clone()).certificate(cert.as_str(), key);
                deadline.limit(update.into_future()).await?;
                let stored = routes.get(id.clone()).within(deadline).await?.certificate;
                if stored.is_some_and(|stored| stored.cert.trim() == cert.trim()) {
                    return Ok(());
                }
                let message = format!("the certificate of the route {domain} was not stored");
                Err(Error::new(ErrorKind::Failed, message))
            }
            // A route in the plan always has an old certificate.
            (Place::Route { .. }, None) => Ok(()),
            (Place::RouterDefault { .. }, Some((cert, key))) => {
                let pair = [(CERT, cert.as_str()), (KEY, key.expose())];
                let router = client.app(ROUTER);
                deadline
                    .limit(router.env().set(pair).after_running().into_future())
                    .await
                    .map(|_| ())
            }
            (Place::RouterDefault { .. }, None) => {
                let router = client.app(ROUTER);
                deadline
                    .limit(router.env().unset([CERT, KEY]).after_running().into_future())
                    .await
                    .map(|_| ())
            }
        }
    }

    async fn trusted(&self, deadline: Deadline) -> Result<(), Error> {
        if self.ask(Question::IsTrusted, deadline).await? {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::Failed,
                "the caller does not trust the new certificate: add its pin to the client first",
            ))
        }
    }

    async fn live(&self, host: &str, deadline: Deadline) -> Result<(), Error> {
        let limit = deadline.at_most(self.live_within);
        loop {
            match self.ask(Question::IsLive { host: host.to_owned() }, limit).await {
                Ok(true) => return Ok(()),
                Err(error) if !error.is_timeout() || deadline.is_over() => return Err(error),
                _ => {}
            }
            if limit.remaining().is_none_or(|left| left <= PAUSE) {
                let message = format!("{host} does not present the new certificate");
                return Err(Error::new(ErrorKind::Failed, message));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, question: Question, deadline: Deadline) -> Result<bool, Error> {
        let what = match &question {
            Question::IsLive { host } => format!("cannot verify the certificate of {host}"),
            Question::IsTrusted => "cannot check whether the certificate is trusted".to_owned(),
        };
        let answer = async {
            let answer = (self.verify)(question).await;
            answer.map_err(|e| Error::new(ErrorKind::Failed, what).caused_by(e))
        };
        deadline.limit(answer).await
    }

    /// Restores the old certificates in reverse order, and adds the places that could not be restored to the error.
    async fn restore(&self, done: &[Step], error: Error) -> Error {
        let mut left = Vec::new();
        for step in done.iter().rev() {
            let deadline = Deadline::after(Some(RESTORE));
            let old = step.old.as_ref().map(|(cert, key)| (cert, key));
            if self.put(&step.place, old, deadline).await.is_err() {
                left.push(step.place.to_string());
            }
        }
        let domain = self.plan.installation.domain.clone();
        let unrestored =
            (!left.is_empty()).then_some(Pending::Certificate { domain, places: left });
        error.with_only_pending(unrestored)
    }
}

/// Removes the port, which the domain of a cluster can have.
fn without_port(domain: &str) -> &str {
    match domain.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => domain,
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
        assert_eq!(without_port("flynn.test:8443"), "flynn.test");
        assert_eq!(without_port("flynn.test"), "flynn.test");
    }
}
