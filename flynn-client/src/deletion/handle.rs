//! A deletion under way: watched, waited for, picked up again.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::StreamExt as _;

use super::{AppDeletion, AppDeletionEvent, ReleaseDeletion, ReleaseDeletionEvent};
use crate::ask::told_or_asked;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Pending};
use crate::events::{Event, EventType, EventWatch, Events};
use crate::ids::{AppId, ReleaseId};
use crate::transport::{Deadline, stream_next};

/// What is deleted in the background: an [`AppDeletion`] or a [`ReleaseDeletion`]. It cannot be implemented
/// elsewhere.
pub trait Deletion: kind::Kind {}

impl Deletion for AppDeletion {}
impl Deletion for ReleaseDeletion {}

mod kind {
    use super::{BoxFuture, Client, Error, Event, EventType, Pending};

    pub trait Kind: Sized + Send + 'static {
        type Id: AsRef<str> + Clone + std::fmt::Debug + Send + Sync;
        const EVENT: EventType;

        /// What an event says: what is gone, or why it is not.
        fn outcome(event: &Event) -> Result<(Self, String), Error>;

        fn pending(id: Self::Id) -> Pending;

        /// Whether a read says that it is gone, when events cannot say it any more.
        fn is_gone(client: &Client, id: &Self::Id) -> BoxFuture<'static, Option<Self>>;
    }
}

impl kind::Kind for AppDeletion {
    type Id = AppId;
    const EVENT: EventType = EventType::AppDeletion;

    fn outcome(event: &Event) -> Result<(Self, String), Error> {
        event.decode().map(|event: AppDeletionEvent| (event.app_deletion, event.error))
    }

    fn pending(id: AppId) -> Pending {
        Pending::AppDeletion(id)
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

    fn pending(id: ReleaseId) -> Pending {
        Pending::ReleaseDeletion(id)
    }

    fn is_gone(_: &Client, _: &ReleaseId) -> BoxFuture<'static, Option<Self>> {
        // The release is gone at once, its files are not.
        Box::pin(std::future::ready(None))
    }
}

/// A deletion that was accepted: to be waited on, watched, dropped, and picked up again by id.
#[non_exhaustive]
pub struct DeletionHandle<D: Deletion> {
    client: Client,
    /// Id of what is deleted, to go on from later with [`Client::app_deletion`] or
    /// [`Client::release_deletion`].
    pub id: D::Id,
}

impl<D: Deletion> DeletionHandle<D> {
    pub(super) fn new(client: Client, id: D::Id) -> Self {
        Self { client, id }
    }

    /// Its progress from its beginning: failures, after which the server tries again, and the success that
    /// ends the stream.
    pub fn watch(&self) -> DeletionProgress<D> {
        let events = Some(self.events().past().watch());
        DeletionProgress { events, what: std::marker::PhantomData }
    }

    /// By object, not by app: the app is about to be gone.
    fn events(&self) -> Events {
        self.client.events().object_types([D::EVENT]).object_id(self.id.as_ref())
    }

    /// Waits until all is gone, and says what.
    pub fn wait(&self) -> WaitForDeletion<D> {
        WaitForDeletion { handle: self.clone(), timeout: None }
    }
}

impl<D: Deletion> Clone for DeletionHandle<D> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone(), self.id.clone())
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
    /// It has failed for now, for this reason; the server tries again by itself.
    Failed(String),
    /// It is done.
    Done(D),
}

/// Steps of a deletion; made by [`DeletionHandle::watch`].
#[must_use = "nothing is sent until it is polled"]
pub struct DeletionProgress<D> {
    /// `None` after the last step.
    events: Option<EventWatch>,
    what: std::marker::PhantomData<fn() -> D>,
}

stream_next!(DeletionProgress<D> => DeletionStep<D>);

impl<D: Deletion> Stream for DeletionProgress<D> {
    type Item = Result<DeletionStep<D>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(events) = &mut self.events else { return Poll::Ready(None) };
        let event = ready!(events.poll_next_unpin(cx));
        let step = event.map(|event| {
            let (what, error) = D::outcome(&event?)?;
            Ok(if error.is_empty() {
                DeletionStep::Done(what)
            } else {
                DeletionStep::Failed(error)
            })
        });
        if !matches!(step, Some(Ok(DeletionStep::Failed(_)))) {
            self.events = None;
        }
        Poll::Ready(step)
    }
}

impl<D> fmt::Debug for DeletionProgress<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeletionProgress")
            .field("ended", &self.events.is_none())
            .finish_non_exhaustive()
    }
}

/// Waiting for a deletion; made by [`DeletionHandle::wait`].
///
/// # Errors
/// When awaited: [`ErrorKind::Timeout`] with the deletion as [`Error::pending`] and the server's last failure
/// as message; those of the event stream.
#[must_use = "nothing is sent until it is awaited"]
pub struct WaitForDeletion<D: Deletion> {
    handle: DeletionHandle<D>,
    timeout: Option<Duration>,
}

impl<D: Deletion> WaitForDeletion<D> {
    /// Deadline of the whole call, waiting included. Unless set there is none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn run(self) -> Result<D, Error> {
        let (handle, deadline) = (self.handle, Deadline::after(self.timeout));
        let mut failure = String::new();
        let waiting = told_or_asked(success(&handle, &mut failure), || past_success(&handle));
        let error = match deadline.limit(waiting).await {
            Ok(gone) => return Ok(gone),
            Err(error) if error.is_timeout() && !failure.is_empty() => {
                Error::new(ErrorKind::Timeout, format!("the server tries again after: {failure}"))
            }
            Err(error) if error.is_timeout() => error,
            // The stream is lost for good; whether it is gone may still be read.
            Err(error) => {
                let gone = D::is_gone(&handle.client, &handle.id);
                match deadline.limit(async { Ok(gone.await) }).await {
                    Ok(Some(gone)) => return Ok(gone),
                    _ => error,
                }
            }
        };
        Err(error.with_pending(D::pending(handle.id)))
    }
}

async fn success<D: Deletion>(
    handle: &DeletionHandle<D>,
    failure: &mut String,
) -> Result<D, Error> {
    let mut progress = handle.watch();
    while let Some(step) = progress.next().await {
        match step? {
            DeletionStep::Done(gone) => return Ok(gone),
            DeletionStep::Failed(reason) => *failure = reason,
        }
    }
    Err(Error::new(ErrorKind::Connection, "the events of the deletion ended before it did"))
}

/// The success, if there is an event of it already.
async fn past_success<D: Deletion>(handle: &DeletionHandle<D>) -> Option<D> {
    let events = handle.events().list().await.ok()?;
    let mut outcomes = events.iter().filter_map(|event| D::outcome(event).ok());
    outcomes.find_map(|(gone, error)| error.is_empty().then_some(gone))
}

impl<D: Deletion> IntoFuture for WaitForDeletion<D> {
    type Output = Result<D, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<D: Deletion> fmt::Debug for WaitForDeletion<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForDeletion").field("id", &self.handle.id).finish_non_exhaustive()
    }
}
