//! Changes routes without losing fields.

use http::Method;
use serde_json::{Map, Value, json};

use super::{AppRoutes, Route};
use crate::client::Client;
use crate::document::{self, Document};
use crate::error::{Error, ErrorKind};
use crate::ids::RouteId;
use crate::secret::Secret;
use crate::transport::{Deadline, Limits, Repeat, operation};

impl AppRoutes {
    /// Changes a route: reads it, sets the fields that you name, and writes everything back, including certificate,
    /// owner and unknown fields (`GET` and `PUT /apps/:a/routes/:type/:id`).
    ///
    /// The domain and `drain_backends` cannot be changed: create another route instead. A certificate can be replaced,
    /// but not removed.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the route does not exist; with
    /// [`Validation`](crate::ErrorKind::Validation) for a certificate and key that do not belong together; with
    /// [`Conflict`](crate::ErrorKind::Conflict) if you set the [`certificate`](UpdateRoute::certificate) of a route
    /// whose certificate is managed.
    pub fn update(&self, id: impl Into<RouteId>) -> UpdateRoute {
        UpdateRoute::new(&self.app.client, Some(self.clone()), id.into())
    }
}

/// Changes a route; returned by [`AppRoutes::update`] and [`RouteHandle::update`](super::RouteHandle::update).
#[derive(Clone)]
#[must_use = "nothing is sent until it is awaited"]
pub struct UpdateRoute {
    client: Client,
    /// The routes of the app; `None` until the app that owns the route is found.
    routes: Option<AppRoutes>,
    id: RouteId,
    changes: Vec<(&'static str, Value)>,
    fault: Option<&'static str>,
    limits: Limits,
}

impl std::fmt::Debug for UpdateRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.changes.iter().map(|(name, _)| name).collect();
        f.debug_struct("UpdateRoute")
            .field("id", &self.id)
            .field("changes", &names)
            .finish_non_exhaustive()
    }
}

impl UpdateRoute {
    pub(super) fn new(client: &Client, routes: Option<AppRoutes>, id: RouteId) -> Self {
        let (changes, fault, limits) = (Vec::new(), None, Limits::default());
        Self { client: client.clone(), routes, id, changes, fault, limits }
    }

    /// Replaces the certificate (PEM, leaf first) and the private key (PEM). Both must be
    /// [canonical PEM](super::NewRoute::certificate).
    pub fn certificate(mut self, cert: impl Into<String>, key: impl Into<Secret>) -> Self {
        let (cert, key) = (cert.into(), key.into());
        if cert.trim().is_empty() || key.expose().trim().is_empty() {
            // The server would keep the old certificate, but answer as if there were none.
            self.fault = Some("the certificate or its key is empty");
        }
        self.set("certificate", json!({ "cert": cert, "key": key.expose() }))
    }

    /// Makes the cluster obtain and renew a certificate for this domain by ACME (the fork). The route's certificate is
    /// removed at once: until the new one is issued, the router uses its default certificate.
    pub fn managed_certificate(self, domain: impl Into<String>) -> Self {
        self.set(MANAGED, domain.into())
    }

    /// Ends the management of the route's certificate (the fork). The route keeps its certificate, unless you also set
    /// [`certificate`](Self::certificate).
    pub fn detach_managed_certificate(self) -> Self {
        self.set(MANAGED, Value::Null)
    }

    /// Sets the service.
    pub fn service(mut self, service: impl Into<String>) -> Self {
        let service = service.into();
        if service.is_empty() {
            self.fault = Some("the service is empty");
        }
        self.set("service", service)
    }

    /// Sets whether all requests of a visitor go to the same job.
    pub fn sticky(self, sticky: bool) -> Self {
        self.set("sticky", sticky)
    }

    /// Sets whether requests go only to the leader of the service.
    pub fn leader(self, leader: bool) -> Self {
        self.set("leader", leader)
    }

    /// Sets the path.
    pub fn path(self, path: impl Into<String>) -> Self {
        self.set("path", path.into())
    }

    /// Sets the port of a TCP route; servers of 2016 cannot change it.
    pub fn port(self, port: u16) -> Self {
        self.set("port", port)
    }

    /// Sets whether each request uses its own connection between the router and the job.
    pub fn disable_keep_alives(self, disable: bool) -> Self {
        self.set("disable_keep_alives", disable)
    }

    fn set(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.changes.push((name, value.into()));
        self
    }

    pub(crate) async fn run(self, deadline: Deadline) -> Result<Route, Error> {
        if let Some(fault) = self.fault {
            return Err(Error::invalid_input(fault));
        }
        let Self { client, routes, id, changes, .. } = self;
        let routes = match routes {
            Some(routes) => routes,
            None => client.route(&id).siblings(deadline).await?,
        };
        let read = routes.read(&id);
        let write = routes.one(Method::PUT, Repeat::Router, &id);
        let changes_field = |name| changes.iter().any(|(changed, _)| *changed == name);
        let own_certificate = changes_field("certificate") && !changes_field(MANAGED);
        let change = |route: &mut Document| {
            if is_managed(route) && own_certificate {
                // The server would silently ignore the certificate.
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "the route's certificate is managed by ACME; call `detach_managed_certificate()` too to set your own",
                ));
            }
            for (name, value) in changes {
                if value.is_null() {
                    route.remove(name);
                } else {
                    route.insert(name.to_owned(), value);
                }
            }
            // v2016 reads these from the body, later servers from the URL.
            let (kind, uuid) = id.as_str().split_once('/').unwrap_or_default();
            route.insert("type".to_owned(), kind.into());
            route.insert("id".to_owned(), uuid.into());
            Ok(())
        };
        document::update(&client, read, write, change, deadline).await
    }
}

operation!(UpdateRoute => Route);

const MANAGED: &str = "managed_certificate_domain";

fn is_managed(route: &Map<String, Value>) -> bool {
    route.get(MANAGED).and_then(Value::as_str).is_some_and(|domain| !domain.is_empty())
}
