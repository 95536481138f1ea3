//! Deletes apps and releases. The server accepts a deletion at once and carries it out later.
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
//! Delete a release, and watch a deletion that another program has started:
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
//! flynn.app("www").delete_release(&old.id).await?; // the deletion continues without the handle
//! let mut steps = flynn.app("www").release_deletion(&old.id).watch();
//! while let Some(step) = steps.try_next().await? {
//!     match step {
//!         DeletionStep::Done(gone) => println!("{} files are gone", gone.deleted_files.len()),
//!         DeletionStep::Failed(reason) => println!("the server will retry: {reason}"),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::fmt;

use futures_core::future::BoxFuture;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::client::Client;
use crate::error::{Error, Pending};
use crate::events::{Event, EventType, Events};
use crate::ids::{AppId, AppRef, ReleaseId};
use crate::json::null_is_default;
use crate::operation::accepted::{Accepted, Begun};
use crate::operation::{Progress, Wait};
use crate::releases::Release;
use crate::resources::Resource;
use crate::routes::Route;
use crate::transport::{Deadline, Repeat, Request, Spec};

/// A deleted app, and the objects that were deleted with it.
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
    /// Its resources. Resources that it shares with other apps are kept.
    #[serde(deserialize_with = "null_is_default")]
    pub deleted_resources: Vec<Resource>,
    /// Its releases, with their env.
    #[serde(deserialize_with = "null_is_default")]
    pub deleted_releases: Vec<Release>,
}

/// Data of the event [`AppDeletion`](crate::events::EventType::AppDeletion).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AppDeletionEvent {
    /// The objects deleted so far.
    #[serde(deserialize_with = "null_is_default")]
    pub app_deletion: AppDeletion,
    /// The last failure, after which the server retries; empty on success.
    pub error: String,
}

/// A deleted release, and the files that were deleted with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ReleaseDeletion {
    /// The app's id; empty if there were no files to delete.
    #[serde(rename = "app")]
    pub app_id: AppId,
    /// The release.
    #[serde(rename = "release")]
    pub release_id: ReleaseId,
    /// Apps that still have the release (servers of 2016).
    #[serde(deserialize_with = "null_is_default")]
    pub remaining_apps: Vec<AppId>,
    /// Files that were deleted from the blobstore.
    #[serde(deserialize_with = "null_is_default")]
    pub deleted_files: Vec<String>,
}

/// Data of the event [`ReleaseDeletion`](crate::events::EventType::ReleaseDeletion).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ReleaseDeletionEvent {
    /// The objects deleted so far.
    #[serde(deserialize_with = "null_is_default")]
    pub release_deletion: ReleaseDeletion,
    /// The last failure, after which the server retries; empty on success.
    pub error: String,
}

