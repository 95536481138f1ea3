//! Routes: they map a domain or a port to a service, with a certificate.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! # use flynn_client::apps::NewApp;
//! # flynn.apps().create(NewApp::named("www")).await?;
//! use flynn_client::routes::NewRoute;
//!
//! let routes = flynn.app("www").routes();
//! let apex = routes.create(NewRoute::http("example.com")).await?; // of the service `www-web`
//! let sticky = routes.update(apex.id()).sticky(true).await?; // keeps all other fields
//! assert!(sticky.sticky);
//! assert_eq!(routes.list().under_domain("example.com").await?.len(), 2);
//! assert_eq!(routes.find("example.com", "/").await?.map(|route| route.id()), Some(apex.id()));
//!
//! // Replace a wildcard certificate on every route of every app under its domain.
//! # let (cert, key) = {
//! #     let certificate = flynn.app("controller").routes().list().await?.remove(0).certificate.unwrap();
//! #     (certificate.cert, certificate.key)
//! # };
//! for route in flynn.routes().list().under_domain("example.com").await? {
//!     if let Some(app) = route.app_id() {
//!         flynn.app(app).routes().update(&route).certificate(&cert, &key).await?;
//!     }
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use http::Method;
use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::client::Client;
use crate::error::Error;
use crate::ids::{AppId, RouteId};
use crate::json::{is_default, is_false, null_is_default};
use crate::secret::Secret;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Limits, Repeat, Request, Spec, operation};

mod handle;
mod new;
mod update;

pub use handle::RouteHandle;
pub use new::NewRoute;
pub use update::UpdateRoute;

string_enum! {
    /// How the router treats TLS on a TCP route (the fork).
    TlsMode {
        /// Passes the connection on unchanged, by the server name (SNI) in its client hello.
        Passthrough = "passthrough",
        /// Terminates TLS with the route's certificate.
        Terminate = "terminate",
    }
}

string_enum! {
    /// The type of a route.
    RouteType {
        /// A domain on the ports 80 and 443.
        Http = "http",
        /// A port.
        Tcp = "tcp",
    }
}

/// A route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "as the wire has it")]
pub struct Route {
    /// The type.
    #[serde(rename = "type")]
    pub kind: RouteType,
    /// The UUID. For calls use [`id()`](Self::id), which includes the type.
    #[serde(rename = "id", skip_serializing_if = "String::is_empty")]
    pub uuid: String,
    /// The owner: `controller/apps/<app id>`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent_ref: String,
    /// The service in discovery, such as `www-web`.
    pub service: String,
    /// The port of a TCP route.
    #[serde(skip_serializing_if = "is_default")]
    pub port: i32,
    /// Sends requests only to the leader of the service.
    pub leader: bool,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The domain of an HTTP route, which can be a wildcard such as `*.example.com`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// How the router treats TLS on a TCP route that has a domain; empty otherwise (the fork).
    #[serde(skip_serializing_if = "TlsMode::is_empty")]
    pub tls_mode: TlsMode,
    /// The domain of the route's managed certificate; empty if the certificate is not managed (the fork).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub managed_certificate_domain: String,
    /// The certificate and key. Without them, the router uses its default certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// The old form of the certificate, returned to callers who created the route with it.
    #[serde(rename = "tls_cert", skip_serializing_if = "String::is_empty")]
    pub legacy_tls_cert: String,
    /// The old form of the key, returned to callers who created the route with it.
    #[serde(rename = "tls_key", skip_serializing_if = "Secret::is_empty")]
    pub legacy_tls_key: Secret,
    /// Sends all requests of a visitor to the same job.
    #[serde(skip_serializing_if = "is_false")]
    pub sticky: bool,
    /// The path: `/`, or a prefix such as `/api/`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Stops jobs only when their requests have ended. All routes of a service share this setting.
    #[serde(skip_serializing_if = "is_false")]
    pub drain_backends: bool,
    /// Uses one connection per request between the router and the job.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_keep_alives: bool,
    /// The route `<app>.<domain>` that the server made with the app (the fork).
    #[serde(skip_serializing_if = "is_false")]
    pub included: bool,
}

