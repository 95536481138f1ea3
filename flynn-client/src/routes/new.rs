//! Making a route.

use std::time::Duration;

use serde::Serialize;

use super::{AppRoutes, Certificate, Route, RouteType, of_all, serves};
use crate::apps::AppHandle;
use crate::error::Error;
use crate::json::{is_default, is_false};
use crate::secret::Secret;
use crate::transport::{Deadline, Repeat, Request, Spec, operation};

/// A route to be made.
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
    /// A route of this domain.
    pub fn http(domain: impl Into<String>) -> Self {
        Self {
            kind: RouteType::Http,
            domain: domain.into(),
            drain_backends: true,
            ..Self::default()
        }
    }

    /// A route of a port that the server picks, unless [`port`](Self::port) says one.
    pub fn tcp() -> Self {
        Self { kind: RouteType::Tcp, drain_backends: true, ..Self::default() }
    }

    /// The service; `<app>-web` unless set. A wrong one is accepted, and answers 503.
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = service.into();
        self
    }

    /// The port, of TCP routes.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A prefix of paths; the domain needs a route of `/` first.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Certificate (PEM, leaf first) and private key (PEM). The server checks that they belong together, and
    /// neither chain nor names nor dates.
    ///
    /// Both are sent as they are. Go reads them on the server, and its PEM reader takes no byte order mark, no
    /// indentation and no CR line ends: pass canonical PEM, which `Bundle::to_pem` and `PrivateKey::secret_pem` of
    /// the crate `flynn-tls` write from any file.
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

    /// One visitor stays with one job.
    pub fn sticky(mut self, sticky: bool) -> Self {
        self.sticky = sticky;
        self
    }

    /// Only to the leader of the service.
    pub fn leader(mut self, leader: bool) -> Self {
        self.leader = leader;
        self
    }

    /// Jobs end only when their requests have; on unless set. All routes of a service must agree.
    pub fn drain_backends(mut self, drain: bool) -> Self {
        self.drain_backends = drain;
        self
    }

    /// One request a connection, between router and job.
    pub fn disable_keep_alives(mut self, disable: bool) -> Self {
        self.disable_keep_alives = disable;
        self
    }
}
impl AppRoutes {
    /// Makes a route: `POST /apps/:a/routes`. For a `path`, the domain's route of `/` is looked for first.
    pub fn create(&self, route: NewRoute) -> CreateRoute {
        CreateRoute { app: self.app.clone(), route, timeout: None }
    }
}

/// A route to be made; made by [`AppRoutes::create`].
///
/// Servers answer "Duplicate route" also when two routes bring the same new certificate at the same time. Where
/// no app has such a route, it is asked for again, three times at most.
///
/// # Errors
/// A conflict for a duplicate, or a reserved port; a validation error for a `path` whose domain has no route
/// of `/`, a certificate and key that do not belong together, or a service whose other routes drain
/// differently; not found, when there is no such app.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct CreateRoute {
    app: AppHandle,
    route: NewRoute,
    timeout: Option<Duration>,
}

/// The controller's words for a conflict with another route, or with another's certificate [seen].
const DUPLICATE: &str = "Duplicate route";
/// How often a route is asked for that is no duplicate.
const MOST_ATTEMPTS: u32 = 4;

impl CreateRoute {
    pub(crate) async fn run(mut self, deadline: Deadline) -> Result<Route, Error> {
        if self.route.kind == RouteType::Http && self.route.domain.is_empty() {
            return Err(Error::invalid_input("an http route needs a domain"));
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
            let retry = &self.app.client.transport().settings.retry;
            if attempts == MOST_ATTEMPTS
                || self.is_duplicate(deadline).await
                || !retry.pause(attempts, deadline).await
            {
                return Err(error);
            }
        }
    }

    async fn send(&self, deadline: Deadline) -> Result<Route, Error> {
        let spec = Spec::post("/apps/{app}/routes", [self.app.app.as_str()], Repeat::Never);
        Request::json(&self.app.client, spec.body(&self.route)).within(deadline).await
    }

    /// Whether a route of any app serves the domain and path, or the port. A port that the server picks is
    /// never taken. When this cannot be told, the server is believed.
    async fn is_duplicate(&self, deadline: Deadline) -> bool {
        let NewRoute { kind, domain, path, port, .. } = &self.route;
        let Ok(routes) = of_all(&self.app.client, deadline).await else { return true };
        routes.iter().any(|route| match kind {
            RouteType::Tcp => *port != 0 && route.kind == *kind && route.port == i32::from(*port),
            _ => serves(route, domain, path),
        })
    }

    /// The default service carries the app's name, so an id has to be looked up.
    async fn app_name(&self, deadline: Deadline) -> Result<String, Error> {
        if self.app.app.id().is_some() {
            Ok(self.app.get().within(deadline).await?.name)
        } else {
            Ok(self.app.app.to_string())
        }
    }

    /// Without a route of `/` the server says "Invalid route" and not why.
    async fn check_root(&self, deadline: Deadline) -> Result<(), Error> {
        let domain = &self.route.domain;
        let routes = of_all(&self.app.client, deadline).await?;
        if routes.iter().any(|route| serves(route, domain, "/")) {
            return Ok(());
        }
        Err(Error::invalid_input(format!(
            "{domain} has no route of /, which one of {} needs first",
            self.route.path
        )))
    }
}

operation!(CreateRoute => Route);
