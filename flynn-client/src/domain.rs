//! The cluster's domain, and moving the cluster to another one.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("old.example.com").start().await;
//! # let flynn = mock.client();
//! let migration = flynn.domain().migrate("new.example.com").await?; // accepted
//! let done = migration.wait().await?;
//! assert_eq!(done.domain, "new.example.com");
//! assert_eq!(flynn.domain().get().await?, "new.example.com");
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! Progress, with the id alone:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use futures_util::TryStreamExt;
//!
//! let id = flynn.domain().migrate("new.example.com").await?.id.clone();
//! let mut steps = flynn.domain().migration(id).watch();
//! while let Some(step) = steps.try_next().await? {
//!     println!("{}", if step.error.is_empty() { "it goes on" } else { &step.error });
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::ask::told_or_asked;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Pending};
use crate::events::{Event, EventType, EventWatch, Events};
use crate::ids::MigrationId;
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Repeat, Request, Spec, operation, stream_next};

mod missing_routes;

pub use crate::error::MissingRoute;
pub use missing_routes::{CreateMissingRoutes, FindMissingRoutes};

/// A migration to another domain, as the controller keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DomainMigration {
    /// Id, a UUID.
    pub id: MigrationId,
    /// What the cluster had; without `ca_cert` and `pin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_tls_cert: Option<ClusterCertificate>,
    /// What the cluster got; not before the server has made or taken it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<ClusterCertificate>,
    /// The domain before.
    pub old_domain: String,
    /// The domain after.
    pub domain: String,
    /// When it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

impl DomainMigration {
    /// Whether it is done.
    pub fn is_finished(&self) -> bool {
        self.finished_at.as_ref().is_some_and(|time| !time.is_zero())
    }
}

/// A cluster's certificate: for the domain and the names below it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ClusterCertificate {
    /// PEM of the authority.
    pub ca_cert: String,
    /// PEM of the certificate.
    pub cert: String,
    /// SHA-256 of the certificate's DER, in base64.
    pub pin: String,
    /// PEM of the private key.
    pub key: Secret,
}

impl ClusterCertificate {
    /// A certificate of your own. The server computes nothing: the pin is yours to compute, and `ca_cert` must
    /// be set and differ from the cluster's current one, or the certificate is not taken.
    ///
    /// The PEM must be [canonical](crate::routes::NewRoute::certificate).
    pub fn new(
        ca_cert: impl Into<String>,
        cert: impl Into<String>,
        key: impl Into<Secret>,
        pin: impl Into<String>,
    ) -> Self {
        Self { ca_cert: ca_cert.into(), cert: cert.into(), pin: pin.into(), key: key.into() }
    }
}

/// Progress of a migration, as its events tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DomainMigrationEvent {
    /// The migration as it is now.
    #[serde(rename = "domain_migration")]
    pub migration: Option<DomainMigration>,
    /// Why it failed for now; the server tries again by itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// The cluster's domain; made by [`Client::domain`].
#[derive(Clone, Debug)]
pub struct Domain {
    client: Client,
}

impl Client {
    /// The cluster's domain.
    pub fn domain(&self) -> Domain {
        Domain { client: self.clone() }
    }
}

impl Domain {
    /// The domain that new apps get their routes under: `DEFAULT_ROUTE_DOMAIN` of the controller's release.
    pub fn get(&self) -> GetDomain {
        GetDomain { client: self.client.clone(), timeout: None }
    }

    /// Moves the cluster to another domain: `PUT /domain`. Awaiting it gives a handle once the server has
    /// accepted.
    ///
    /// The server makes a certificate for the domain, unless [`certificate`](MigrateDomain::certificate) brings
    /// one, adds routes below the new domain beside the old ones (path, leader and keep-alive flags are not
    /// copied), and deploys the apps that know the domain, the controller among them.
    pub fn migrate(&self, domain: impl Into<String>) -> MigrateDomain {
        MigrateDomain { domain: self.clone(), to: domain.into(), certificate: None, timeout: None }
    }

    /// A migration by its id. Making the handle costs no request.
    pub fn migration(&self, id: impl Into<MigrationId>) -> MigrationHandle {
        MigrationHandle { client: self.client.clone(), id: id.into(), accepted: None }
    }
}

/// Reading the domain; made by [`Domain::get`].
///
/// # Errors
/// [`ErrorKind::Unexpected`], when the controller's release does not say it.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct GetDomain {
    client: Client,
    timeout: Option<Duration>,
}

