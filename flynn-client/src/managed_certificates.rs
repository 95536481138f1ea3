//! Managed certificates: issued and renewed by the cluster itself (the fork
//! randy-girard/flynn).
//!
//! None of these calls was ever recorded: they are written from the fork's source
//! (commit a67b62e). Servers of the upstream project answer
//! [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! match flynn.managed_certificates().list().await {
//!     Ok(all) => all.iter().for_each(|one| println!("{} {}", one.domain, one.status)),
//!     Err(error) => assert!(error.is_unsupported()), // not the fork
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::Error;
use crate::ids::ManagedCertificateId;
use crate::json::{Json, null_is_default};
use crate::object_stream::WatchAll;
use crate::rewrite::rewrite;
use crate::secret::Secret;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Repeat, Request, Spec, operation};

string_enum! {
    /// Where a managed certificate is.
    ManagedCertificateStatus {
        /// Waiting for its first issue.
        Pending = "pending",
        /// Issued, and on its route.
        Issued = "issued",
        /// The last try failed.
        Failed = "failed",
        /// Issued, and being renewed.
        Renewing = "renewing",
    }
}

/// A certificate that the cluster gets by ACME for a route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ManagedCertificate {
    /// Its id; empty on the marker that ends the backlog of a stream.
    #[serde(skip_serializing_if = "ManagedCertificateId::is_empty")]
    pub id: ManagedCertificateId,
    /// The domain it is for.
    pub domain: String,
    /// The http route it is for, without its `http/`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route_id: String,
    /// Where it is.
    pub status: ManagedCertificateStatus,
    /// The chain as PEM, once issued.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert: String,
    /// The private key as PEM, once issued.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub key: Secret,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_error: String,
    /// When the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<Timestamp>,
    /// The ACME order's URL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub order_url: String,
    /// Errors of issuing (deprecated by the fork in favour of `last_error`).
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<IssuanceError>,
    /// The certificate (deprecated by the fork in favour of `cert` and `key`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Json>,
    /// When it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// An error of issuing a certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct IssuanceError {
    /// The ACME error type.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What the ACME server said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
impl crate::object_stream::Marker for ManagedCertificate {
    fn is_marker(&self) -> bool {
        self.id.is_empty()
    }
}
const ONE: &str = "/managed-certificates/{certificate}";

/// The managed certificates; made by [`Client::managed_certificates`].
#[derive(Clone, Debug)]
pub struct ManagedCertificates {
    client: Client,
}

impl Client {
    /// The managed certificates of the cluster (the fork).
    pub fn managed_certificates(&self) -> ManagedCertificates {
        ManagedCertificates { client: self.clone() }
    }
}

impl ManagedCertificates {
    /// Every managed certificate: `GET /managed-certificates`.
    ///
    /// # Errors
    /// Unsupported, except by the fork.
    pub fn list(&self) -> Request<Vec<ManagedCertificate>> {
        Request::list(&self.client, Spec::get("/managed-certificates", []))
    }

    /// Managed certificates as they change, after those there are: `GET /managed-certificates` as a
    /// stream.
    pub fn stream(&self) -> WatchAll<ManagedCertificate> {
        WatchAll::new(&self.client, "/managed-certificates")
    }

    /// One managed certificate: `GET /managed-certificates/:id`.
    ///
    /// # Errors
    /// Not found, when there is no such certificate. Unsupported, except by the fork.
    pub fn get(&self, id: impl Into<ManagedCertificateId>) -> Request<ManagedCertificate> {
        Request::json(&self.client, Spec::get(ONE, [id.into().as_str()]))
    }

    /// One managed certificate, or `None` when there is no such certificate.
    ///
    /// # Errors
    /// Unsupported, except by the fork.
    pub fn get_opt(
        &self,
        id: impl Into<ManagedCertificateId>,
    ) -> Request<Option<ManagedCertificate>> {
        Request::optional(&self.client, Spec::get(ONE, [id.into().as_str()]))
    }

    /// Changes a managed certificate: reads it, changes what is named, writes all of it back
    /// (`PUT /managed-certificates/:id`). It is how the cluster's ACME worker reports; one that is
    /// set to `issued` with certificate and key goes to its route at once.
    pub fn update(&self, id: impl Into<ManagedCertificateId>) -> UpdateManagedCertificate {
        UpdateManagedCertificate {
            client: self.client.clone(),
            id: id.into(),
            changes: Map::new(),
            key: None,
            timeout: None,
        }
    }
}

/// A change of a managed certificate; made by [`ManagedCertificates::update`].
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct UpdateManagedCertificate {
    client: Client,
    id: ManagedCertificateId,
    changes: Map<String, Value>,
    key: Option<Secret>,
    timeout: Option<Duration>,
}

impl UpdateManagedCertificate {
    /// Where it is.
    pub fn status(self, status: &ManagedCertificateStatus) -> Self {
        self.set("status", status.as_str())
    }

    /// The chain and its private key, both as PEM.
    pub fn certificate(mut self, chain_pem: impl Into<String>, key_pem: impl Into<Secret>) -> Self {
        self.key = Some(key_pem.into());
        self.set("cert", chain_pem)
    }

    /// When it expires.
    pub fn expires_at(self, at: impl Into<Timestamp>) -> Self {
        let at = at.into();
        self.set("expires_at", at.as_str())
    }

    /// Why the last try failed, and when.
    pub fn last_error(self, message: impl Into<String>, at: impl Into<Timestamp>) -> Self {
        let at = at.into();
        self.set("last_error", message).set("last_error_at", at.as_str())
    }

    fn set(mut self, field: &str, value: impl Into<String>) -> Self {
        self.changes.insert(field.to_owned(), Value::String(value.into()));
        self
    }

    async fn run(self, deadline: Deadline) -> Result<ManagedCertificate, Error> {
        let mut changes = self.changes;
        if let Some(key) = self.key {
            changes.insert("key".to_owned(), key.expose().into());
        }
        // Writing the same object again leaves the same object.
        let segments = [self.id.as_str()];
        let (read, write) = (Spec::get(ONE, segments), Spec::put(ONE, segments, Repeat::Safe));
        rewrite(&self.client, read, write, changes, deadline).await
    }
}

operation!(UpdateManagedCertificate => ManagedCertificate);
