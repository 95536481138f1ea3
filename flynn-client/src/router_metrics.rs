//! Metrics of the router (the fork randy-girard/flynn, September 2026).
//!
//! Written from the fork's source; never recorded from a real controller. Servers without
//! [`Capability::RouterMetrics`](crate::capabilities::Capability::RouterMetrics) answer
//! [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
//!
//! ```no_run
//! # async fn f(flynn: flynn_client::Client) -> Result<(), flynn_client::Error> {
//! for service in flynn.router_metrics().await? {
//!     println!("{}: {} of {} failed", service.service, service.errors, service.requests);
//! }
//! # Ok(()) }
//! ```

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::transport::{Request, Spec};

/// Metrics of the router's requests to a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RouterMetrics {
    /// The service, such as `www-web`.
    pub service: String,
    /// Number of requests.
    pub requests: u64,
    /// Number of requests that failed.
    pub errors: u64,
    /// Median of the response times, in milliseconds.
    pub p50_ms: f64,
    /// 95th percentile of the response times, in milliseconds.
    pub p95_ms: f64,
    /// 99th percentile of the response times, in milliseconds.
    pub p99_ms: f64,
}

impl Client {
    /// Lists the router's metrics by service: `GET /cluster/router-metrics` (the fork). The list is empty if the
    /// router does not answer the controller.
    ///
    /// Needs the cluster's key or an admin's token.
    ///
    /// # Errors
    /// Fails with [`Forbidden`](crate::ErrorKind::Forbidden) without one of them. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn router_metrics(&self) -> Request<Vec<RouterMetrics>> {
        Request::list(self, Spec::get("/cluster/router-metrics", []))
    }
}
