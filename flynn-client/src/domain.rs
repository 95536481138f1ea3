//! Reads the cluster's domain, and moves the cluster to another one.
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
//! Another program can watch it by its id:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use futures_util::TryStreamExt;
//!
//! let id = flynn.domain().migrate("new.example.com").await?.id.clone();
//! let mut steps = flynn.domain().migration(id).watch();
//! while let Some(step) = steps.try_next().await? {
//!     println!("{}", if step.error.is_empty() { "migrating" } else { &step.error });
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::{Error, ErrorKind, Pending};
use crate::events::{Event, EventType, Events};
use crate::ids::MigrationId;
use crate::operation::accepted::{Accepted, Begun};
use crate::operation::{Progress, Wait};
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Limits, Repeat, Request, Spec, operation};

mod missing_routes;

pub use crate::error::MissingRoute;

/// A migration to another domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DomainMigration {
    /// The id, a UUID.
    pub id: MigrationId,
    /// The old certificate, without `ca_cert` and `pin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_tls_cert: Option<ClusterCertificate>,
    /// The new certificate; absent until the server has created or accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<ClusterCertificate>,
    /// The old domain.
    pub old_domain: String,
    /// The new domain.
    pub domain: String,
    /// The time when it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

impl DomainMigration {
    /// Returns whether the migration has finished.
    pub fn is_finished(&self) -> bool {
        self.finished_at.as_ref().is_some_and(|time| !time.is_zero())
    }
}

/// The certificate of a cluster, for its domain and the names below it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ClusterCertificate {
    /// The PEM of the CA certificate.
    pub ca_cert: String,
    /// The PEM of the certificate.
    pub cert: String,
    /// The SHA-256 of the certificate's DER, in base64.
    pub pin: String,
    /// The PEM of the private key.
    pub key: Secret,
}

impl ClusterCertificate {
    /// Creates your own certificate. The server does not compute the pin, so you must. `ca_cert` must differ
    /// from the cluster's current one, or the server ignores the certificate.
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

/// A step of a migration, from its events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DomainMigrationEvent {
    /// The migration at this step.
    #[serde(rename = "domain_migration")]
    pub migration: Option<DomainMigration>,
    /// The failure after which the server retries; empty if there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// The cluster's domain; returned by [`Client::domain`].
#[derive(Clone, Debug)]
pub struct Domain {
    client: Client,
}

impl Client {
    /// Accesses the cluster's domain.
    pub fn domain(&self) -> Domain {
        Domain { client: self.clone() }
    }
}

impl Domain {
    /// Reads the cluster's domain, under which new apps get their routes: `DEFAULT_ROUTE_DOMAIN` in the controller's
    /// release.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Unexpected`] if the controller's release does not have it.
    pub fn get(&self) -> Request<String> {
        let controller = self.client.app("controller");
        Request::steps("domain().get()", |deadline| async move {
            let mut release = controller.release().within(deadline).await?;
            release.env.remove("DEFAULT_ROUTE_DOMAIN").ok_or_else(|| {
                Error::new(ErrorKind::Unexpected, "the controller has no DEFAULT_ROUTE_DOMAIN")
            })
        })
    }

    /// Moves the cluster to another domain: `PUT /domain`. Returns a handle once the server has accepted the migration.
    ///
    /// The server creates a certificate for the domain unless you bring your [own](MigrateDomain::certificate). It adds
    /// routes under the new domain and keeps the old ones (path, leader and keep-alive flags are not copied), and
    /// deploys the apps that know the domain, including the controller.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for a domain that is empty, has a port, is not a host name,
    ///   or is the current one. The server would accept all of these.
    /// - If the answer was lost ([`Error::may_have_acted`]), the client looks for the migration among the events. If
    ///   none is found, [`Error::pending`] is [`Pending::PerhapsMigrating`].
    pub fn migrate(&self, domain: impl Into<String>) -> MigrateDomain {
        MigrateDomain {
            domain: self.clone(),
            to: domain.into(),
            certificate: None,
            limits: Limits::default(),
        }
    }

    /// Returns a handle to a migration by its id. Sends nothing.
    pub fn migration(&self, id: impl Into<MigrationId>) -> MigrationHandle {
        MigrationHandle { client: self.client.clone(), id: id.into(), accepted: None }
    }
}

/// Moves the cluster to another domain; returned by [`Domain::migrate`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct MigrateDomain {
    domain: Domain,
    to: String,
    certificate: Option<ClusterCertificate>,
    limits: Limits,
}

#[derive(Serialize)]
struct NewMigration<'a> {
    old_domain: &'a str,
    domain: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert: Option<&'a ClusterCertificate>,
}

impl MigrateDomain {
    /// Brings your own certificate, for the new domain and the names below it.
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
                "the server ignores a certificate without `ca_cert`: set it",
            ));
        }
        let client = self.domain.client.clone();
        let old = self.domain.get().within(deadline).await?;
        if old == self.to {
            return Err(Error::invalid_input(format!(
                "the domain of the cluster is already {old}"
            )));
        }
        let body = NewMigration {
            old_domain: &old,
            domain: &self.to,
            tls_cert: self.certificate.as_ref(),
        };
        // If the answer is lost, an earlier migration must not be taken for this one.
        let after = migration_events(&client).count(1).list().run(deadline).await?;
        let after = after.first().map_or(0, |event| event.id);
        let spec = Spec::put("/domain", [], Repeat::Never).body(&body);
        let accepted = match Request::<DomainMigration>::json(&client, spec).within(deadline).await
        {
            Err(error) if error.may_have_acted() => {
                let domain = self.to.clone();
                let found = lost(&client, &domain, after, deadline).await;
                found.ok_or_else(|| {
                    error.with_pending(Pending::PerhapsMigrating { domain, after })
                })?
            }
            accepted => accepted?,
        };
        Ok(MigrationHandle { client, id: accepted.id.clone(), accepted: Some(accepted) })
    }
}

