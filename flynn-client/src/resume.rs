//! Resumes operations that a call has left unfinished.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! # use std::time::Duration;
//! use flynn_client::Pending;
//! use flynn_client::resume::Outcome;
//!
//! let scaling = flynn.app("blobstore").scale([("web", 2)]).await?;
//! let noted = match scaling.wait().timeout(Duration::from_millis(1)).await {
//!     Ok(_) => None,
//!     Err(error) => error.pending().map(serde_json::to_string), // to a file, for the next run
//! };
//! if let Some(Ok(noted)) = noted {
//!     let pending: Pending = serde_json::from_str(&noted).expect("it was written by this program");
//!     match flynn.resume(pending).await? {
//!         Outcome::Scaled(formation) => assert_eq!(formation.processes["web"], 2),
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use crate::apps::{App, AppHandle};
use crate::client::Client;
use crate::deletion::{AppDeletion, ReleaseDeletion};
use crate::deployments::{self, Deployment};
use crate::domain::{self, DomainMigration};
use crate::error::{Error, ErrorKind, Pending};
use crate::formations::Formation;
use crate::ids::{AppId, ProviderId, ReleaseId, ResourceId};
use crate::jobs::{self, Job};
use crate::operation::{self, Operation};
use crate::resources::Resource;
use crate::transport::{Deadline, Limits, operation as call};

/// The outcome of a resumed operation; returned by [`Client::resume`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The app was created.
    AppCreated(App),
    /// The release is deployed.
    Deployed(Deployment),
    /// The jobs are running.
    Scaled(Formation),
    /// The app is deleted.
    AppDeleted(AppDeletion),
    /// The release and its files are deleted.
    ReleaseDeleted(ReleaseDeletion),
    /// The cluster has its new domain.
    Migrated(DomainMigration),
    /// The job has ended, with any exit status.
    JobEnded(Job),
    /// The app is linked to its resources again. Contains the links that were missing.
    Linked(Vec<Resource>),
}

impl Client {
    /// Resumes the operation in [`Error::pending`], and waits until it has ended.
    ///
    /// - A release that is not deployed is deployed. The same applies to a release whose deployment may have been lost,
    ///   unless the app's newest deployment is of this release.
    /// - For an accepted operation, the call waits until it has ended.
    /// - If the answer to another operation was lost, the call looks for the operation. It does not start it again.
    /// - Missing resource links are created again.
    /// - Certificates and keys need more than ids: install or rotate them again, which continues where it stopped.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Failed`] if the operation has failed, with [`ErrorKind::Timeout`] if the deadline has
    /// passed ([`Error::pending`] names the operation again), and with [`ErrorKind::NotFound`] if the server does not
    /// know it, for example because a lost request never reached the server.
    pub fn resume(&self, pending: Pending) -> Resume {
        Resume { client: self.clone(), pending, limits: Limits::default() }
    }
}

/// Resumes an operation; returned by [`Client::resume`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Resume {
    client: Client,
    pending: Pending,
    limits: Limits,
}

