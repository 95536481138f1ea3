//! What a call has left behind.

use std::fmt;

use crate::ids::{
    AppId, DeploymentId, JobId, MigrationId, ProviderId, ReleaseId, ResourceId, ScaleRequestId,
};

/// What goes on at the server, or is left half done there, when a call of several steps fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pending {
    /// A release was made and is not deployed.
    Release(ReleaseId),
    /// The answer to the request for a release's deployment was lost: it may be under way all the same, see
    /// `AppHandle::deployments`.
    PerhapsDeployed(ReleaseId),
    /// A deployment was accepted; [`Client::deployment`](crate::Client::deployment) goes on from here.
    Deployment(DeploymentId),
    /// A scale request was accepted for an app's release.
    Scale {
        /// The app, as the caller named it.
        app: AppId,
        /// The release whose processes are scaled.
        release: ReleaseId,
        /// The request; empty on servers older than v20170309.0, which have only formations.
        request: ScaleRequestId,
    },
    /// A domain migration was accepted.
    Migration(MigrationId),
    /// An app is being deleted.
    AppDeletion(AppId),
    /// The files of a release are being deleted.
    ReleaseDeletion(ReleaseId),
    /// A job was started.
    Job(JobId),
    /// Resource links of an app may be gone, which were only meant to be out of the way for a moment.
    ResourceLinks {
        /// The app's id.
        app: AppId,
        /// Provider and id of each resource: link those again that the app is not linked to.
        resources: Vec<(ProviderId, ResourceId)>,
    },
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(id) => write!(f, "release {id} is made and not deployed"),
            Self::PerhapsDeployed(id) => {
                write!(f, "release {id} may be under way all the same: see the app's deployments")
            }
            Self::Deployment(id) => write!(f, "deployment {id} goes on"),
            Self::Scale { app, release, .. } => {
                write!(f, "the scaling of {app} at release {release} goes on")
            }
            Self::Migration(id) => write!(f, "domain migration {id} goes on"),
            Self::AppDeletion(app) => write!(f, "the deletion of app {app} goes on"),
            Self::ReleaseDeletion(id) => write!(f, "the deletion of release {id} goes on"),
            Self::Job(id) => write!(f, "job {id} goes on"),
            Self::ResourceLinks { app, resources } => {
                write!(f, "app {app} has lost {} resource links", resources.len())
            }
        }
    }
}
