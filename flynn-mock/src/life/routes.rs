//! Checks, adds, changes and removes routes.

use serde_json::{Value, json as value};

use crate::life::work::Step;
use crate::life::{Engine, Pace};
use crate::store::{App, Route, Time};
use crate::wire::Fail;

/// The reason why the database refuses a route.
enum Refusal {
    Duplicate,
    Reserved,
    Invalid,
    Other(Fail),
}

impl Refusal {
    /// Returns the answer to a refused creation. Most answers contain the route as it was sent.
    fn creating(self, route: &Route) -> Fail {
        let fail = match self {
            Self::Duplicate => Fail::new("conflict", "Duplicate route"),
            Self::Reserved => Fail::new("conflict", "Port reserved for HTTP/HTTPS traffic"),
            Self::Invalid => Fail::invalid("Invalid route"),
            Self::Other(fail) => return fail,
        };
        fail.with_detail(route)
    }
}

/// The longest domain that the database accepts.
const LONGEST_DOMAIN: usize = 255;

/// Returns the fields that are compared when a new route gets its id.
fn new_route(route: &Route) -> Value {
    let mut new = value!({
        "type": route.kind, "service": route.service, "domain": route.domain, "port": route.port,
    });
    if let Some(fields) = new.as_object_mut().filter(|_| route.port == 0) {
        fields.remove("port");
    }
    new
}

/// Removes the fields that a TCP route does not have.
fn tcp_only(row: Route) -> Route {
    Route {
        domain: String::new(),
        sticky: false,
        path: String::new(),
        managed_certificate_domain: None,
        certificate_id: None,
        live_certificate: None,
        disable_keep_alives: false,
        ..row
    }
}

/// Returns the path with slashes at both ends; `None` if it does not start with one.
fn normal_path(path: &str) -> Option<String> {
    match path {
        "" => Some("/".to_owned()),
        _ if !path.starts_with('/') => None,
        _ if path.ends_with('/') => Some(path.to_owned()),
        _ => Some(format!("{path}/")),
    }
}

impl Engine {
    /// Returns a route in the form of answers.
    pub(crate) fn stored_route(&self, route: &Route) -> Route {
        let certificate = self.certificate_of(route).cloned();
        let stored = Route { certificate, included: self.is_included(route), ..route.clone() };
        self.in_order(stored)
    }

    /// Returns a route with its port where the server writes it.
    fn in_order(&self, route: Route) -> Route {
        if !self.dialect.routes_by_router {
            return route;
        }
        Route { port: 0, router_port: route.port, ..route }
    }

    /// Returns whether a route was created with its app, if the server reports that.
    fn is_included(&self, route: &Route) -> bool {
        let mut apps = self.tables.apps.iter();
        let app = apps.find(|app| !app.deleted && app.parent_ref() == route.parent_ref);
        let named = |app: &App| {
            route.domain.eq_ignore_ascii_case(&format!("{}.{}", app.name, self.domain()))
        };
        let own = app.is_some_and(|app| !app.is_system() && named(app));
        self.dialect.users && own && route.kind == "http" && matches!(&*route.path, "" | "/")
    }

    /// Adds the default route of a user's app.
    pub(crate) fn add_default_route(&mut self, app: &App) {
        let domain = self.domain();
        if app.is_system() || domain.is_empty() {
            return;
        }
        let route = Route {
            kind: "http".to_owned(),
            parent_ref: app.parent_ref(),
            service: format!("{}-web", app.name),
            domain: format!("{}.{domain}", app.name),
            drain_backends: true,
            ..Route::default()
        };
        // The real server only logs errors here.
        let _ = self.add_route(route, true);
    }

    /// Adds a route. `checked` is false for certificates that the cluster generated itself.
    pub(crate) fn add_route(&mut self, mut route: Route, checked: bool) -> Result<Route, Fail> {
        let managed = self.managed_name(&route)?;
        if !self.dialect.managed_certificates {
            route.managed_certificate_domain = None;
        }
        let given = self.in_order(route.clone());
        let mut row = self.insertable(&route).map_err(|refusal| refusal.creating(&given))?;
        if checked && self.loses_certificate(&row) {
            return Err(Refusal::Duplicate.creating(&given));
        }
        row.id = self.new_id("route", &new_route(&row));
        let at = self.time();
        (row.created_at, row.updated_at) = (at, at);
        if let Some(name) = managed {
            row.certificate = None;
            (row.tls_cert, row.tls_key) = (String::new(), String::new());
            self.link_managed(at, &mut row, &name);
        } else {
            self.add_route_certificate(&mut row, checked)?;
        }
        row.live_certificate.clone_from(&row.certificate_id);
        (route.id, route.created_at, route.updated_at) = (row.id.clone(), at, at);
        route.certificate = row.certificate.take().or(route.certificate);
        if !self.dialect.routes_by_router || route.kind == "tcp" {
            route.path.clone_from(&row.path);
            route.port = row.port;
        }
        (row.tls_cert, row.tls_key) = (String::new(), String::new());
        if route.kind == "tcp" && !self.dialect.users {
            row = tcp_only(row);
        }
        row.included = false;
        self.tables.routes.push(row.clone());
        self.route_event("route", &row, &route);
        Ok(self.in_order(route))
    }

