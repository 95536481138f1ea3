//! Routes.

use serde::{Deserialize, Serialize};

use crate::store::{Certificate, Tables, Time, empty};

/// A route of the router to a service.
#[allow(clippy::struct_excessive_bools, reason = "the wire has them")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Route {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) parent_ref: String,
    pub(crate) service: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) port: i32,
    pub(crate) leader: bool,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) domain: String,
    /// The TLS mode of a TCP route: empty, `passthrough` or `terminate`.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) tls_mode: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) certificate: Option<Certificate>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) tls_cert: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) tls_key: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) managed_certificate_domain: Option<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) sticky: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) path: String,
    /// The port in answers of a release whose router writes it here.
    #[serde(rename = "port", skip_serializing_if = "empty", skip_deserializing)]
    pub(crate) router_port: i32,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) drain_backends: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) disable_keep_alives: bool,
    /// True if it was created with the app. Computed when it is read.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) included: bool,
    /// The stored certificate.
    #[serde(skip)]
    pub(crate) certificate_id: Option<String>,
    /// The certificate that running routers present.
    #[serde(skip)]
    pub(crate) live_certificate: Option<String>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

impl Tables {
    /// Returns whether a service has a route whose backends are drained before they stop.
    pub(crate) fn has_draining_route(&self, service: &str) -> bool {
        self.routes.iter().any(|r| !r.deleted && r.service == service && r.drain_backends)
    }

    /// Returns the HTTP route for a host and path: exact names before wildcards, the longest path first.
    pub(crate) fn route_for(&self, host: &str, path: &str) -> Option<&Route> {
        let host = host.to_ascii_lowercase();
        let mut parents =
            host.match_indices('.').map(|(dot, _)| host.get(dot..).unwrap_or_default());
        let of_domain = |fits: &dyn Fn(&str) -> bool| {
            self.routes
                .iter()
                .filter(|r| !r.deleted && r.kind == "http" && fits(&r.domain))
                .filter(|r| path.starts_with(&r.path) || r.path.strip_suffix('/') == Some(path))
                .max_by_key(|r| r.path.len())
        };
        of_domain(&|domain| domain == host).or_else(|| {
            parents.find_map(|parent| of_domain(&|domain| domain.strip_prefix('*') == Some(parent)))
        })
    }
}
