//! Events: every change of the cluster, as a list, a stream, or a watch that reconnects.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::apps::NewApp;
//! use flynn_client::events::EventType;
//! use futures_util::TryStreamExt;
//!
//! let mut apps = flynn.events().object_types([EventType::App]).stream().await?;
//! flynn.apps().create(NewApp::named("www")).await?;
//! let event = apps.try_next().await?.expect("the stream does not end");
//! assert_eq!(event.object_type, EventType::App);
//!
//! let all = flynn.events().object_types([EventType::App]).list().await?;
//! assert_eq!(all[0].id, event.id);
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! A watch reconnects by itself. To resume after a restart of your program, store the last id:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::events::EventType;
//! use futures_util::TryStreamExt;
//!
//! let jobs = flynn.events().of_app("router").object_types([EventType::Job]);
//! let mut watch = jobs.clone().past().count(1).watch(); // the newest event, then new ones
//! let event = watch.try_next().await?.expect("a watch does not end");
//! println!("{} is {}", event.object_id, event.job()?.state);
//! let _later = jobs.watch().after(event.id);
//!
//! let older = flynn.events().count(10).list().before(event.id).await?;
//! assert!(older.iter().all(|older| older.id < event.id));
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::stream::try_unfold;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::ids::{AppId, AppRef};
use crate::json::Json;
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{
    Connect, Deadline, Limits, Request, Spec, list_limit, operation, stream_next,
};

mod watch;

pub use watch::EventWatch;

string_enum! {
    /// The type of the object that an event is about.
    EventType {
        /// An app was created or changed.
        App = "app",
        /// An app was deleted, or its deletion failed and is retried (`error`).
        AppDeletion = "app_deletion",
        /// Another release became the current one of an app.
        AppRelease = "app_release",
        /// A deployment changed its status.
        Deployment = "deployment",
        /// A job changed its state.
        Job = "job",
        /// A scale request was created or completed.
        ScaleRequest = "scale_request",
        /// A scale request was cancelled (the server spells it with one `l`); from v20190730.0 on.
        ScaleRequestCancelation = "scale_request_cancelation",
        /// A release was created.
        Release = "release",
        /// A release was deleted.
        ReleaseDeletion = "release_deletion",
        /// An artifact was created.
        Artifact = "artifact",
        /// A provider was created.
        Provider = "provider",
        /// A resource was provisioned.
        Resource = "resource",
        /// A resource was deleted.
        ResourceDeletion = "resource_deletion",
        /// A resource was removed from an app.
        ResourceAppDeletion = "resource_app_deletion",
        /// A route was created or changed.
        Route = "route",
        /// A route was deleted.
        RouteDeletion = "route_deletion",
        /// A domain migration started, failed and is retried, or ended.
        DomainMigration = "domain_migration",
        /// A backup of the cluster changed its state.
        ClusterBackup = "cluster_backup",
        /// Old releases of an app were deleted.
        AppGarbageCollection = "app_garbage_collection",
        /// A log sink was created.
        Sink = "sink",
        /// A log sink was deleted.
        SinkDeletion = "sink_deletion",
        /// A volume changed.
        Volume = "volume",
        /// A managed certificate changed (the fork). The data contains its private key.
        ManagedCertificate = "managed_certificate",
        /// A scheduled command was run; see [`SchedulerEvent`](crate::scheduler_events::SchedulerEvent) (the fork).
        Scheduler = "scheduler",
        /// The jobs of a process type crash again and again (the fork).
        CrashLoop = "crash_loop",
        /// A runtime profile changed (the fork).
        Runtime = "runtime",
        /// The cluster's settings of runtimes changed (the fork).
        RuntimeSettings = "runtime_settings",
        /// A formation changed: the old form of a scale request, which is still sent too.
        Scale = "scale",
    }
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Event {
    /// The id, an increasing number. A stream can resume after it.
    #[serde(skip_serializing_if = "crate::json::is_default")]
    pub id: i64,
    /// The app's id; empty for artifacts, providers, sinks and the domain.
    #[serde(rename = "app", skip_serializing_if = "AppId::is_empty")]
    pub app_id: AppId,
    /// The type of the object.
    #[serde(skip_serializing_if = "EventType::is_empty")]
    pub object_type: EventType,
    /// The id of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub object_id: String,
    /// The object or its change. It can contain keys and private keys.
    #[serde(skip_serializing_if = "Json::is_null")]
    pub data: Json,
    /// The time of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

impl Event {
    /// Decodes the data. Its shape depends on [`object_type`](Self::object_type).
    ///
    /// # Errors
    /// Fails with [`Decode`](crate::ErrorKind::Decode) if the data has another shape.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.data.decode()
    }

    /// Returns the job of a [`Job`](EventType::Job) event.
    ///
    /// # Errors
    /// Fails with [`Decode`](crate::ErrorKind::Decode) if the event is about something else.
    pub fn job(&self) -> Result<crate::jobs::Job, Error> {
        self.decode_of(&EventType::Job)
    }

    /// Returns the progress in a [`Deployment`](EventType::Deployment) event.
    ///
    /// # Errors
    /// Fails with [`Decode`](crate::ErrorKind::Decode) if the event is about something else.
    pub fn deployment(&self) -> Result<crate::deployments::DeploymentEvent, Error> {
        self.decode_of(&EventType::Deployment)
    }

    /// Checks the event's type too, because the data alone does not tell most objects apart.
    fn decode_of<T: DeserializeOwned>(&self, kind: &EventType) -> Result<T, Error> {
        if self.object_type == *kind {
            return self.data.decode();
        }
        let message = format!("event {} is not a {kind} event", self.id);
        Err(Error::new(ErrorKind::Decode, message))
    }
}
/// The events of the cluster, with filters; returned by [`Client::events`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Events {
    pub(crate) client: Client,
    app: Option<AppRef>,
    object_types: Vec<EventType>,
    object_id: Option<String>,
    past: bool,
    count: Option<u32>,
}

