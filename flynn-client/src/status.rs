//! The status of the controller and of the cluster, and the cluster's CA certificate.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! flynn.ping().await?;
//! assert!(flynn.status().await?.is_healthy());
//! assert!(flynn.ca_certificate().await?.starts_with("-----BEGIN CERTIFICATE-----"));
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! The status app is a separate server, which knows the health of every service:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let (url, address) = (format!("http://status.example.com:{}", mock.addr().port()), mock.addr());
//! use flynn_client::StatusClient;
//!
//! let cluster = StatusClient::builder(url) // https://status.example.com
//!     .resolve("status.example.com", address) // only if DNS does not know the name
//!     .build_status()?;
//! for (service, health) in cluster.status().await?.detail {
//!     println!("{service}: {}", health.status);
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::builder::ClientBuilder;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::json::{LIST, decode_object, null_is_default};
use crate::secret::Secret;
use crate::string_enum::string_enum;
use crate::transport::{Accept, Request, Spec};

string_enum! {
    /// The health of the controller, the cluster or a service.
    Health {
        /// Healthy.
        Healthy = "healthy",
        /// Not healthy.
        Unhealthy = "unhealthy",
    }
}

/// The status of the controller or of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Status {
    /// The health.
    pub status: Health,
    /// The version of the server that answered, such as `v20161015.2`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The services of the cluster, by name; only the status app lists them.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, ServiceStatus>,
}

impl Status {
    /// Returns whether everything is healthy.
    pub fn is_healthy(&self) -> bool {
        self.status == Health::Healthy
    }
}

/// The status of one service of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ServiceStatus {
    /// The health of the service.
    pub status: Health,
    /// The version of the service.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// A client of the status app, `https://status.<domain>`.
///
/// Use the status app's own `AUTH_KEY`, not the controller's key. From private addresses, no key is needed.
#[derive(Clone, Debug)]
pub struct StatusClient {
    client: Client,
}

impl ClientBuilder {
    /// Builds a client of the status app instead of the controller.
    ///
    /// # Errors
    /// Returns the errors of [`build`](Self::build).
    pub fn build_status(self) -> Result<StatusClient, Error> {
        Ok(StatusClient { client: self.build()? })
    }
}

impl Client {
    /// Returns a builder for a client of the same cluster's status app: `status.<domain>` if this client's host is
    /// `controller.<domain>`, with the same port, proxy, timeouts and address ([`resolve`](ClientBuilder::resolve)).
    ///
    /// The key is the status app's own `AUTH_KEY`. TLS settings are not copied, since the status app presents the
    /// router's certificate and not the controller's: set [`rustls_config`](ClientBuilder::rustls_config) for that
    /// certificate, or trust Mozilla's roots.
    ///
    /// ```no_run
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// let env = flynn.app("status").release().await?.env;
    /// let status = flynn.status_client(env["AUTH_KEY"].as_str())?.build_status()?;
    /// assert!(status.status().await?.is_healthy());
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Config`] if the client's host does not start with `controller.`.
    pub fn status_client(&self, key: impl Into<Secret>) -> Result<ClientBuilder, Error> {
        let Some(domain) = self.host().strip_prefix("controller.") else {
            let message = "the controller's host does not start with `controller.`, so the host of the status app is unknown";
            return Err(Error::new(ErrorKind::Config, message));
        };
        let host = format!("status.{domain}");
        Ok(self.to_builder().at_sibling(&host).key(key))
    }
}

impl StatusClient {
    /// Returns a builder for a client of the status app at this URL.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        Client::builder(url)
    }

    /// Returns the status of the cluster and its services: `GET /`. An unhealthy cluster is not an error.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`].
    pub fn status(&self) -> Request<Status> {
        status(&self.client, Spec::get("/", []))
    }
}

impl Client {
    /// Returns the status of the controller: `GET /.well-known/status`. An unhealthy controller is not an error.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`].
    pub fn status(&self) -> Request<Status> {
        status(self, Spec::get("/.well-known/status", []))
    }

    /// Checks that the controller answers: `GET /ping`, which needs no key. With
    /// [`resolve`](ClientBuilder::resolve) this checks the router of one node.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`].
    pub fn ping(&self) -> Request<()> {
        Request::unit(self, Spec::get("/ping", []).accept(Accept::Anything))
    }

    /// Returns the PEM of the cluster's own CA certificate: `GET /ca-cert`, which needs no key (but refuses a wrong
    /// one).
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`].
    pub fn ca_certificate(&self) -> Request<String> {
        Request::new(self, Spec::get("/ca-cert", []).accept(Accept::Anything), |_, body| {
            match String::from_utf8(body?.into()) {
                Ok(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => Ok(pem),
                _ => Err(Error::new(ErrorKind::Decode, "the answer is not a certificate")),
            }
        })
    }
}

fn status(client: &Client, spec: Spec) -> Request<Status> {
    #[derive(Deserialize)]
    struct Envelope {
        data: Option<Status>,
    }
    Request::new(client, spec.also(StatusCode::INTERNAL_SERVER_ERROR), |_, body| {
        let envelope: Envelope = decode_object(&body?, LIST)?;
        envelope
            .data
            .ok_or_else(|| Error::new(ErrorKind::Server, "the server answered without its status"))
    })
}