    /// Returns the row of a new route, or why the database refuses it.
    fn insertable(&mut self, route: &Route) -> Result<Route, Refusal> {
        let checks = self.dialect.checks_routes;
        let mut row = route.clone();
        if route.kind == "tcp" {
            if checks && matches!(route.port, 80 | 443) {
                return Err(Refusal::Reserved);
            }
            if !matches!(&*route.tls_mode, "" | "passthrough" | "terminate") {
                return Err(Refusal::Invalid);
            }
            if route.port == 0 {
                row.port = self.free_port(route).ok_or(Refusal::Other(Fail::database()))?;
            }
        } else {
            if checks && route.port > 0 {
                return Err(Refusal::Invalid);
            }
            if !checks {
                row.port = 0;
            }
        }
        if checks && self.drains_differently(&row) {
            return Err(Refusal::Invalid);
        }
        let fail = || Refusal::Other(Fail::database());
        if route.kind == "tcp" {
            if row.service.is_empty() || !(1..65535).contains(&row.port) {
                return Err(fail());
            }
            let mut others = self.tables.routes.iter().filter(|o| !o.deleted && o.kind == "tcp");
            let taken = others.any(|o| o.port == row.port);
            return if taken { Err(Refusal::Duplicate) } else { Ok(row) };
        }
        row.path = normal_path(&row.path).ok_or(Refusal::Invalid)?;
        if row.path != "/" && !self.has_default(&row.domain) {
            return Err(Refusal::Invalid);
        }
        if row.service.is_empty() || row.domain.is_empty() || row.port < 0 {
            return Err(fail());
        }
        if row.domain.len() > LONGEST_DOMAIN {
            return Err(fail());
        }
        let mut http = self.tables.routes.iter().filter(|o| !o.deleted && o.kind == "http");
        if !row.id.is_empty() && http.any(|o| o.id == row.id) {
            return Err(Refusal::Duplicate);
        }
        if self.is_taken(&row) { Err(Refusal::Duplicate) } else { Ok(row) }
    }

    /// Returns a port of the range that never had a route: the lowest one, or in 2016 any.
    fn free_port(&mut self, route: &Route) -> Option<i32> {
        let handed = self.handed("route", &new_route(route));
        let port = handed.and_then(|next| next.field("port")?.as_i64());
        if let Some(port) = port.and_then(|port| i32::try_from(port).ok()) {
            return Some(port);
        }
        let tcp =
            |port: &i32| self.tables.routes.iter().any(|r| r.kind == "tcp" && r.port == *port);
        let free: Vec<i32> = (3000..=3500).filter(|port| !tcp(port)).collect();
        if !self.dialect.routes_by_router {
            return free.first().copied();
        }
        let [a, b, ..] = self.ids.key();
        let draw = usize::from(u16::from_le_bytes([a, b]));
        free.get(draw.checked_rem(free.len())?).copied()
    }

    /// Returns whether another route of the service has a different setting for draining. The server compares only with
    /// HTTP routes, even for a TCP route.
    fn drains_differently(&self, route: &Route) -> bool {
        self.tables
            .routes
            .iter()
            .filter(|o| !o.deleted && o.kind == "http" && o.service == route.service)
            .any(|o| o.drain_backends != route.drain_backends)
    }

    fn has_default(&self, domain: &str) -> bool {
        let mut http = self.tables.routes.iter().filter(|o| !o.deleted && o.kind == "http");
        http.any(|o| o.domain == domain && o.path == "/")
    }

    fn is_taken(&self, route: &Route) -> bool {
        let mut http = self.tables.routes.iter().filter(|o| !o.deleted && o.kind == "http");
        http.any(|o| {
            o.id != route.id
                && o.domain == route.domain
                && o.path == route.path
                && o.port == route.port
        })
    }

