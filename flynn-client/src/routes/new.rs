//! Creates routes.

use serde::{Deserialize, Serialize};

use super::{AppRoutes, Certificate, Route, RouteType, TlsMode, of_all, serves};
use crate::apps::AppHandle;
use crate::error::Error;
use crate::json::{is_default, is_false};
use crate::secret::Secret;
use crate::transport::{Deadline, Repeat, Request, Spec};

/// A new route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[must_use]
#[expect(clippy::struct_excessive_bools, reason = "as the wire has it")]
pub struct NewRoute {
    /// Kind.
    #[serde(rename = "type")]
    pub kind: RouteType,
    /// The service that it leads to. If empty, `<app>-web`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Domain of an HTTP route.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Port of a TCP route. If 0, the server picks one.
    #[serde(skip_serializing_if = "is_default")]
    pub port: u16,
    /// Path, a prefix.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Leads only to the leader of the service.
    pub leader: bool,
    /// Sends all requests of a visitor to the same job.
    #[serde(skip_serializing_if = "is_false")]
    pub sticky: bool,
    /// Lets a job finish its requests before it is stopped.
    #[serde(skip_serializing_if = "is_false")]
    pub drain_backends: bool,
    /// Uses one connection per request between router and job.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_keep_alives: bool,
    /// How the router treats TLS on a TCP route (the fork).
    #[serde(skip_serializing_if = "TlsMode::is_empty")]
    pub tls_mode: TlsMode,
    /// Domain of the managed certificate (the fork).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub managed_certificate_domain: String,
    /// Certificate and private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

impl NewRoute {
    /// Creates a route for this domain.
    pub fn http(domain: impl Into<String>) -> Self {
        Self {
            kind: RouteType::Http,
            domain: domain.into(),
            drain_backends: true,
            ..Self::default()
        }
    }

    /// Creates a route for a port. The server picks the port unless you set it with [`port`](Self::port).
    pub fn tcp() -> Self {
        Self { kind: RouteType::Tcp, drain_backends: true, ..Self::default() }
    }

    /// Sets the service; `<app>-web` by default. The server accepts a service that does not exist, and the route then
    /// answers 503.
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = service.into();
        self
    }

    /// Sets the port of a TCP route.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the path prefix. The domain needs a route for `/` first.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the certificate (PEM, leaf first) and the private key (PEM). The server checks that they belong together,
    /// but not the chain, the names or the dates.
    ///
    /// Both are sent unchanged. Go's PEM reader on the server does not accept a byte order mark, indentation or CR line
    /// ends, so pass canonical PEM: `Bundle::to_pem` and `PrivateKey::secret_pem` of the crate `flynn-tls` create it
    /// from any file.
    pub fn certificate(mut self, cert: impl Into<String>, key: impl Into<Secret>) -> Self {
        self.certificate =
            Some(Certificate { cert: cert.into(), key: key.into(), ..Certificate::default() });
        self
    }

    /// Makes the cluster obtain and renew a certificate for this domain by ACME (the fork). It takes precedence over
    /// [`certificate`](Self::certificate). ACME must be enabled: see [`Acme::enable`](crate::acme::Acme::enable).
    pub fn managed_certificate(mut self, domain: impl Into<String>) -> Self {
        self.managed_certificate_domain = domain.into();
        self
    }

    /// Leads the TLS connections to a TCP route that ask for this domain, and says what the router does with them (the
    /// fork). [`TlsMode::Terminate`] needs a [`certificate`](Self::certificate).
    pub fn tls(mut self, domain: impl Into<String>, mode: TlsMode) -> Self {
        self.domain = domain.into();
        self.tls_mode = mode;
        self
    }

    /// Sets whether all requests of a visitor go to the same job.
    pub fn sticky(mut self, sticky: bool) -> Self {
        self.sticky = sticky;
        self
    }

    /// Sets whether requests go only to the leader of the service.
    pub fn leader(mut self, leader: bool) -> Self {
        self.leader = leader;
        self
    }

    /// Sets whether a job finishes its requests before it is stopped; on by default. All routes of a service must have
    /// the same setting.
    pub fn drain_backends(mut self, drain: bool) -> Self {
        self.drain_backends = drain;
        self
    }

    /// Sets whether each request uses its own connection between the router and the job.
    pub fn disable_keep_alives(mut self, disable: bool) -> Self {
        self.disable_keep_alives = disable;
        self
    }
}
impl AppRoutes {
    /// Creates a route: `POST /apps/:a/routes`. For a path other than `/`, first checks that the domain has a route for
    /// `/`.
    ///
    /// Servers also answer "Duplicate route" if two routes with the same new certificate are created at the same time.
    /// If no app has such a route, the request is retried, at most three times.
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict) for a duplicate or a reserved port.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for a path whose domain has no route for `/`.
    /// - [`Validation`](crate::ErrorKind::Validation) for a certificate and key that do not belong together, or for a
    ///   service whose other routes drain differently.
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

/// The start of the controller's message for a conflict with another route, or with its certificate.
const DUPLICATE: &str = "Duplicate route";
/// The maximum number of attempts for a route that is not a duplicate.
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

    /// Returns whether a route of any app has the domain and path, or the port. False for a port that the server picks.
    /// If the routes cannot be read, trusts the server's answer.
    async fn is_duplicate(&self, deadline: Deadline) -> bool {
        let NewRoute { kind, domain, path, port, .. } = &self.route;
        let Ok(routes) = of_all(&self.app.client, deadline).await else { return true };
        routes.iter().any(|route| match kind {
            RouteType::Tcp => *port != 0 && route.kind == *kind && route.port == i32::from(*port),
            _ => serves(route, domain, path),
        })
    }

    /// Returns the app's name, which the default service needs. Looks it up if the app is named by id.
    async fn app_name(&self, deadline: Deadline) -> Result<String, Error> {
        if self.app.app.id().is_some() {
            Ok(self.app.get().within(deadline).await?.name)
        } else {
            Ok(self.app.app.to_string())
        }
    }

    /// Checks that there is a route for `/`. Without it, the server answers only "Invalid route".
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
