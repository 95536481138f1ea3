//! Apps: list, find, create, change, delete.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::apps::NewApp;
//!
//! let www = flynn.apps().create(NewApp::named("www")).await?;
//! assert_eq!(www.strategy, "all-at-once");
//! flynn.app("www").update().deploy_timeout(300).await?;
//! assert_eq!(flynn.app(&www.id).get().await?.deploy_timeout, 300);
//! flynn.app("www").set_meta([("team", "shop")]).await?; // replaces all metadata
//! assert!(flynn.app("nosuch").get_opt().await?.is_none());
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::{Error, ErrorKind, Pending};
use crate::ids::{AccountId, AppId, AppRef, ReleaseId, UserId, random_uuid};
use crate::json::{is_default, is_false, null_is_default};
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Limits, Repeat, Request, Spec, operation};

/// An app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct App {
    /// The id, a UUID.
    #[serde(skip_serializing_if = "AppId::is_empty")]
    pub id: AppId,
    /// The name: at most 100 lower-case letters, digits and inner hyphens. It never changes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Metadata; `flynn-system-app=true` marks the cluster's own apps.
    #[serde(deserialize_with = "null_is_default")]
    pub meta: BTreeMap<String, String>,
    /// The deployment strategy: `all-at-once` (the default), `one-by-one`, `sirenia` or `discoverd-meta`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub strategy: String,
    /// The current release; empty before the first one.
    #[serde(rename = "release", skip_serializing_if = "ReleaseId::is_empty")]
    pub release_id: ReleaseId,
    /// The timeout of a deployment in seconds; 120 by default.
    #[serde(skip_serializing_if = "is_default")]
    pub deploy_timeout: i32,
    /// The account that owns the app; empty for system apps and on servers other than the fork of September 2026.
    #[serde(skip_serializing_if = "AccountId::is_empty")]
    pub owner_account: AccountId,
    /// The user who created the app (the fork). A transfer does not change it.
    #[serde(skip_serializing_if = "UserId::is_empty")]
    pub created_by: UserId,
    /// True while a git push is being built and deployed (the fork).
    #[serde(skip_serializing_if = "is_false")]
    pub building: bool,
    /// The time when the app was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed. The answer to an update still has the old time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

impl App {
    /// Returns whether the app is one of the cluster's own, such as controller, router and blobstore.
    pub fn is_system(&self) -> bool {
        self.meta.get("flynn-system-app").is_some_and(|value| value == "true")
    }
}

/// A new app. Everything is optional: the server generates a name and fills in defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[must_use]
pub struct NewApp {
    /// Id, a UUID.
    #[serde(skip_serializing_if = "AppId::is_empty")]
    pub id: AppId,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// The strategy by which deployments replace jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The time after which a deployment fails, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy_timeout: Option<i32>,
}

impl NewApp {
    /// Creates an app with a name that the server generates.
    pub fn unnamed() -> Self {
        Self::default()
    }

    /// Creates an app with this name. Its first route is `<name>.<domain>`.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Sets the id, a lower-case UUID. By default, [`Apps::create`] chooses one.
    pub fn id(mut self, id: impl Into<AppId>) -> Self {
        self.id = id.into();
        self
    }

    /// Adds metadata.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// Sets the deployment strategy.
    pub fn strategy(mut self, strategy: impl Into<String>) -> Self {
        self.strategy = Some(strategy.into());
        self
    }

    /// Sets the timeout of a deployment in seconds.
    pub fn deploy_timeout(mut self, seconds: i32) -> Self {
        self.deploy_timeout = Some(seconds);
        self
    }
}
/// All apps; returned by [`Client::apps`].
#[derive(Clone, Debug)]
pub struct Apps {
    client: Client,
}

/// One app, by id or name; returned by [`Client::app`]. Creating the handle sends nothing.
#[derive(Clone, Debug)]
pub struct AppHandle {
    pub(crate) client: Client,
    pub(crate) app: AppRef,
}

impl Client {
    /// Accesses all apps of the cluster.
    pub fn apps(&self) -> Apps {
        Apps { client: self.clone() }
    }

    /// Accesses one app, by name or id. Sends nothing.
    pub fn app(&self, name_or_id: impl Into<AppRef>) -> AppHandle {
        AppHandle { client: self.clone(), app: name_or_id.into() }
    }
}

impl Apps {
    /// Lists all apps, the cluster's own included, newest first: `GET /apps?all=1`.
    ///
    /// Without `all` the fork of September 2026 leaves out the [system apps](App::is_system). Other servers ignore it.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`].
    pub fn list(&self) -> Request<Vec<App>> {
        Request::list(&self.client, Spec::get("/apps", []).query("all", "1"))
    }