impl GetDomain {
    async fn run(self, deadline: Deadline) -> Result<String, Error> {
        let mut release = self.client.app("controller").release().within(deadline).await?;
        let domain = release.env.remove("DEFAULT_ROUTE_DOMAIN");
        domain.ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, "the controller has no DEFAULT_ROUTE_DOMAIN")
        })
    }
}

operation!(GetDomain => String);

/// A migration to be asked for; made by [`Domain::migrate`].
///
/// # Errors
/// A validation error for a domain that is empty, has a port, is no host name, or is the current one: the
/// server would accept all of these.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct MigrateDomain {
    domain: Domain,
    to: String,
    certificate: Option<ClusterCertificate>,
    timeout: Option<Duration>,
}

#[derive(Serialize)]
struct NewMigration<'a> {
    old_domain: &'a str,
    domain: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert: Option<&'a ClusterCertificate>,
}

impl MigrateDomain {
    /// A certificate of your own, for the new domain and the names below it. No CLI offers this.
    pub fn certificate(mut self, certificate: ClusterCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    async fn run(self, deadline: Deadline) -> Result<MigrationHandle, Error> {
        check_name(&self.to)?;
        if self
            .certificate
            .as_ref()
            .is_some_and(|certificate| certificate.ca_cert.trim().is_empty())
        {
            return Err(Error::invalid_input(
                "without `ca_cert` the server does not take the certificate",
            ));
        }
        let client = self.domain.client.clone();
        let old = GetDomain { client: client.clone(), timeout: None }.run(deadline).await?;
        if old == self.to {
            return Err(Error::invalid_input(format!("{old} is the cluster's domain already")));
        }
        let body = NewMigration {
            old_domain: &old,
            domain: &self.to,
            tls_cert: self.certificate.as_ref(),
        };
        let spec = Spec::put("/domain", [], Repeat::Never).body(&body);
        let accepted = Request::<DomainMigration>::json(&client, spec).within(deadline).await?;
        Ok(MigrationHandle { client, id: accepted.id.clone(), accepted: Some(accepted) })
    }
}

operation!(MigrateDomain => MigrationHandle);

/// The server takes anything, even nothing, and moves the cluster there.
fn check_name(name: &str) -> Result<(), Error> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if name.len() <= 253 && name.split('.').all(is_label) {
        return Ok(());
    }
    Err(Error::invalid_input(format!(
        "{name:?} is no domain: lower-case labels between dots, without a port, are expected"
    )))
}

/// A migration that was accepted: to be waited on, watched, dropped, and picked up again by id.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MigrationHandle {
    client: Client,
    /// Id to go on from later, with [`Domain::migration`].
    pub id: MigrationId,
    accepted: Option<DomainMigration>,
}

impl MigrationHandle {
    /// The migration as it was accepted; `None` for a handle made from an id.
    pub fn accepted(&self) -> Option<&DomainMigration> {
        self.accepted.as_ref()
    }

    /// Its progress from its beginning; the stream ends when the migration has.
    pub fn watch(&self) -> MigrationProgress {
        MigrationProgress { events: self.events().past().watch(), ended: false }
    }

    /// Waits until it is done and looks for routes that it has not made. There is no deadline unless one is
    /// set; moving the system apps can take more than two minutes.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let races = flynn_mock::Races::none().lost_routes(100);
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("old.example.com").races(races).start().await;
    /// # let flynn = mock.client();
    /// use flynn_client::ErrorKind;
    ///
    /// let migration = flynn.domain().migrate("new.example.com").await?;
    /// match migration.wait().await {
    ///     Ok(_) => println!("every route has its counterpart"),
    ///     Err(error) if error.kind() == ErrorKind::MissingRoutes => {
    ///         for route in migration.create_missing_routes().await? {
    ///             println!("created {}", route.domain);
    ///         }
    ///     }
    ///     Err(error) => return Err(error),
    /// }
    /// # assert!(migration.missing_routes().await?.is_empty());
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    pub fn wait(&self) -> WaitForMigration {
        WaitForMigration { migration: self.clone(), timeout: None }
    }

    /// What is known of it.
    async fn known(&self, deadline: Deadline) -> Result<DomainMigration, Error> {
        if let Some(accepted) = &self.accepted {
            return Ok(accepted.clone());
        }
        let events = self.events().list().run(deadline).await?;
        let known =
            events.iter().find_map(|event| event.decode::<DomainMigrationEvent>().ok()?.migration);
        known.ok_or_else(|| self.not_found())
    }

    fn not_found(&self) -> Error {
        let message = format!("no event tells of domain migration {}", self.id);
        Error::new(ErrorKind::NotFound, message)
    }

