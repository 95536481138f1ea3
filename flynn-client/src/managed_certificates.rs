//! Managed certificates: the cluster obtains and renews them by ACME (the fork randy-girard/flynn).
//!
//! On upstream servers, calls fail with [`ErrorKind::Unsupported`].
//!
//! ```no_run
//! # async fn f(flynn: flynn_client::Client) -> Result<(), flynn_client::Error> {
//! use std::time::Duration;
//! use flynn_client::routes::NewRoute;
//!
//! flynn.acme().enable("ops@example.com").await?;
//! let route = NewRoute::http("www.example.com").managed_certificate("www.example.com");
//! flynn.app("www").routes().create(route).await?;
//!
//! let certificates = flynn.managed_certificates();
//! let issued = certificates.wait("www.example.com").timeout(Duration::from_secs(300));
//! match issued.on_step(|certificate| println!("{}", certificate.status)).await {
//!     Ok(certificate) => println!("expires {:?}", certificate.expires_at),
//!     Err(error) => println!("{error}"), // retry with `certificates.retry(id)`
//! }
//! # Ok(()) }
//! ```

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::events::{Event, EventType};
use crate::ids::ManagedCertificateId;
use crate::json::{Json, null_is_default};
use crate::object_stream::{Object, WatchAll};
use crate::operation::told_or_asked;
use crate::secret::Secret;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Limits, Repeat, Request, Spec, operation};

string_enum! {
    /// The state of a managed certificate.
    ManagedCertificateStatus {
        /// Waiting to be issued.
        Pending = "pending",
        /// Issued, and set on its route.
        Issued = "issued",
        /// The last attempt failed. The fork of June 2026 does not retry by itself (see
        /// [`ManagedCertificates::retry`]); that of September does, after an hour at first and a day at most.
        Failed = "failed",
        /// Issued, and being renewed.
        Renewing = "renewing",
    }
}

/// A certificate that the cluster obtains by ACME for a route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ManagedCertificate {
    /// The id; empty in the marker that ends the backlog of a stream.
    #[serde(skip_serializing_if = "ManagedCertificateId::is_empty")]
    pub id: ManagedCertificateId,
    /// The domain.
    pub domain: String,
    /// The UUID of its HTTP route, without `http/`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route_id: String,
    /// The state.
    pub status: ManagedCertificateStatus,
    /// The chain as PEM, once issued.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert: String,
    /// The private key as PEM, once issued.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub key: Secret,
    /// The time of its expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The reason why the last attempt failed. The fork's state of June 2026 reports it only in events; see
    /// [`reason`](Self::reason).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_error: String,
    /// The time when the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<Timestamp>,
    /// The ACME order's URL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub order_url: String,
    /// The errors of the last attempt; in events, not in answers.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<IssuanceError>,
    /// The certificate (deprecated by the fork in favour of `cert` and `key`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Json>,
    /// The time when it was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// The reason why a certificate could not be issued.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct IssuanceError {
    /// The ACME error type.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The message of the ACME server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl ManagedCertificate {
    /// Returns why the last attempt failed, if known: [`last_error`](Self::last_error), or the [`errors`](Self::errors)
    /// if that is empty.
    pub fn reason(&self) -> Option<String> {
        if !self.last_error.is_empty() {
            return Some(self.last_error.clone());
        }
        let errors = self.errors.iter().map(|error| format!("{} {}", error.kind, error.detail));
        Some(errors.collect::<Vec<_>>().join("; ")).filter(|errors| !errors.is_empty())
    }
}

impl Object for ManagedCertificate {
    fn key(&self) -> String {
        self.id.to_string()
    }

    fn changed_at(&self) -> Option<&Timestamp> {
        self.updated_at.as_ref()
    }
}

const ALL: &str = "/managed-certificates";
const ONE: &str = "/managed-certificates/{certificate}";

/// The managed certificates; returned by [`Client::managed_certificates`].
#[derive(Clone, Debug)]
pub struct ManagedCertificates {
    client: Client,
}

impl Client {
    /// Accesses the managed certificates of the cluster (the fork).
    pub fn managed_certificates(&self) -> ManagedCertificates {
        ManagedCertificates { client: self.clone() }
    }
}