    /// Creates an app: `POST /apps`. An app that is not a system app gets a route `<name>.<domain>`.
    ///
    /// The client chooses the app's id. If the answer is lost, it looks for the app by this id, and returns it if it
    /// exists and has the requested name.
    ///
    /// # Errors
    /// Fails with [`Conflict`](crate::ErrorKind::Conflict) if the name or id is taken, with
    /// [`Validation`](crate::ErrorKind::Validation) if it is not allowed. If the answer was lost and the app is not
    /// found, [`Error::pending`] is [`Pending::PerhapsApp`].
    pub fn create(&self, mut app: NewApp) -> Request<App> {
        let client = self.client.clone();
        Request::steps("apps().create(..)", |deadline| async move {
            if app.id.is_empty() {
                app.id = AppId::new(random_uuid()?);
            }
            let spec = Spec::post("/apps", [], Repeat::Never).body(&app);
            let error = match Request::json(&client, spec).within(deadline).await {
                Err(error) if error.may_have_acted() => error,
                answer => return answer,
            };
            let NewApp { id, name, .. } = app;
            match client.app(&id).get_opt().within(deadline).await {
                Ok(Some(app)) if app.id == id && name.is_none_or(|name| app.name == name) => {
                    Ok(app)
                }
                // Apps cannot be renamed, so it existed before.
                Ok(Some(app)) if app.id == id => {
                    let message = format!("app {id} exists, with the name {}", app.name);
                    Err(Error::new(ErrorKind::Conflict, message))
                }
                _ => Err(error.with_pending(Pending::PerhapsApp { app: id })),
            }
        })
    }
}

impl AppHandle {
    /// Returns the id or name that this handle was created with.
    pub fn name_or_id(&self) -> &AppRef {
        &self.app
    }

    /// Reads the app: `GET /apps/:a`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn get(&self) -> Request<App> {
        Request::json(&self.client, self.spec())
    }

    /// Reads the app, or `None` if the app does not exist.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`].
    pub fn get_opt(&self) -> Request<Option<App>> {
        Request::optional(&self.client, self.spec())
    }

    fn spec(&self) -> Spec {
        Spec::get("/apps/{app}", [self.app.as_str()])
    }

    /// Changes strategy, deploy timeout or metadata: `POST /apps/:a`.
    pub fn update(&self) -> UpdateApp {
        UpdateApp { app: self.clone(), patch: Patch::default(), limits: Limits::default() }
    }

    /// Replaces all metadata; an empty map clears it: `POST /apps/:a/meta`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn set_meta<K: Into<String>, V: Into<String>>(
        &self,
        meta: impl IntoIterator<Item = (K, V)>,
    ) -> Request<App> {
        #[derive(Serialize)]
        struct Meta {
            meta: BTreeMap<String, String>,
        }
        let meta = meta.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let spec = Spec::post("/apps/{app}/meta", [self.app.as_str()], Repeat::Safe);
        Request::json(&self.client, spec.body(&Meta { meta }))
    }

    /// Schedules the deletion of old git releases beyond the app's metadata `gc.max_inactive_slug_releases`: `POST
    /// /apps/:a/gc`. The server answers at once; the app's event `app_garbage_collection` lists what it deleted. The
    /// value `false` turns garbage collection off.
    ///
    /// This call follows the server's source. It was never recorded from a real controller.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// flynn.app("dashboard").gc().await?;
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn gc(&self) -> Request<()> {
        // A second collection right after the first deletes nothing.
        let spec = Spec::post("/apps/{app}/gc", [self.app.as_str()], Repeat::Safe);
        Request::unit(&self.client, spec)
    }
}

/// Changes an app and keeps all fields that you do not set; returned by [`AppHandle::update`].
///
/// # Errors
/// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist; with
/// [`Validation`](crate::ErrorKind::Validation) or [`Server`](crate::ErrorKind::Server) for a strategy that the server
/// does not know.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct UpdateApp {
    app: AppHandle,
    patch: Patch,
    limits: Limits,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Patch {
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy_timeout: Option<i32>,
}

impl UpdateApp {
    /// Sets the deployment strategy.
    pub fn strategy(mut self, strategy: impl Into<String>) -> Self {
        self.patch.strategy = Some(strategy.into());
        self
    }

    /// Sets the timeout of a deployment in seconds.
    pub fn deploy_timeout(mut self, seconds: i32) -> Self {
        self.patch.deploy_timeout = Some(seconds);
        self
    }

    /// Replaces all metadata.
    pub fn meta<K: Into<String>, V: Into<String>>(
        mut self,
        meta: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.patch.meta =
            Some(meta.into_iter().map(|(key, value)| (key.into(), value.into())).collect());
        self
    }

    async fn run(self, deadline: Deadline) -> Result<App, Error> {
        let spec =
            Spec::post("/apps/{app}", [self.app.app.as_str()], Repeat::Safe).body(&self.patch);
        Request::json(&self.app.client, spec).within(deadline).await
    }
}

operation!(UpdateApp => App);
