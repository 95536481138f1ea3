//! Making a route.

use serde::Serialize;

use super::{AppRoutes, Certificate, Route, RouteType, of_all, serves};
use crate::apps::AppHandle;
use crate::error::Error;
use crate::json::{is_default, is_false};
use crate::secret::Secret;
use crate::transport::{Deadline, Repeat, Request, Spec};

/// A new route.
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
#[expect(clippy::struct_excessive_bools, reason = "as the wire has it")]
pub struct NewRoute {
    #[serde(rename = "type")]
    kind: RouteType,
    #[serde(skip_serializing_if = "String::is_empty")]
    service: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    domain: String,
    #[serde(skip_serializing_if = "is_default")]
    port: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    path: String,
    leader: bool,
    #[serde(skip_serializing_if = "is_false")]
    sticky: bool,
    #[serde(skip_serializing_if = "is_false")]
    drain_backends: bool,
    #[serde(skip_serializing_if = "is_false")]
    disable_keep_alives: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    managed_certificate_domain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
}

impl NewRoute {
    /// A route for this domain.
    pub fn http(domain: impl Into<String>) -> Self {
        Self {
            kind: RouteType::Http,
            domain: domain.into(),
            drain_backends: true,
            ..Self::default()
        }
    }

    /// A route for a port, which the server picks unless you set [`port`](Self::port).
    pub fn tcp() -> Self {
        Self { kind: RouteType::Tcp, drain_backends: true, ..Self::default() }
    }

    /// Sets the service; `<app>-web` by default. The server accepts one that does not exist, and the route answers 503.
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = service.into();
        self
    }

    /// The port of a TCP route.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the path, a prefix; the domain needs a route for `/` first.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets certificate (PEM, leaf first) and private key (PEM). The server checks that they belong together, but not
    /// the chain, the names or the dates.
    ///
    /// Both are sent as they are. Go's PEM reader on the server accepts no byte order mark, no indentation and no CR
    /// line ends: pass canonical PEM, which `Bundle::to_pem` and `PrivateKey::secret_pem` of the crate `flynn-tls` write
    /// from any file.
    pub fn certificate(mut self, cert: impl Into<String>, key: impl Into<Secret>) -> Self {
        self.certificate =
            Some(Certificate { cert: cert.into(), key: key.into(), ..Certificate::default() });
        self
    }

    /// Has the cluster obtain a certificate for this domain by ACME and renew it (the fork). It wins over
    /// [`certificate`](Self::certificate). ACME must be enabled: see [`Acme::enable`](crate::acme::Acme::enable).
    pub fn managed_certificate(mut self, domain: impl Into<String>) -> Self {
        self.managed_certificate_domain = domain.into();
        self
    }

    /// Keeps each visitor with one job.
    pub fn sticky(mut self, sticky: bool) -> Self {
        self.sticky = sticky;
        self
    }

    /// Leads only to the leader of the service.
    pub fn leader(mut self, leader: bool) -> Self {
        self.leader = leader;
        self
    }

    /// Stops jobs only when their requests have ended; on by default. All routes of a service must agree.
    pub fn drain_backends(mut self, drain: bool) -> Self {
        self.drain_backends = drain;
        self
    }

    /// Uses one connection per request between router and job.
    pub fn disable_keep_alives(mut self, disable: bool) -> Self {
        self.disable_keep_alives = disable;
        self
    }
}
impl AppRoutes {
    /// Creates a route: `POST /apps/:a/routes`. With a path, the domain's route for `/` is looked for first.
    ///
    /// Servers also answer "Duplicate route" when two routes bring the same new certificate at the same time. When no
    /// app has such a route, the request is sent again, three times at most.
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict) for a duplicate or a reserved port.
    /// - [`Validation`](crate::ErrorKind::Validation) for a path whose domain has no route for `/`, for a certificate
    ///   and key that do not belong together, or for a service whose other routes drain differently.
    /// - [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn create(&self, route: NewRoute) -> Request<Route> {
        let create = CreateRoute { app: self.app.clone(), route };
        Request::steps("routes().create(..)", |deadline| create.run(deadline))
    }
}

struct CreateRoute {
    app: AppHandle,
    route: NewRoute,
}

/// How the controller's message begins for a conflict with another route, or with its certificate.
const DUPLICATE: &str = "Duplicate route";
/// How often a route that is not a duplicate is sent.
const MOST_ATTEMPTS: u32 = 4;

impl CreateRoute {
    async fn run(mut self, deadline: Deadline) -> Result<Route, Error> {
        if self.route.kind == RouteType::Http && self.route.domain.is_empty() {
            return Err(Error::invalid_input("an HTTP route needs a domain"));
        }
        if self.route.service.is_empty() {
            self.route.service = format!("{}-web", self.app_name(deadline).await?);
        }
        if !self.route.path.trim_matches('/').is_empty() {
            self.check_root(deadline).await?;
        }
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.send(deadline).await {
                Err(error) if error.message().starts_with(DUPLICATE) => error,
                answer => return answer,
            };
            if attempts == MOST_ATTEMPTS
                || self.is_duplicate(deadline).await
                || !deadline.retry(&self.app.client).pause(attempts, deadline).await
            {
                return Err(error);
            }
        }
    }

    async fn send(&self, deadline: Deadline) -> Result<Route, Error> {
        let spec = Spec::post("/apps/{app}/routes", [self.app.app.as_str()], Repeat::Never);
        Request::json(&self.app.client, spec.body(&self.route)).within(deadline).await
    }

    /// Returns whether a route of any app serves the domain and path, or the port. A port that the server picks is
    /// never taken. When the routes cannot be read, the server is believed.
    async fn is_duplicate(&self, deadline: Deadline) -> bool {
        let NewRoute { kind, domain, path, port, .. } = &self.route;
        let Ok(routes) = of_all(&self.app.client, deadline).await else { return true };
        routes.iter().any(|route| match kind {
            RouteType::Tcp => *port != 0 && route.kind == *kind && route.port == i32::from(*port),
            _ => serves(route, domain, path),
        })
    }

    /// The default service has the app's name, so an id has to be looked up.
    async fn app_name(&self, deadline: Deadline) -> Result<String, Error> {
        if self.app.app.id().is_some() {
            Ok(self.app.get().within(deadline).await?.name)
        } else {
            Ok(self.app.app.to_string())
        }
    }

    /// Without a route for `/` the server answers "Invalid route" and not why.
    async fn check_root(&self, deadline: Deadline) -> Result<(), Error> {
        let domain = &self.route.domain;
        let routes = of_all(&self.app.client, deadline).await?;
        if routes.iter().any(|route| serves(route, domain, "/")) {
            return Ok(());
        }
        Err(Error::invalid_input(format!(
            "create a route for `/` on {domain} before `{}`",
            self.route.path
        )))
    }
}