impl ManagedCertificates {
    /// Lists all managed certificates: `GET /managed-certificates`.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn list(&self) -> Request<Vec<ManagedCertificate>> {
        Request::list(&self.client, Spec::get(ALL, []))
    }

    /// Streams the existing managed certificates, then every change: `GET /managed-certificates` as a stream.
    pub fn stream(&self) -> WatchAll<ManagedCertificate> {
        WatchAll::new(&self.client, ALL)
    }

    /// Gets a managed certificate: `GET /managed-certificates/:id`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the certificate does not exist. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn get(&self, id: impl Into<ManagedCertificateId>) -> Request<ManagedCertificate> {
        let (client, id) = (self.client.clone(), id.into());
        Request::steps("managed_certificates().get(..)", |deadline| async move {
            read(&client, &id, deadline).await
        })
    }

    /// Gets a managed certificate, or `None` if it does not exist.
    ///
    /// # Errors
    /// Unsupported, except by the fork.
    pub fn get_opt(
        &self,
        id: impl Into<ManagedCertificateId>,
    ) -> Request<Option<ManagedCertificate>> {
        let (client, id) = (self.client.clone(), id.into());
        Request::steps("managed_certificates().get_opt(..)", |deadline| async move {
            match read(&client, &id, deadline).await {
                Err(error) if error.is_not_found() => Ok(None),
                result => result.map(Some),
            }
        })
    }

    /// Waits until the certificate of a domain is issued, or has failed. Request it first with
    /// [`NewRoute::managed_certificate`](crate::routes::NewRoute::managed_certificate) or
    /// [`UpdateRoute::managed_certificate`](crate::routes::UpdateRoute::managed_certificate).
    pub fn wait(&self, domain: impl Into<String>) -> WaitForCertificate {
        WaitForCertificate {
            client: self.client.clone(),
            domain: domain.into(),
            on_step: None,
            limits: Limits::default(),
        }
    }

    /// Makes the cluster retry a failed certificate, by setting it to `pending`.
    pub fn retry(&self, id: impl Into<ManagedCertificateId>) -> UpdateManagedCertificate {
        self.update(id).status(&ManagedCertificateStatus::Pending)
    }

    /// Changes a managed certificate: reads it, changes what you name, and writes it back (`PUT
    /// /managed-certificates/:id`). The cluster's ACME worker reports with this call. A certificate that is set to
    /// `issued`, with its chain and key, is installed on its route at once.
    pub fn update(&self, id: impl Into<ManagedCertificateId>) -> UpdateManagedCertificate {
        UpdateManagedCertificate {
            client: self.client.clone(),
            id: id.into(),
            changes: Map::new(),
            key: None,
            limits: Limits::default(),
        }
    }
}

/// Reads a certificate. The server answers 500 if the id does not exist, so this checks the list.
async fn read<T: DeserializeOwned + 'static>(
    client: &Client,
    id: &ManagedCertificateId,
    deadline: Deadline,
) -> Result<T, Error> {
    let spec = Spec::get(ONE, [id.as_str()]);
    let error = match Request::json(client, spec).within(deadline).await {
        Err(error) if error.kind() == ErrorKind::Server && !error.is_retryable() => error,
        result => return result,
    };
    match client.managed_certificates().list().within(deadline).await {
        Ok(all) if all.iter().all(|certificate| certificate.id != *id) => {
            Err(error.with_kind(ErrorKind::NotFound).with_message(String::new()))
        }
        _ => Err(error),
    }
}

type OnStep = Box<dyn FnMut(&ManagedCertificate) + Send>;

/// Waits for a certificate; returned by [`ManagedCertificates::wait`].
///
/// # Errors
/// Fails with [`ErrorKind::Failed`] and the reason if it could not be issued, with [`ErrorKind::NotFound`] if no route
/// requests a certificate of the domain, and with [`ErrorKind::Timeout`] after the deadline.
#[must_use = "nothing is sent until it is awaited"]
pub struct WaitForCertificate {
    client: Client,
    domain: String,
    on_step: Option<OnStep>,
    limits: Limits,
}

impl WaitForCertificate {
    /// Calls `on_step` with each state of the certificate.
    pub fn on_step(mut self, on_step: impl FnMut(&ManagedCertificate) + Send + 'static) -> Self {
        self.on_step = Some(Box::new(on_step));
        self
    }

