//! Operations that continue after their call has ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Line, NAME};
use crate::ids::{
    AppId, AppRef, DeploymentId, JobId, MigrationId, ProviderId, ReleaseId, ResourceId,
    ScaleRequestId,
};

/// An operation that continues on the server, or is unfinished there, after a call has failed or was dropped.
///
/// [`Client::resume`](crate::Client::resume) resumes it, also in another program: it is `Serialize` and `Deserialize`,
/// and contains only ids, no secrets. Apps are named as the caller named them.
///
/// ```
/// use flynn_client::Pending;
///
/// let pending = Pending::Deployment { app: "www".into(), deployment: "5ab1".into() };
/// let text = serde_json::to_string(&pending).unwrap();
/// assert_eq!(text, r#"{"pending":"deployment","app":"www","deployment":"5ab1"}"#);
/// assert_eq!(serde_json::from_str::<Pending>(&text).unwrap(), pending);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "pending", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pending {
    /// A release was created and is not deployed.
    Release {
        /// The app.
        app: AppRef,
        /// The release.
        release: ReleaseId,
    },
    /// The answer to the creation of a release was lost, and no release with its content was found. If it exists, it is
    /// not deployed and has no effect: create it again.
    PerhapsRelease {
        /// The app.
        app: AppRef,
    },
    /// A release of another writer was replaced at the same time, so the changes that it made may be lost. Compare it
    /// with the current release, and make them again.
    Replaced {
        /// The app.
        app: AppRef,
        /// The other writer's release.
        release: ReleaseId,
    },
    /// The answer to a deployment was lost, so the release may be deployed; see
    /// [`AppHandle::deployments`](crate::apps::AppHandle::deployments).
    PerhapsDeployed {
        /// The app.
        app: AppRef,
        /// The release.
        release: ReleaseId,
    },
    /// A deployment was accepted.
    Deployment {
        /// The app.
        app: AppRef,
        /// The deployment.
        deployment: DeploymentId,
    },
    /// A scale request was accepted.
    Scale {
        /// The app.
        app: AppRef,
        /// The release that is scaled.
        release: ReleaseId,
        /// The request; empty if the answer was lost, and on servers before v20170309.0, which have only formations.
        request: ScaleRequestId,
    },
    /// A domain migration of the whole cluster was accepted.
    Migration {
        /// The migration.
        migration: MigrationId,
    },
    /// The answer to a domain migration was lost, so it may have started.
    PerhapsMigrating {
        /// The new domain.
        domain: String,
        /// The id of the newest event of a migration before the request; 0 if there was none. A migration with an
        /// event up to this one is another one.
        #[serde(default)]
        after: i64,
    },
    /// The answer to the creation of an app was lost, so the app may exist.
    PerhapsApp {
        /// The app's id, which the client chose.
        app: AppId,
    },
    /// An app is being deleted, or may be if the answer was lost. Never delete it twice.
    AppDeletion {
        /// The app's id.
        app: AppId,
    },
    /// A release and its files are being deleted.
    ReleaseDeletion {
        /// The app.
        app: AppRef,
        /// The release.
        release: ReleaseId,
    },
    /// A job was started.
    Job {
        /// The app.
        app: AppRef,
        /// The job.
        job: JobId,
    },
    /// The answer to a job's start was lost, so it may be running; see [`Jobs::list`](crate::jobs::Jobs::list).
    PerhapsJob {
        /// The app.
        app: AppRef,
        /// The release that it runs.
        release: ReleaseId,
        /// The value of its metadata [`RUN_ID`](crate::jobs::RUN_ID), which identifies it.
        run: String,
    },
    /// Some places under a domain have a new certificate, and the old one could not be restored. Plan the
    /// [installation](crate::Client::install_certificate) again to finish.
    Certificate {
        /// The domain.
        domain: String,
        /// The places with the new certificate, such as `route controller.example.com of controller`.
        places: Vec<String>,
    },
    /// A key rotation is unfinished, and both keys work.
    KeyRotation {
        /// True if the new key was stored: then [`resume`](crate::key_rotation::RotateKey::resume) with it, otherwise
        /// start again.
        stored: bool,
    },
    /// Links of an app to resources were removed temporarily and may not have been restored.
    ResourceLinks {
        /// The app's id.
        app: AppId,
        /// The provider and id of each resource. Link the app again to those that it is not linked to.
        resources: Vec<(ProviderId, ResourceId)>,
    },
}

impl Pending {
    /// Returns the app that it concerns; `None` for the whole cluster.
    pub fn app(&self) -> Option<AppRef> {
        match self {
            Self::Release { app, .. }
            | Self::PerhapsRelease { app }
            | Self::Replaced { app, .. }
            | Self::PerhapsDeployed { app, .. }
            | Self::Deployment { app, .. }
            | Self::Scale { app, .. }
            | Self::ReleaseDeletion { app, .. }
            | Self::Job { app, .. }
            | Self::PerhapsJob { app, .. } => Some(app.clone()),
            Self::PerhapsApp { app }
            | Self::AppDeletion { app }
            | Self::ResourceLinks { app, .. } => Some(app.into()),
            Self::Migration { .. }
            | Self::PerhapsMigrating { .. }
            | Self::Certificate { .. }
            | Self::KeyRotation { .. } => None,
        }
    }
}

/// Escapes ids, which come from the server or the caller.
impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |id: &dyn AsRef<str>| Line(id.as_ref(), NAME).to_string();
        match self {
            Self::Release { app, release } => {
                write!(f, "release {} of app {} is not deployed", id(release), id(app))
            }
            Self::PerhapsRelease { app } => {
                write!(f, "a release of app {} may have been created", id(app))
            }
            Self::Replaced { app, release } => {
                write!(f, "the changes of release {} of app {} may be lost", id(release), id(app))
            }
            Self::PerhapsDeployed { app, release } => write!(
                f,
                "release {0} may be deployed: check the deployments of app {1}",
                id(release),
                id(app)
            ),
            Self::Deployment { app, deployment } => {
                write!(f, "deployment {} of app {} continues", id(deployment), id(app))
            }
            Self::Scale { app, release, .. } => {
                write!(f, "the scaling of app {} at release {} continues", id(app), id(release))
            }
            Self::Migration { migration } => {
                write!(f, "domain migration {} continues", id(migration))
            }
            Self::PerhapsMigrating { domain, .. } => {
                write!(f, "the migration to {} may have started", id(domain))
            }
            Self::PerhapsApp { app } => write!(f, "app {} may have been created", id(app)),
            Self::AppDeletion { app } => write!(f, "the deletion of app {} continues", id(app)),
            Self::ReleaseDeletion { app, release } => {
                write!(f, "the deletion of release {} of app {} continues", id(release), id(app))
            }
            Self::Job { app, job } => write!(f, "job {} of app {} continues", id(job), id(app)),
            Self::PerhapsJob { app, release, .. } => {
                write!(f, "a job of release {} of app {} may be running", id(release), id(app))
            }
            Self::Certificate { domain, places } => {
                let places = places.len();
                write!(f, "{places} places under {} have the new certificate", Line(domain, NAME))
            }
            Self::KeyRotation { stored: true } => {
                f.write_str("both keys work: resume the rotation with the stored key")
            }
            Self::KeyRotation { stored: false } => {
                f.write_str("the controller may accept a key that was not stored: rotate again")
            }
            Self::ResourceLinks { app, resources } => {
                write!(f, "app {} has lost {} resource links", id(app), resources.len())
            }
        }
    }
}
