//! Deleting an app: accepted at once, done later.
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

use serde::{Deserialize, Serialize};

use crate::ids::AppId;
use crate::json::null_is_default;
use crate::releases::Release;
use crate::resources::Resource;
use crate::routes::Route;

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

#[cfg(feature = "client")]
pub use calls::{AppDeletionHandle, AppDeletionProgress, DeleteApp, WaitForAppDeletion};

#[cfg(feature = "client")]
mod calls {
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use std::time::Duration;

    use futures_core::Stream;
    use futures_util::StreamExt as _;

    use super::{AppDeletion, AppDeletionEvent};
    use crate::apps::AppHandle;
    use crate::client::Client;
    use crate::error::{Error, ErrorKind, Pending};
    use crate::events::{EventType, EventWatch};
    use crate::ids::AppId;
    use crate::transport::{Deadline, Repeat, Request, Spec, operation};

    impl AppHandle {
        /// Deletes the app with its routes, releases and resources: `DELETE /apps/:a`. Awaiting it gives a
        /// handle once the server has accepted.
        ///
        /// The app's id is read first: the handle needs it, since the name is gone before the deletion is
        /// over.
        pub fn delete(&self) -> DeleteApp {
            DeleteApp { app: self.clone(), timeout: None }
        }
    }

    impl Client {
        /// The deletion of an app that was accepted before, by the app's id, a UUID. Making the handle
        /// costs no request.
        pub fn app_deletion(&self, app_id: impl Into<AppId>) -> AppDeletionHandle {
            AppDeletionHandle { client: self.clone(), app_id: app_id.into() }
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
        async fn run(self, deadline: Deadline) -> Result<AppDeletionHandle, Error> {
            let client = self.app.client.clone();
            let app_id = self.app.get().within(deadline).await?.id;
            let spec = Spec::delete("/apps/{app}", [app_id.as_str()], Repeat::Never);
            match Request::unit(&client, spec).within(deadline).await {
                Ok(()) => Ok(AppDeletionHandle { client, app_id }),
                Err(error)
                    if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout) =>
                {
                    Err(error.with_pending(Pending::AppDeletion(app_id)))
                }
                Err(error) => Err(error),
            }
        }
    }

    operation!(DeleteApp => AppDeletionHandle);

    /// The deletion of an app: to be waited on, watched, dropped, and picked up again by the app's id.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct AppDeletionHandle {
        client: Client,
        /// The app's id, to go on from later with [`Client::app_deletion`].
        pub app_id: AppId,
    }

    impl AppDeletionHandle {
        /// Its progress from its beginning: failures, after which the server tries again, and the success
        /// that ends the stream.
        pub fn watch(&self) -> AppDeletionProgress {
            // By object, not by app: the app is about to be gone.
            let events = self.client.events().object_types([EventType::AppDeletion]);
            AppDeletionProgress {
                events: events.object_id(self.app_id.as_str()).past().watch(),
                ended: false,
            }
        }

        /// Waits until the app is gone, and says what went with it.
        pub fn wait(&self) -> WaitForAppDeletion {
            WaitForAppDeletion { deletion: self.clone(), timeout: None }
        }
    }

    /// Steps of a deletion; made by [`AppDeletionHandle::watch`].
    #[derive(Debug)]
    #[must_use = "nothing is sent until it is polled"]
    pub struct AppDeletionProgress {
        events: EventWatch,
        ended: bool,
    }

    impl Stream for AppDeletionProgress {
        type Item = Result<AppDeletionEvent, Error>;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            if self.ended {
                return Poll::Ready(None);
            }
            let step = match ready!(self.events.poll_next_unpin(cx)) {
                Some(event) => event.and_then(|event| event.decode::<AppDeletionEvent>()),
                None => return Poll::Ready(None),
            };
            self.ended = step.as_ref().map_or(true, |step| step.error.is_empty());
            Poll::Ready(Some(step))
        }
    }

    /// Waiting for a deletion; made by [`AppDeletionHandle::wait`].
    ///
    /// # Errors
    /// When awaited: [`ErrorKind::Timeout`] with the deletion as [`Error::pending`] and the server's last
    /// failure as message; those of the event stream.
    #[derive(Clone, Debug)]
    #[must_use = "nothing is sent until it is awaited"]
    pub struct WaitForAppDeletion {
        deletion: AppDeletionHandle,
        timeout: Option<Duration>,
    }

    impl WaitForAppDeletion {
        async fn run(self, deadline: Deadline) -> Result<AppDeletion, Error> {
            let handle = &self.deletion;
            let mut failure = String::new();
            let ended = deadline.limit(success(handle, &mut failure)).await;
            let error = match ended {
                Ok(gone) => return Ok(gone),
                Err(error) if error.is_timeout() && !failure.is_empty() => Error::new(
                    ErrorKind::Timeout,
                    format!("the server tries again after: {failure}"),
                ),
                Err(error) if error.is_timeout() => error,
                // The stream is lost for good; whether the app is gone can still be read.
                Err(error) => {
                    match handle.client.app(&handle.app_id).get_opt().within(deadline).await {
                        Ok(None) => {
                            return Ok(AppDeletion {
                                app_id: handle.app_id.clone(),
                                ..AppDeletion::default()
                            });
                        }
                        _ => error,
                    }
                }
            };
            Err(error.with_pending(Pending::AppDeletion(handle.app_id.clone())))
        }
    }

    operation!(WaitForAppDeletion => AppDeletion);

    async fn success(
        handle: &AppDeletionHandle,
        failure: &mut String,
    ) -> Result<AppDeletion, Error> {
        let mut progress = handle.watch();
        while let Some(step) = progress.next().await {
            let step = step?;
            if step.error.is_empty() {
                return Ok(step.app_deletion);
            }
            *failure = step.error;
        }
        Err(Error::new(ErrorKind::Connection, "the events of the deletion ended before it did"))
    }
}