impl Resume {
    async fn run(self, deadline: Deadline) -> Result<Outcome, Error> {
        let Self { client, pending, .. } = self;
        match pending.clone() {
            Pending::Release { app, release } | Pending::PerhapsDeployed { app, release } => {
                deploy(&client.app(app), &release, pending, deadline).await.map(Outcome::Deployed)
            }
            Pending::Deployment { app, deployment } => {
                let handle = client.deployment(deployment).of_app(app);
                wait(&handle, deadline).await.map(Outcome::Deployed)
            }
            Pending::Scale { app, release, request } => {
                let handle = client.app(app).scaling(release, request);
                wait(&handle, deadline).await.map(Outcome::Scaled)
            }
            Pending::Migration { migration } => {
                let handle = client.domain().migration(migration);
                wait(&handle, deadline).await.map(Outcome::Migrated)
            }
            Pending::PerhapsMigrating { domain, after } => {
                let found = domain::lost(&client, &domain, after, deadline).await;
                let found = found.ok_or_else(|| {
                    unknown(
                        "no migration to the domain was found; the request may not have arrived",
                        pending,
                    )
                })?;
                let handle = client.domain().migration(found.id);
                wait(&handle, deadline).await.map(Outcome::Migrated)
            }
            Pending::PerhapsApp { app } => {
                let found = client.app(&app).get_opt().within(deadline).await?;
                let found = found.ok_or_else(|| unknown("no app with this id", pending))?;
                Ok(Outcome::AppCreated(found))
            }
            Pending::AppDeletion { app } => {
                wait(&client.app_deletion(app), deadline).await.map(Outcome::AppDeleted)
            }
            Pending::ReleaseDeletion { app, release } => {
                let handle = client.app(app).release_deletion(release);
                wait(&handle, deadline).await.map(Outcome::ReleaseDeleted)
            }
            Pending::Job { app, job } => {
                let wait = client.app(app).jobs().wait(job);
                wait.within(deadline).await.map(Outcome::JobEnded)
            }
            Pending::PerhapsJob { app, run, .. } => {
                let jobs = client.app(app).jobs();
                let found = jobs::lost(&jobs, &run, deadline).await;
                let found = found.ok_or_else(|| unknown("no such job", pending))?;
                jobs.wait(found.uuid).within(deadline).await.map(Outcome::JobEnded)
            }
            Pending::PerhapsRelease { .. } => Err(Error::invalid_input(
                "the release is not deployed, so it has no effect even if it exists: create it again",
            )),
            Pending::Replaced { .. } => Err(Error::invalid_input(
                "another writer's release was replaced: compare it with the current one, and make its changes again",
            )),
            // These need more than ids: the certificate, or the key and the place to store it.
            Pending::Certificate { .. } => Err(Error::invalid_input(
                "plan the installation of the certificate again: it continues where it stopped",
            )),
            Pending::KeyRotation { .. } => {
                Err(Error::invalid_input("use `Client::rotate_key` to continue the rotation"))
            }
            Pending::ResourceLinks { app, resources } => {
                link(&client, app, resources, deadline).await.map(Outcome::Linked)
            }
        }
    }
}

call!(Resume => Outcome);

async fn wait<O: Operation>(handle: &O, deadline: Deadline) -> Result<O::Output, Error> {
    operation::wait(handle, None, deadline).await
}

fn unknown(message: &str, pending: Pending) -> Error {
    Error::new(ErrorKind::NotFound, message).with_pending(pending)
}

/// Deploys a release, unless the app's newest deployment has done so.
async fn deploy(
    app: &AppHandle,
    release: &ReleaseId,
    pending: Pending,
    deadline: Deadline,
) -> Result<Deployment, Error> {
    let deployments = app.deployments().within(deadline).await;
    let deployments = deployments.map_err(|error| error.with_pending(pending.clone()))?;
    let newest = deployments.into_iter().next();
    if let Some(newest) = newest.filter(|newest| newest.new_release_id == *release) {
        return wait(&app.client.deployment(newest.id).of_app(app.app.clone()), deadline).await;
    }
    let start = deployments::start(app, release, false, deadline).await;
    wait(&start.map_err(|error| error.with_pending(pending))?, deadline).await
}

async fn link(
    client: &Client,
    app: AppId,
    resources: Vec<(ProviderId, ResourceId)>,
    deadline: Deadline,
) -> Result<Vec<Resource>, Error> {
    let linked = client.app(&app).resources().list().within(deadline).await?;
    let mut made = Vec::new();
    let mut missing = resources;
    missing.retain(|(_, id)| !linked.iter().any(|resource| resource.id == *id));
    while let Some((provider, id)) = missing.last() {
        let add = client.provider(provider).resources().add_app(id, &app);
        match add.within(deadline).await {
            Ok(resource) => made.push(resource),
            Err(error) => {
                return Err(error.with_pending(Pending::ResourceLinks { app, resources: missing }));
            }
        }
        missing.pop();
    }
    Ok(made)
}