impl Client {
    /// Accesses the events of the cluster.
    pub fn events(&self) -> Events {
        Events {
            client: self.clone(),
            app: None,
            object_types: Vec::new(),
            object_id: None,
            past: false,
            count: None,
        }
    }
}

impl Events {
    /// Selects the events of one app, by name or id. After the app was deleted, the server answers "not found": then
    /// filter by [`object_id`](Self::object_id).
    pub fn of_app(mut self, app: impl Into<AppRef>) -> Self {
        self.app = Some(app.into());
        self
    }

    /// Selects events about objects of these types.
    pub fn object_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        self.object_types = types.into_iter().collect();
        self
    }

    /// Selects events about one object.
    pub fn object_id(mut self, id: impl Into<String>) -> Self {
        self.object_id = Some(id.into());
        self
    }

    /// Starts streams with past events, oldest first.
    pub fn past(mut self) -> Self {
        self.past = true;
        self
    }

    /// Limits past events to the newest `count`, and lists to `count` events.
    pub fn count(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// Lists the events, newest first, in pages: `GET /events`, as JSON. Without [`count`](Self::count), the list is
    /// limited by [`ClientBuilder::max_list_length`](crate::ClientBuilder::max_list_length), 100,000 by default;
    /// [`pages`](ListEvents::pages) has no limit.
    pub fn list(&self) -> ListEvents {
        ListEvents {
            events: self.clone(),
            before: None,
            since: None,
            page: 500,
            limits: Limits::default(),
        }
    }

    /// Reads an event: `GET /events/:id`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the event does not exist.
    pub fn get(&self, id: i64) -> Request<Event> {
        Request::json(&self.client, Spec::get("/events/{event}", [&id.to_string()]))
    }

    /// Streams new events on one connection: `GET /events`. Returns once the server has accepted the stream, which then
    /// includes all later events.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) for an app that does not exist. If the connection is lost,
    /// the stream ends with an error.
    pub fn stream(&self) -> Connect<Event> {
        let mut spec = self.spec();
        if self.past {
            spec = spec.query("past", "true").query_opt("count", self.count);
        }
        Connect::new(&self.client, spec)
    }

    /// Resumes after this event and ignores the filters for past events.
    pub(crate) fn stream_after(&self, last: i64) -> Connect<Event> {
        let header = http::HeaderName::from_static("last-event-id");
        // No `count`: it would keep only the newest of the missed events.
        Connect::new(&self.client, self.spec().header(header, last.into()))
    }

    pub(crate) fn wants_past(&self) -> bool {
        self.past
    }

    /// Streams new events. Reconnects, resumes after the last event and drops duplicates.
    pub fn watch(self) -> EventWatch {
        EventWatch::of(self)
    }

    fn spec(&self) -> Spec {
        let types: Vec<_> = self.object_types.iter().map(EventType::as_str).collect();
        let types = Some(types.join(",")).filter(|types| !types.is_empty());
        Spec::get("/events", [])
            .query_id("app_id", self.app.as_ref())
            .query_id("object_id", self.object_id.as_ref())
            .query_opt("object_types", types)
    }
}