impl Route {
    /// Returns the id with its type, such as `http/UUID`, for calls.
    pub fn id(&self) -> RouteId {
        RouteId::new(format!("{}/{}", self.kind, self.uuid))
    }

    /// Returns the id of its app, or `None` for a route that does not belong to an app.
    pub fn app_id(&self) -> Option<AppId> {
        let id = self.parent_ref.strip_prefix("controller/apps/").filter(|id| !id.is_empty())?;
        Some(AppId::new(id))
    }
}

impl From<&Route> for RouteId {
    fn from(route: &Route) -> Self {
        route.id()
    }
}

/// The certificate of one or more routes. Equal certificates share an id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Certificate {
    /// The id, a UUID.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The ids of the routes that use it, if the server lists them.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// The chain in PEM, leaf first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert: String,
    /// The private key in PEM.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub key: Secret,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// The routes of all apps; returned by [`Client::routes`].
#[derive(Clone, Debug)]
pub struct Routes {
    client: Client,
}

/// The routes of one app; returned by [`AppHandle::routes`].
#[derive(Clone, Debug)]
pub struct AppRoutes {
    app: AppHandle,
}

impl Client {
    /// Accesses the routes of all apps.
    pub fn routes(&self) -> Routes {
        Routes { client: self.clone() }
    }
}

impl AppHandle {
    /// Accesses the routes of the app.
    pub fn routes(&self) -> AppRoutes {
        AppRoutes { app: self.clone() }
    }
}

impl Routes {
    /// Lists all routes, newest first: `GET /routes`. On servers before v20200107.0, reads the routes app by app.
    pub fn list(&self) -> ListRoutes {
        ListRoutes::new(&self.client, None)
    }
}

impl AppRoutes {
    /// Lists the routes of the app, newest first: `GET /apps/:a/routes`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn list(&self) -> ListRoutes {
        ListRoutes::new(&self.app.client, Some(self.app.clone()))
    }

    /// Finds the route of this domain and path (`/` for all paths).
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn find(
        &self,
        domain: impl Into<String>,
        path: impl Into<String>,
    ) -> Request<Option<Route>> {
        let (list, domain, path) = (self.list(), domain.into(), path.into());
        Request::steps("routes().find(..)", |deadline| async move {
            let routes = list.run(deadline).await?;
            Ok(routes.into_iter().find(|route| serves(route, &domain, &path)))
        })
    }

    /// Reads a route: `GET /apps/:a/routes/:type/:id`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the route does not exist; with
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an id without its type.
    pub fn get(&self, id: impl Into<RouteId>) -> Request<Route> {
        Request::json(&self.app.client, self.read(&id.into()))
    }

    /// Reads a route, or `None` if the route does not exist.
    ///
    /// # Errors
    /// Fails with [`InvalidInput`](crate::ErrorKind::InvalidInput) for an id without its type.
    pub fn get_opt(&self, id: impl Into<RouteId>) -> Request<Option<Route>> {
        Request::optional(&self.app.client, self.read(&id.into()))
    }

    /// Deletes a route: `DELETE /apps/:a/routes/:type/:id`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the route does not exist; with
    /// [`Validation`](crate::ErrorKind::Validation) ("Route has dependent routes") for a route of `/` while the domain
    /// has routes with other paths.
    pub fn delete(&self, id: impl Into<RouteId>) -> Request<()> {
        Request::unit(&self.app.client, self.one(Method::DELETE, Repeat::Delete, &id.into()))
    }

    fn one(&self, method: Method, repeat: Repeat, id: &RouteId) -> Spec {
        let (kind, uuid) = id.as_str().split_once('/').unwrap_or_default();
        let segments = [self.app.app.as_str(), kind, uuid];
        let mut spec = Spec::new(method, "/apps/{app}/routes/{type}/{id}", segments, repeat);
        if let Err(error) = check(id) {
            spec.fault = Some(error);
        }
        spec
    }

    fn read(&self, id: &RouteId) -> Spec {
        self.one(Method::GET, Repeat::Router, id)
    }
}