impl AppHandle {
    /// Deletes the app with its routes, releases and resources: `DELETE /apps/:a`. Returns a handle once the server has
    /// accepted the deletion.
    ///
    /// The app's id is read first, because the handle needs it: the name may be reused before the deletion ends.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist. If the answer was lost
    /// ([`Error::may_have_acted`]), the deletion may have started, and [`Error::pending`] names it: wait for it. Never
    /// delete an app twice, since the second deletion never ends.
    pub fn delete(&self) -> Request<DeletionHandle<AppDeletion>> {
        let app = self.clone();
        Request::steps("app(..).delete()", |deadline| async move {
            let client = &app.client;
            let id = app.get().within(deadline).await?.id;
            let spec = Spec::delete("/apps/{app}", [id.as_str()], Repeat::Never);
            match Request::unit(client, spec).within(deadline).await {
                Ok(()) => Ok(client.app_deletion(id)),
                Err(error) if error.may_have_acted() => {
                    Err(error.with_pending(Pending::AppDeletion { app: id }))
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Deletes a release that is not the current one, with its formation and jobs: `DELETE /apps/:a/releases/:r`.
    /// Returns a handle once the server has accepted the deletion. The server then deletes the release's files in the
    /// blobstore.
    ///
    /// # Errors
    /// Fails with [`Validation`](crate::ErrorKind::Validation) for the current release; with
    /// [`NotFound`](crate::ErrorKind::NotFound) if the release does not exist.
    pub fn delete_release(
        &self,
        id: impl Into<ReleaseId>,
    ) -> Request<DeletionHandle<ReleaseDeletion>> {
        let handle = self.release_deletion(id);
        Request::steps("app(..).delete_release(..)", |deadline| async move {
            let segments = [handle.app.as_str(), handle.id.as_str()];
            let spec = Spec::delete("/apps/{app}/releases/{release}", segments, Repeat::Delete);
            match Request::unit(&handle.client, spec).within(deadline).await {
                Ok(()) => Ok(handle),
                Err(error) if error.may_have_acted() => Err(error.with_pending(handle.pending())),
                Err(error) => Err(error),
            }
        })
    }

    /// Returns a handle to a deletion of a release that the server has already accepted. Sends nothing. The server does
    /// not record accepted deletions, so waiting for one that does not exist times out.
    pub fn release_deletion(&self, id: impl Into<ReleaseId>) -> DeletionHandle<ReleaseDeletion> {
        DeletionHandle { client: self.client.clone(), app: self.app.clone(), id: id.into() }
    }
}

impl Client {
    /// Returns a handle to a deletion of an app that the server has already accepted, by the app's id, a UUID. Sends
    /// nothing. The server does not record accepted deletions, so waiting for one that does not exist times out.
    pub fn app_deletion(&self, app_id: impl Into<AppId>) -> DeletionHandle<AppDeletion> {
        let id = app_id.into();
        DeletionHandle { client: self.clone(), app: AppRef::from(&id), id }
    }
}

/// An object that the server deletes in the background: an [`AppDeletion`] or a [`ReleaseDeletion`]. This trait is
/// sealed.
pub trait Deletion: kind::Kind {}

impl Deletion for AppDeletion {}
impl Deletion for ReleaseDeletion {}

mod kind {
    use super::{AppRef, BoxFuture, Client, Error, Event, EventType, Pending};

    pub trait Kind: Sized + Send + 'static {
        type Id: AsRef<str> + Clone + std::fmt::Debug + Send + Sync;
        const EVENT: EventType;

        /// Reads the deleted objects and the failure from an event. The failure is empty on success.
        fn outcome(event: &Event) -> Result<(Self, String), Error>;

        fn pending(app: AppRef, id: Self::Id) -> Pending;

        /// Asks whether the object is gone, if events do not show it.
        fn is_gone(client: &Client, id: &Self::Id) -> BoxFuture<'static, Option<Self>>;
    }
}

impl kind::Kind for AppDeletion {
    type Id = AppId;
    const EVENT: EventType = EventType::AppDeletion;

    fn outcome(event: &Event) -> Result<(Self, String), Error> {
        event.decode().map(|event: AppDeletionEvent| (event.app_deletion, event.error))
    }

    fn pending(_: AppRef, app: AppId) -> Pending {
        Pending::AppDeletion { app }
    }

    fn is_gone(client: &Client, id: &AppId) -> BoxFuture<'static, Option<Self>> {
        let (get, app_id) = (client.app(id).get_opt(), id.clone());
        Box::pin(async move {
            let gone = matches!(get.await, Ok(None));
            gone.then(|| Self { app_id, ..Self::default() })
        })
    }
}

impl kind::Kind for ReleaseDeletion {
    type Id = ReleaseId;
    const EVENT: EventType = EventType::ReleaseDeletion;

    fn outcome(event: &Event) -> Result<(Self, String), Error> {
        event.decode().map(|event: ReleaseDeletionEvent| (event.release_deletion, event.error))
    }

    fn pending(app: AppRef, release: ReleaseId) -> Pending {
        Pending::ReleaseDeletion { app, release }
    }

    fn is_gone(_: &Client, _: &ReleaseId) -> BoxFuture<'static, Option<Self>> {
        // The release is gone at once, but its files are not.
        Box::pin(std::future::ready(None))
    }
}

/// An accepted deletion: await [`wait`](Self::wait), [`watch`](Self::watch) it, or resume it later by its id.
#[non_exhaustive]
pub struct DeletionHandle<D: Deletion> {
    client: Client,
    app: AppRef,
    /// The id of the deleted app or release, for [`Client::app_deletion`] and [`AppHandle::release_deletion`].
    pub id: D::Id,
}

/// The steps of a deletion; returned by [`DeletionHandle::watch`].
pub type DeletionProgress<D> = Progress<DeletionStep<D>>;

/// Waits for a deletion; returned by [`DeletionHandle::wait`].
pub type WaitForDeletion<D> = Wait<DeletionHandle<D>>;

impl<D: Deletion> DeletionHandle<D> {
    /// Returns the operation for [`Client::resume`](crate::Client::resume), for example when the user has pressed ^C
    /// while you waited.
    pub fn pending(&self) -> Pending {
        Accepted::pending(self)
    }

    /// Streams the steps from the first one on: failures, after which the server retries, and the success that ends the
    /// stream.
    pub fn watch(&self) -> DeletionProgress<D> {
        let steps = self.events().past().watch().map(|event| {
            let (what, error) = D::outcome(&event?)?;
            Ok(if error.is_empty() {
                DeletionStep::Done(what)
            } else {
                DeletionStep::Failed(error)
            })
        });
        Progress::until(steps, |step| matches!(step, DeletionStep::Done(_)))
    }

    /// Filters by object, because an app's own events cannot be read when the app is gone.
    fn events(&self) -> Events {
        self.client.events().object_types([D::EVENT]).object_id(self.id.as_ref())
    }

    /// Waits until everything is deleted, and returns the deleted objects.
    ///
    /// # Errors
    /// Returns the errors of [`Wait`].
    pub fn wait(&self) -> WaitForDeletion<D> {
        Wait::new(self.clone())
    }
}

impl<D: Deletion> Accepted for DeletionHandle<D> {
    type Step = DeletionStep<D>;
    type End = D;
    type Output = D;

    fn pending(&self) -> Pending {
        D::pending(self.app.clone(), self.id.clone())
    }

    fn begin(&self) -> impl Future<Output = Result<Begun<Self>, Error>> + Send {
        std::future::ready(Ok(Begun::Running(self.watch())))
    }

    fn end(step: DeletionStep<D>) -> Result<D, DeletionStep<D>> {
        match step {
            DeletionStep::Done(gone) => Ok(gone),
            step @ DeletionStep::Failed(_) => Err(step),
        }
    }

    fn failure(step: &DeletionStep<D>) -> Option<&str> {
        match step {
            DeletionStep::Failed(reason) => Some(reason),
            DeletionStep::Done(_) => None,
        }
    }

    async fn ask(&self) -> Result<Option<D>, Error> {
        match self.events().list().await {
            Ok(events) => {
                let mut outcomes = events.iter().filter_map(|event| D::outcome(event).ok());
                Ok(outcomes.find_map(|(gone, error)| error.is_empty().then_some(gone)))
            }
            Err(_) => Ok(D::is_gone(&self.client, &self.id).await),
        }
    }

    async fn finish(&self, gone: D, _: Deadline) -> Result<D, Error> {
        Ok(gone)
    }
}

impl<D: Deletion> Clone for DeletionHandle<D> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), app: self.app.clone(), id: self.id.clone() }
    }
}

impl<D: Deletion> fmt::Debug for DeletionHandle<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeletionHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A step of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeletionStep<D> {
    /// An attempt has failed for this reason; the server retries.
    Failed(String),
    /// The deletion is complete.
    Done(D),
}