/// Finds the migration whose answer was lost: to this domain, and without an event up to `after`. An earlier migration
/// to this domain may still be retried by the server and have later events too.
pub(crate) async fn lost(
    client: &Client,
    domain: &str,
    after: i64,
    deadline: Deadline,
) -> Option<DomainMigration> {
    let events = migration_events(client).list().run(deadline).await.ok()?;
    let (earlier, later): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.id <= after);
    later.into_iter().find_map(|event| {
        let migration = event.decode::<DomainMigrationEvent>().ok()?.migration?;
        let is_new = !earlier.iter().any(|earlier| earlier.object_id == event.object_id);
        (is_new && migration.domain == domain).then_some(migration)
    })
}

/// Selects the events of all migrations.
fn migration_events(client: &Client) -> Events {
    client.events().object_types([EventType::DomainMigration])
}

operation!(MigrateDomain => MigrationHandle);

/// Checks the name. The server accepts any text, even an empty one.
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
        "{name:?} is not a domain: write lower-case labels between dots, without a port"
    )))
}

/// An accepted migration: await [`wait`](Self::wait), [`watch`](Self::watch) it, or resume it later by its id.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MigrationHandle {
    client: Client,
    /// The id, for [`Domain::migration`].
    pub id: MigrationId,
    accepted: Option<DomainMigration>,
}

/// The steps of a migration; returned by [`MigrationHandle::watch`].
pub type MigrationProgress = Progress<DomainMigrationEvent>;

/// Waits for a migration; returned by [`MigrationHandle::wait`].
pub type WaitForMigration = Wait<MigrationHandle>;

impl MigrationHandle {
    /// Returns the migration as the server accepted it; `None` for a handle that was created from an id.
    pub fn accepted(&self) -> Option<&DomainMigration> {
        self.accepted.as_ref()
    }

    /// Returns the operation for [`Client::resume`](crate::Client::resume), for example when the user has pressed ^C
    /// while you waited.
    pub fn pending(&self) -> Pending {
        Accepted::pending(self)
    }

    /// Streams the steps from the first one on. The stream ends when the migration ends.
    pub fn watch(&self) -> MigrationProgress {
        let steps = self.events().past().watch();
        let steps = steps.map(|event| event?.decode::<DomainMigrationEvent>());
        Progress::until(steps, |step| finished(step).is_some())
    }

    /// Waits until the migration has finished, then looks for routes that it has not created. Moving the system apps
    /// can take more than two minutes.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::MissingRoutes`] if it is done and routes are missing: [`Error::missing_routes`] names
    /// them, and [`create_missing_routes`](Self::create_missing_routes) creates them. Do not drop the old domain before
    /// that. Otherwise returns the errors of [`Wait`].
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
        Wait::new(self.clone())
    }

    /// Returns the migration as far as it is known.
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
        let message = format!("no event of domain migration {}", self.id);
        Error::new(ErrorKind::NotFound, message)
    }

    fn events(&self) -> Events {
        migration_events(&self.client).object_id(self.id.as_str())
    }
}

fn finished(step: &DomainMigrationEvent) -> Option<&DomainMigration> {
    step.migration.as_ref().filter(|migration| migration.is_finished())
}

/// Returns the finished migration from its events, newest first.
fn end_in(events: &[Event]) -> Option<DomainMigration> {
    events.iter().find_map(|event| finished(&event.decode().ok()?).cloned())
}

impl Accepted for MigrationHandle {
    type Step = DomainMigrationEvent;
    type End = DomainMigration;
    type Output = DomainMigration;

    fn pending(&self) -> Pending {
        Pending::Migration { migration: self.id.clone() }
    }

    async fn begin(&self) -> Result<Begun<Self>, Error> {
        if self.accepted.is_none() {
            let events = self.events().list().await?;
            if events.is_empty() {
                return Ok(Begun::Unknown(self.not_found()));
            }
            if let Some(done) = end_in(&events) {
                return Ok(Begun::Ended(done));
            }
        }
        Ok(Begun::Running(self.watch()))
    }

    fn end(step: DomainMigrationEvent) -> Result<DomainMigration, DomainMigrationEvent> {
        match finished(&step) {
            Some(done) => Ok(done.clone()),
            None => Err(step),
        }
    }

    fn failure(step: &DomainMigrationEvent) -> Option<&str> {
        Some(step.error.as_str()).filter(|error| !error.is_empty())
    }

    async fn ask(&self) -> Result<Option<DomainMigration>, Error> {
        Ok(end_in(&self.events().list().await?))
    }

    async fn finish(
        &self,
        done: DomainMigration,
        deadline: Deadline,
    ) -> Result<DomainMigration, Error> {
        if done.old_domain.is_empty() || done.domain.is_empty() {
            return Ok(done);
        }
        let domain = self.client.domain();
        let missing = domain.missing_routes(&done.old_domain, &done.domain).within(deadline).await;
        let missing = missing.map_err(|error| error.with_pending(self.pending()))?;
        if missing.is_empty() {
            return Ok(done);
        }
        let message = format!(
            "domain migration {} has finished, but has not created routes for {}; create them before you drop {}",
            done.id,
            missing_routes::list(&missing),
            done.old_domain
        );
        Err(Error::new(ErrorKind::MissingRoutes, message).with_missing_routes(missing))
    }
}