/// Lists routes; returned by [`AppRoutes::list`] and [`Routes::list`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ListRoutes {
    client: Client,
    app: Option<AppHandle>,
    under: Option<String>,
    limits: Limits,
}

impl ListRoutes {
    fn new(client: &Client, app: Option<AppHandle>) -> Self {
        Self { client: client.clone(), app, under: None, limits: Limits::default() }
    }

    /// Keeps only HTTP routes of this domain and of the names below it. A port in the domain is ignored.
    pub fn under_domain(mut self, domain: impl Into<String>) -> Self {
        self.under = Some(without_port(&domain.into()).to_owned());
        self
    }

    pub(crate) async fn run(self, deadline: Deadline) -> Result<Vec<Route>, Error> {
        let mut routes = match &self.app {
            Some(app) => of_app(app, deadline).await?,
            None => of_all(&self.client, deadline).await?,
        };
        if let Some(domain) = &self.under {
            routes.retain(|route| is_under(&route.domain, domain));
        }
        Ok(routes)
    }
}

operation!(ListRoutes => Vec<Route>);

async fn of_app(app: &AppHandle, deadline: Deadline) -> Result<Vec<Route>, Error> {
    Request::list(&app.client, Spec::get("/apps/{app}/routes", [app.app.as_str()]).of_router())
        .within(deadline)
        .await
}

pub(crate) async fn of_all(client: &Client, deadline: Deadline) -> Result<Vec<Route>, Error> {
    match Request::list(client, Spec::get("/routes", []).of_router()).within(deadline).await {
        Err(error) if error.is_unsupported() => {}
        routes => return routes,
    }
    let mut all = Vec::new();
    for app in client.apps().list().within(deadline).await? {
        match of_app(&client.app(app.id), deadline).await {
            Err(error) if error.is_not_found() => {} // deleted since
            routes => all.extend(routes?),
        }
    }
    let made = |route: &Route| route.created_at.as_ref().and_then(crate::Timestamp::unix_nanos);
    all.sort_by_key(|route| std::cmp::Reverse(made(route)));
    Ok(all)
}

/// Domains of clusters may carry a port.
pub(crate) fn without_port(domain: &str) -> &str {
    match domain.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => domain,
    }
}

pub(crate) fn is_under(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
    name.strip_suffix(&domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// Refuses an id without its type.
fn check(id: &RouteId) -> Result<(), Error> {
    match id.as_str().split_once('/') {
        Some((kind, uuid)) if !kind.is_empty() && !uuid.is_empty() => Ok(()),
        _ => Err(Error::invalid_input(format!(
            "{:?} is not the id of a route: write http/UUID or tcp/UUID",
            id.as_str()
        ))),
    }
}

/// Returns whether a route has this domain and path. Trailing slashes of the path do not matter.
fn serves(route: &Route, domain: &str, path: &str) -> bool {
    route.kind == RouteType::Http
        && route.domain.eq_ignore_ascii_case(domain)
        && route.path.trim_end_matches('/') == path.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::{is_under, without_port};

    #[test]
    fn below_a_domain_means_after_a_dot() {
        assert!(
            is_under("www.example.com", "example.com") && is_under("Example.com", "example.COM")
        );
        assert!(
            !is_under("xexample.com", "example.com") && !is_under("example.com", "www.example.com")
        );
    }

    #[test]
    fn a_port_is_not_part_of_a_domain() {
        assert_eq!(without_port("flynn.test:8443"), "flynn.test");
        assert_eq!(without_port("flynn.test"), "flynn.test");
    }
}
