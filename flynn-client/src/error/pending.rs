//! Operations that continue without their call.

use std::fmt;

use super::{Line, NAME};
use crate::ids::{
    AppId, AppRef, DeploymentId, JobId, MigrationId, ProviderId, ReleaseId, ResourceId,
    ScaleRequestId,
};

/// An operation that continues at the server, or is left unfinished there, after a call has failed.
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
        app: AppRef,
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

/// Ids come from the server, or from the caller.
impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |id: &dyn AsRef<str>| Line(id.as_ref(), NAME).to_string();
        match self {
            Self::Release(release) => write!(f, "release {} is made and not deployed", id(release)),
            Self::PerhapsDeployed(release) => {
                write!(f, "release {} may be deployed: see the app's deployments", id(release))
            }
            Self::Deployment(deployment) => write!(f, "deployment {} continues", id(deployment)),
            Self::Scale { app, release, .. } => {
                write!(f, "the scaling of {} at release {} continues", id(app), id(release))
            }
            Self::Migration(migration) => write!(f, "domain migration {} continues", id(migration)),
            Self::AppDeletion(app) => write!(f, "the deletion of app {} continues", id(app)),
            Self::ReleaseDeletion(release) => {
                write!(f, "the deletion of release {} continues", id(release))
            }
            Self::Job(job) => write!(f, "job {} continues", id(job)),
            Self::ResourceLinks { app, resources } => {
                write!(f, "app {} has lost {} resource links", id(app), resources.len())
            }
        }
    }
}