    pub(crate) fn change_route(&mut self, mut route: Route) -> Result<Route, Fail> {
        let by_router = self.dialect.routes_by_router;
        let managed = self.managed_name(&route)?;
        let old = self.tables.routes.iter().find(|o| {
            !o.deleted
                && o.kind == route.kind
                && o.id == route.id
                && match o.kind.as_str() {
                    "http" => o.domain == route.domain,
                    _ => !by_router || o.port == route.port,
                }
        });
        let mut row = old.cloned().ok_or(Fail::NotFound)?;
        row.parent_ref.clone_from(&route.parent_ref);
        row.service.clone_from(&route.service);
        row.leader = route.leader;
        if !by_router {
            row.port = route.port;
            row.disable_keep_alives = route.disable_keep_alives;
        }
        if row.kind == "http" {
            row.sticky = route.sticky;
            row.path = normal_path(&route.path).ok_or_else(Fail::database)?;
            let orphan = row.path != "/" && !self.has_default(&row.domain);
            if orphan || self.is_taken(&row) || !(0..65535).contains(&row.port) {
                return Err(Fail::database());
            }
        } else if !(1..65535).contains(&row.port) || self.is_port_taken(&row) {
            return Err(Fail::database());
        }
        if row.service.is_empty() || (!by_router && self.drains_differently(&row)) {
            return Err(Fail::database());
        }
        row.updated_at = self.time();
        if row.kind == "tcp" && self.dialect.users {
            row.domain.clone_from(&route.domain);
            row.tls_mode.clone_from(&route.tls_mode);
        }
        if self.dialect.managed_certificates {
            row.managed_certificate_domain.clone_from(&route.managed_certificate_domain);
        }
        // The reply is the sent route with the database's columns.
        route = Route {
            certificate: route.certificate,
            tls_cert: route.tls_cert,
            tls_key: route.tls_key,
            port: if by_router { route.port } else { row.port },
            certificate_id: None,
            ..row.clone()
        };
        if self.loses_certificate(&route) {
            return Err(Fail::database());
        }
        if let Some(name) = managed {
            route.certificate = None;
            (route.tls_cert, route.tls_key) = (String::new(), String::new());
            self.link_managed(row.updated_at, &mut route, &name);
        } else {
            self.add_route_certificate(&mut route, true)?;
        }
        let new = route.certificate_id.take();
        let kept = row.certificate_id.filter(|_| self.dialect.keeps_certificates);
        row.certificate_id = new.clone().or(kept);
        // Routers of 2021 use the certificate in the event, which contains only the new one.
        row.live_certificate = if by_router { row.certificate_id.clone() } else { new };
        let slot = self.tables.routes.iter_mut().find(|o| o.id == row.id && o.kind == row.kind);
        if let Some(slot) = slot {
            *slot = row.clone();
        }
        self.route_event("route", &row, &route);
        Ok(self.in_order(route))
    }

    fn is_port_taken(&self, route: &Route) -> bool {
        let mut tcp = self.tables.routes.iter().filter(|o| !o.deleted && o.kind == "tcp");
        tcp.any(|o| o.id != route.id && o.port == route.port)
    }

    /// Deletes a route, unless another one depends on it.
    pub(crate) fn remove_route(&mut self, route: &Route) -> Result<(), Fail> {
        let mut http = self.tables.routes.iter().filter(|o| !o.deleted && o.kind == "http");
        let needed = route.kind == "http"
            && route.path == "/"
            && http.any(|o| o.domain == route.domain && o.path != "/");
        if needed {
            return Err(Fail::invalid("Route has dependent routes"));
        }
        let row = self.tables.routes.iter_mut().find(|o| o.id == route.id && o.kind == route.kind);
        if let Some(row) = row {
            row.deleted = true;
        }
        let stored = self.stored_route(route);
        self.time();
        self.route_event("route_deletion", route, &stored);
        Ok(())
    }

    /// Records a change of a route. The events of 2016 come from the router: a little later, and without certificates.
    fn route_event(&mut self, kind: &'static str, row: &Route, reply: &Route) {
        if !self.dialect.routes_by_router {
            return self.write_route_event(self.last, kind, reply);
        }
        let route = Route { certificate: None, ..row.clone() };
        let delay = self.options.delays.route_event;
        if delay.is_zero() || self.options.pace == Pace::AtOnce {
            self.report_route(kind, &route);
        } else {
            self.later(delay, Step::ReportRoute { kind, route: Box::new(route) });
        }
    }

    /// The router of 2016 reports a change of a route.
    pub(crate) fn report_route(&mut self, kind: &'static str, route: &Route) {
        let at = self.time();
        self.write_route_event(at, kind, route);
    }

    fn write_route_event(&mut self, at: Time, kind: &'static str, route: &Route) {
        let app = route.parent_ref.strip_prefix("controller/apps/").unwrap_or_default();
        self.event(at, app, kind, &route.id, route);
    }
}