    fn pending(&self, error: Error) -> Error {
        error.with_pending(Pending::Migration(self.id.clone()))
    }

    fn events(&self) -> Events {
        self.client.events().object_types([EventType::DomainMigration]).object_id(self.id.as_str())
    }
}

/// Steps of a migration; made by [`MigrationHandle::watch`].
#[derive(Debug)]
#[must_use = "nothing is sent until it is polled"]
pub struct MigrationProgress {
    events: EventWatch,
    ended: bool,
}

stream_next!(MigrationProgress => DomainMigrationEvent);

impl Stream for MigrationProgress {
    type Item = Result<DomainMigrationEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let step = match ready!(self.events.poll_next_unpin(cx)) {
            Some(event) => event.and_then(|event| event.decode::<DomainMigrationEvent>()),
            None => return Poll::Ready(None),
        };
        self.ended = step.as_ref().map_or(true, |step| finished(step).is_some());
        Poll::Ready(Some(step))
    }
}

fn finished(step: &DomainMigrationEvent) -> Option<&DomainMigration> {
    step.migration.as_ref().filter(|migration| migration.is_finished())
}

/// Waiting for a migration; made by [`MigrationHandle::wait`].
///
/// # Errors
/// [`ErrorKind::MissingRoutes`], when it is done and routes are missing, which [`Error::missing_routes`] names
/// and [`MigrationHandle::create_missing_routes`] makes: do not drop the old domain before.
/// [`ErrorKind::Timeout`] with the migration as [`Error::pending`] and the server's last trouble, if it had
/// any: it tries again by itself. Those of the event stream.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct WaitForMigration {
    migration: MigrationHandle,
    timeout: Option<Duration>,
}

impl WaitForMigration {
    async fn run(self, deadline: Deadline) -> Result<DomainMigration, Error> {
        let done = self.end(deadline).await?;
        if done.old_domain.is_empty() || done.domain.is_empty() {
            return Ok(done);
        }
        let domain = Domain { client: self.migration.client.clone() };
        let missing = domain.missing_routes(&done.old_domain, &done.domain).run(deadline).await;
        let missing = missing.map_err(|error| self.migration.pending(error))?;
        if missing.is_empty() {
            return Ok(done);
        }
        let message = format!(
            "domain migration {} is done and has not made {}; create them before you drop {}",
            done.id,
            missing_routes::list(&missing),
            done.old_domain
        );
        Err(Error::new(ErrorKind::MissingRoutes, message).with_missing_routes(missing))
    }

    async fn end(&self, deadline: Deadline) -> Result<DomainMigration, Error> {
        let handle = &self.migration;
        if handle.accepted.is_none() {
            // Of one that does not exist there would never be an event.
            let events = handle.events().list().run(deadline).await;
            let events = events.map_err(|error| handle.pending(error))?;
            if events.is_empty() {
                return Err(handle.not_found());
            }
            if let Some(done) = last_word(&events) {
                return Ok(done);
            }
        }
        let mut trouble = String::new();
        let told = until_finished(handle, &mut trouble);
        let ask = || async { last_word(&handle.events().list().await.ok()?) };
        let error = match deadline.limit(told_or_asked(told, ask)).await {
            Ok(migration) => return Ok(migration),
            Err(error) => error,
        };
        if !deadline.is_over() {
            // The stream is lost for good, perhaps by its own timeout; the list of its events has the last word.
            let events = handle.events().list().run(deadline).await;
            if let Some(migration) = events.ok().as_deref().and_then(last_word) {
                return Ok(migration);
            }
        }
        let error = handle.pending(error);
        // A cause of its own matters more: the pin may have changed with the domain.
        let unexplained = std::error::Error::source(&error).is_none();
        Err(if unexplained && !trouble.is_empty() { error.caused_by(trouble) } else { error })
    }
}

operation!(WaitForMigration => DomainMigration);

async fn until_finished(
    handle: &MigrationHandle,
    trouble: &mut String,
) -> Result<DomainMigration, Error> {
    let mut progress = handle.watch();
    while let Some(step) = progress.next().await {
        let step = step?;
        if let Some(migration) = finished(&step) {
            return Ok(migration.clone());
        }
        if !step.error.is_empty() {
            *trouble = step.error;
        }
    }
    Err(Error::new(ErrorKind::Connection, "the events of the migration ended before it did"))
}

fn last_word(events: &[Event]) -> Option<DomainMigration> {
    events.iter().find_map(|event| finished(&event.decode().ok()?).cloned())
}