/// Lists events; returned by [`Events::list`].
///
/// # Errors
/// Fails with [`ErrorKind::TooLarge`] if there are more events than a list may have.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ListEvents {
    events: Events,
    before: Option<i64>,
    since: Option<i64>,
    page: u32,
    limits: Limits,
}

impl ListEvents {
    /// Selects events older than this one.
    pub fn before(mut self, id: i64) -> Self {
        self.before = Some(id);
        self
    }

    /// Selects events newer than this one.
    pub fn since(mut self, id: i64) -> Self {
        self.since = Some(id);
        self
    }

    /// Sets the number of events per request; 500 by default.
    pub fn page_size(mut self, events: u32) -> Self {
        self.page = events.max(1);
        self
    }

    /// Returns the events as a stream of pages, which keeps one page in memory. [`timeout`](Self::timeout) then applies
    /// to each page.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// use futures_util::TryStreamExt;
    ///
    /// let mut pages = flynn.events().list().page_size(50).pages();
    /// while let Some(page) = pages.try_next().await? {
    ///     println!("{} events", page.len());
    /// }
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    pub fn pages(self) -> EventPages {
        let limits = self.limits;
        let pages = try_unfold(Pages::of(self), move |mut pages| async move {
            let page = pages.next(limits.deadline()).await?;
            Ok(page.map(|page| (page, pages)))
        });
        EventPages(Box::pin(pages))
    }

    pub(crate) async fn run(self, deadline: Deadline) -> Result<Vec<Event>, Error> {
        let most = match self.events.count {
            Some(_) => usize::MAX,
            None => list_limit(&self.events.client),
        };
        let mut pages = Pages::of(self);
        let mut all = Vec::new();
        while let Some(page) = pages.next(deadline).await? {
            all.extend(page);
            if all.len() > most {
                let message = format!("more than {most} events; set `count`, or read `pages()`");
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
        }
        Ok(all)
    }
}

/// The position in a list of events.
struct Pages {
    list: ListEvents,
    /// The number of events that are still wanted.
    left: usize,
}

impl Pages {
    fn of(list: ListEvents) -> Self {
        let left = list.events.count.map_or(usize::MAX, |count| count as usize);
        Self { list, left }
    }

    async fn next(&mut self, deadline: Deadline) -> Result<Option<Vec<Event>>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let ListEvents { events, before, since, page, .. } = &mut self.list;
        let count = usize::min(*page as usize, self.left);
        let spec = (events.spec())
            .query_opt("before_id", *before)
            .query_opt("since_id", *since)
            .query("count", &count.to_string());
        let mut page = Request::<Vec<Event>>::list(&events.client, spec).within(deadline).await?;
        let Some(oldest) = page.last().map(|event| event.id) else { return Ok(None) };
        if before.is_some_and(|before| oldest >= before) {
            let message = "a page of events does not start where the previous one ended";
            return Err(Error::new(ErrorKind::Unexpected, message));
        }
        *before = Some(oldest);
        let is_last = page.len() < count;
        page.truncate(self.left);
        self.left = if is_last { 0 } else { self.left - page.len() };
        Ok(Some(page))
    }
}

/// A stream of pages of events, newest first; returned by [`ListEvents::pages`]. It ends after an error.
#[must_use = "nothing is sent until it is polled"]
pub struct EventPages(BoxStream<'static, Result<Vec<Event>, Error>>);

stream_next!(EventPages => Vec<Event>);

impl Stream for EventPages {
    type Item = Result<Vec<Event>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for EventPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventPages").finish_non_exhaustive()
    }
}

operation!(ListEvents => Vec<Event>);
