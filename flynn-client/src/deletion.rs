//! Deleting apps and releases: accepted at once, done later.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::apps::NewApp;
//!
//! flynn.apps().create(NewApp::named("www")).await?;
//! let deletion = flynn.app("www").delete().await?; // accepted
//! let gone = deletion.wait().await?;
//! assert_eq!(gone.deleted_routes.len(), 1);
//! assert!(flynn.app("www").get_opt().await?.is_none());
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! A single release, and a deletion that another program has begun:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! # use flynn_client::apps::NewApp;
//! # use flynn_client::releases::NewRelease;
//! # let www = flynn.apps().create(NewApp::named("www")).await?;
//! # let old = flynn.releases().create(NewRelease::of_app(&www.id)).await?;
//! # let release = flynn.releases().create(NewRelease::of_app(&www.id)).await?;
//! # flynn.app("www").set_release(&old.id).await?;
//! # flynn.app("www").set_release(&release.id).await?;
//! use flynn_client::deletion::DeletionStep;
//! use futures_util::TryStreamExt;
//!
//! flynn.app("www").delete_release(&old.id).await?; // the handle is dropped, the deletion goes on
//! let mut steps = flynn.release_deletion(&old.id).watch();
//! while let Some(step) = steps.try_next().await? {
//!     match step {
//!         DeletionStep::Done(gone) => println!("{} files are gone", gone.deleted_files.len()),
//!         DeletionStep::Failed(reason) => println!("the server tries again: {reason}"),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Pending};
use crate::ids::{AppId, ReleaseId};
use crate::json::null_is_default;
use crate::releases::Release;
use crate::resources::Resource;
use crate::routes::Route;
use crate::transport::{Deadline, Repeat, Request, Spec, operation};

mod handle;

pub use handle::{Deletion, DeletionHandle, DeletionProgress, DeletionStep, WaitForDeletion};

/// What went with an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AppDeletion {
    /// The app's id.
    #[serde(rename = "app")]
    pub app_id: AppId,
    /// Its routes.
    #[serde(deserialize_with = "null_is_default")]
    pub deleted_routes: Vec<Route>,
    /// Its resources; those that other apps share were kept.
    #[serde(deserialize_with = "null_is_default")]
    pub deleted_resources: Vec<Resource>,
    /// Its releases, with their env.
    #[serde(deserialize_with = "null_is_default")]
    pub deleted_releases: Vec<Release>,
}

/// Data of an event [`AppDeletion`](crate::events::EventType::AppDeletion).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AppDeletionEvent {
    /// What went with the app, or went so far.
    #[serde(deserialize_with = "null_is_default")]
    pub app_deletion: AppDeletion,
    /// Why it failed for now; empty when it is done. The server tries again by itself.
    pub error: String,
}

/// What went with a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ReleaseDeletion {
    /// The app's id; empty where there were no files to delete.
    #[serde(rename = "app")]
    pub app_id: AppId,
    /// The release.
    #[serde(rename = "release")]
    pub release_id: ReleaseId,
    /// Apps that still have the release (v2016).
    #[serde(deserialize_with = "null_is_default")]
    pub remaining_apps: Vec<AppId>,
    /// Files that were deleted from the blobstore.
    #[serde(deserialize_with = "null_is_default")]
    pub deleted_files: Vec<String>,
}

/// Data of an event [`ReleaseDeletion`](crate::events::EventType::ReleaseDeletion).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ReleaseDeletionEvent {
    /// What went with the release, or went so far.
    #[serde(deserialize_with = "null_is_default")]
    pub release_deletion: ReleaseDeletion,
    /// Why it failed for now; empty when it is done. The server tries again by itself.
    pub error: String,
}
impl AppHandle {
    /// Deletes the app with its routes, releases and resources: `DELETE /apps/:a`. Awaiting it gives a
    /// handle once the server has accepted.
    ///
    /// The app's id is read first: the handle needs it, since the name is gone before the deletion is
    /// over.
    pub fn delete(&self) -> DeleteApp {
        DeleteApp { app: self.clone(), timeout: None }
    }

    /// Deletes a release that is not the current one, with its formation and what it runs:
    /// `DELETE /apps/:a/releases/:r`. Awaiting it gives a handle once the server has accepted; the
    /// release's files in the blobstore go after that.
    pub fn delete_release(&self, id: impl Into<ReleaseId>) -> DeleteRelease {
        DeleteRelease { app: self.clone(), release: id.into(), timeout: None }
    }
}

impl Client {
    /// The deletion of an app that was accepted before, by the app's id, a UUID. Making the handle
    /// costs no request. The server keeps no record of what was accepted: waiting for a deletion that
    /// never was ends with its timeout.
    pub fn app_deletion(&self, app_id: impl Into<AppId>) -> DeletionHandle<AppDeletion> {
        DeletionHandle::new(self.clone(), app_id.into())
    }

    /// The deletion of a release that was accepted before, by its id. Making the handle costs no
    /// request; waiting for one that never was ends with its timeout.
    pub fn release_deletion(&self, id: impl Into<ReleaseId>) -> DeletionHandle<ReleaseDeletion> {
        DeletionHandle::new(self.clone(), id.into())
    }
}

/// An app to be deleted; made by [`AppHandle::delete`].
///
/// # Errors
/// When awaited: not found, when there is no such app. When the answer was lost the deletion may go on
/// ([`Error::pending`]): wait for it, never delete an app twice, since the second deletion fails for
/// ever.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct DeleteApp {
    app: AppHandle,
    timeout: Option<Duration>,
}

impl DeleteApp {
    async fn run(self, deadline: Deadline) -> Result<DeletionHandle<AppDeletion>, Error> {
        let client = self.app.client.clone();
        let id = self.app.get().within(deadline).await?.id;
        let spec = Spec::delete("/apps/{app}", [id.as_str()], Repeat::Never);
        match Request::unit(&client, spec).within(deadline).await {
            Ok(()) => Ok(DeletionHandle::new(client, id)),
            Err(error) if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout) => {
                Err(error.with_pending(Pending::AppDeletion(id)))
            }
            Err(error) => Err(error),
        }
    }
}

operation!(DeleteApp => DeletionHandle<AppDeletion>);

/// A release to be deleted; made by [`AppHandle::delete_release`].
///
/// # Errors
/// When awaited: a validation error for the current release; not found for one that does not exist.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct DeleteRelease {
    app: AppHandle,
    release: ReleaseId,
    timeout: Option<Duration>,
}

impl DeleteRelease {
    async fn run(self, deadline: Deadline) -> Result<DeletionHandle<ReleaseDeletion>, Error> {
        let Self { app, release, .. } = self;
        let segments = [app.app.as_str(), release.as_str()];
        let spec = Spec::delete("/apps/{app}/releases/{release}", segments, Repeat::Delete);
        Request::unit(&app.client, spec).within(deadline).await?;
        Ok(DeletionHandle::new(app.client, release))
    }
}

operation!(DeleteRelease => DeletionHandle<ReleaseDeletion>);