    async fn run(mut self, deadline: Deadline) -> Result<ManagedCertificate, Error> {
        let client = self.client.clone();
        let all = client.managed_certificates();
        // Connect first, so that no event after the list is missed.
        let events = client.events().object_types([EventType::ManagedCertificate]).watch();
        let mut events = deadline.limit(events.begin()).await?;
        let domain = self.domain;
        let known = all.list().within(deadline).await?;
        let known = known.into_iter().find(|certificate| certificate.domain == domain);
        let Some(known) = known else {
            let message = format!("no route requests a managed certificate of {domain}");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        if let Some(on_step) = &mut self.on_step {
            on_step(&known);
        }
        if known.status == ManagedCertificateStatus::Issued {
            return Ok(known);
        }
        if known.status == ManagedCertificateStatus::Failed {
            let past = client.events().object_id(known.id.as_str()).count(20).list();
            let past = past.run(deadline).await.unwrap_or_default();
            let reason = past.iter().find_map(|event| of(event, &known.id)?.reason());
            return Err(failed(&domain, known.reason().or(reason)));
        }
        let id = known.id;
        let mut on_step = self.on_step;
        let told = async {
            while let Some(event) = events.next().await {
                let Some(told) = of(&event?, &id) else { continue };
                if let Some(on_step) = &mut on_step {
                    on_step(&told);
                }
                match told.status {
                    ManagedCertificateStatus::Issued => return Ok(Ok(())),
                    ManagedCertificateStatus::Failed => return Ok(Err(told.reason())),
                    _ => {}
                }
            }
            Err(Error::new(ErrorKind::Connection, "the events have ended"))
        };
        let ask = || async {
            let certificate = all.get(&id).within(deadline).await.ok()?;
            match certificate.status {
                ManagedCertificateStatus::Issued => Some(Ok(())),
                ManagedCertificateStatus::Failed => Some(Err(certificate.reason())),
                _ => None,
            }
        };
        match deadline.limit(told_or_asked(told, ask)).await? {
            Ok(()) => all.get(&id).within(deadline).await,
            Err(reason) => Err(failed(&domain, reason)),
        }
    }
}

operation!(WaitForCertificate => ManagedCertificate);

impl fmt::Debug for WaitForCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCertificate").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// Returns the certificate of an event, if it is this one.
fn of(event: &Event, id: &ManagedCertificateId) -> Option<ManagedCertificate> {
    (event.object_id == id.as_str()).then(|| event.decode().ok()).flatten()
}

fn failed(domain: &str, reason: Option<String>) -> Error {
    let reason = reason.unwrap_or_else(|| "the server gives no reason".to_owned());
    let message = format!("the certificate of {domain} could not be issued: {reason}");
    Error::new(ErrorKind::Failed, message)
}

/// Changes a managed certificate; returned by [`ManagedCertificates::update`].
///
/// # Errors
/// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the certificate does not exist. Fails with
/// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct UpdateManagedCertificate {
    client: Client,
    id: ManagedCertificateId,
    changes: Map<String, Value>,
    key: Option<Secret>,
    limits: Limits,
}

impl UpdateManagedCertificate {
    /// Sets the state.
    pub fn status(self, status: &ManagedCertificateStatus) -> Self {
        self.set("status", status.as_str())
    }

    /// Sets the chain and its private key, both as PEM.
    pub fn certificate(mut self, chain_pem: impl Into<String>, key_pem: impl Into<Secret>) -> Self {
        self.key = Some(key_pem.into());
        self.set("cert", chain_pem)
    }

    /// Sets the time of expiry.
    pub fn expires_at(self, at: impl Into<Timestamp>) -> Self {
        let at = at.into();
        self.set("expires_at", at.as_str())
    }

    /// Sets the reason and time of the last failed attempt.
    pub fn last_error(self, message: impl Into<String>, at: impl Into<Timestamp>) -> Self {
        let at = at.into();
        self.set("last_error", message).set("last_error_at", at.as_str())
    }

    fn set(mut self, field: &str, value: impl Into<String>) -> Self {
        self.changes.insert(field.to_owned(), Value::String(value.into()));
        self
    }

    async fn run(self, deadline: Deadline) -> Result<ManagedCertificate, Error> {
        let mut document: Map<String, Value> = read(&self.client, &self.id, deadline).await?;
        document.extend(self.changes);
        if let Some(key) = self.key {
            document.insert("key".to_owned(), key.expose().into());
        }
        // Writing the same object again changes nothing.
        let write = Spec::put(ONE, [self.id.as_str()], Repeat::Safe).body(&document);
        Request::json(&self.client, write).within(deadline).await
    }
}

operation!(UpdateManagedCertificate => ManagedCertificate);
