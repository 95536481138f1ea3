//! Resources, such as databases: providers provision them and apps use them.
//!
//! **Careful**: the server's call to remove an app from a resource removes *every* resource link of that app.
//! [`ProviderResources::remove_app`] restores the other links; [`ProviderResources::remove_app_everywhere`] does not.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::apps::NewApp;
//! use flynn_client::resources::NewResource;
//!
//! let www = flynn.apps().create(NewApp::named("www")).await?;
//! let postgres = flynn.provider("postgres").resources();
//! let database = postgres.provision(NewResource::for_app("www")).await?;
//! let other = postgres.provision(NewResource::for_app("www")).await?;
//! assert!(database.env.contains_key("DATABASE_URL"));
//!
//! postgres.remove_app(&database.id, "www").await?;
//! let left = flynn.app("www").resources().list().await?;
//! assert_eq!(left.len(), 1);
//! assert_eq!((&left[0].id, &left[0].apps[0]), (&other.id, &www.id));
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! Register a resource outside the cluster, and link apps later:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! # use flynn_client::apps::NewApp;
//! # use flynn_client::resources::NewResource;
//! # let www = flynn.apps().create(NewApp::named("www")).await?;
//! use flynn_client::Env;
//! use flynn_client::resources::ExternalResource;
//!
//! let postgres = flynn.provider("postgres").resources();
//! let database = postgres.provision(NewResource::unlinked()).await?;
//! postgres.add_app(&database.id, "www").await?;
//!
//! let env = Env::from_iter([("REPLICA_URL", "postgres://replica.example.com/www")]);
//! let replica = ExternalResource::new("/replica").env(env).app("www");
//! let replica = postgres.register("11111111-0000-4000-8000-000000000001", replica).await?;
//! assert_eq!(flynn.app("www").resources().list().await?.len(), 2);
//!
//! postgres.remove_app_everywhere(&replica.id, &www.id).await?; // the server's own call
//! assert!(flynn.app("www").resources().list().await?.is_empty());
//! postgres.delete(&database.id).await?;
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::client::Client;
use crate::env::Env;
use crate::error::{Error, Pending};
use crate::ids::{AccountId, AppId, AppRef, ProviderId, ProviderRef, ResourceId};
use crate::json::{Json, null_is_default};
use crate::providers::ProviderHandle;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Repeat, Request, Spec};

/// A resource, such as a database, with the variables that linked apps need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Resource {
    /// The id, a UUID.
    #[serde(skip_serializing_if = "ResourceId::is_empty")]
    pub id: ResourceId,
    /// The provider's id.
    #[serde(rename = "provider", skip_serializing_if = "ProviderId::is_empty")]
    pub provider_id: ProviderId,
    /// The provider's own name of the resource, usually a path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub external_id: String,
    /// The variables that an app needs to use it: addresses and credentials. Linking does not add them to the app's
    /// release; set them yourself.
    #[serde(skip_serializing_if = "is_empty")]
    pub env: Env,
    /// The apps that it is linked to.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<AppId>,
    /// The account that owns it (the fork).
    #[serde(skip_serializing_if = "AccountId::is_empty")]
    pub owner_account: AccountId,
    /// The app for which it was created, and the only one that may delete it (the fork).
    #[serde(skip_serializing_if = "AppId::is_empty")]
    pub owner_app: AppId,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

fn is_empty(env: &Env) -> bool {
    env.is_empty()
}

/// A new resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[must_use]
pub struct NewResource {
    /// The apps that it is linked to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<AppRef>,
    /// Configuration for the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Json>,
}

impl NewResource {
    /// Creates a resource without links to apps.
    pub fn unlinked() -> Self {
        Self::default()
    }

    /// Creates a resource that is linked to this app, by name or id.
    pub fn for_app(app: impl Into<AppRef>) -> Self {
        Self::unlinked().and_app(app)
    }

    /// Also links it to this app.
    pub fn and_app(mut self, app: impl Into<AppRef>) -> Self {
        self.apps.push(app.into());
        self
    }

    /// Sets the configuration for the provider; `{}` by default.
    pub fn config(mut self, config: impl Into<Json>) -> Self {
        self.config = Some(config.into());
        self
    }
}

/// A resource outside the cluster, for [`ProviderResources::register`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[must_use]
pub struct ExternalResource {
    /// The provider's own name for it.
    pub external_id: String,
    /// Variables that an app needs to use it.
    #[serde(skip_serializing_if = "is_empty")]
    pub env: Env,
    /// The apps that it is linked to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<AppRef>,
}

impl ExternalResource {
    /// Describes a resource by the provider's own name of it.
    pub fn new(external_id: impl Into<String>) -> Self {
        Self { external_id: external_id.into(), ..Self::default() }
    }

    /// Sets the variables that an app needs to use it.
    pub fn env(mut self, env: impl Into<Env>) -> Self {
        self.env = env.into();
        self
    }

    /// Links it to this app, by name or id.
    pub fn app(mut self, app: impl Into<AppRef>) -> Self {
        self.apps.push(app.into());
        self
    }
}

const ALL: &str = "/providers/{provider}/resources";
const ONE: &str = "/providers/{provider}/resources/{resource}";
const LINK: &str = "/providers/{provider}/resources/{resource}/apps/{app}";
/// The resources of all providers; returned by [`Client::resources`].
#[derive(Clone, Debug)]
pub struct Resources {
    client: Client,
}

/// The resources of one provider; returned by [`ProviderHandle::resources`].
#[derive(Clone, Debug)]
pub struct ProviderResources {
    client: Client,
    provider: ProviderRef,
}

/// The resources that an app is linked to; returned by [`AppHandle::resources`].
#[derive(Clone, Debug)]
pub struct AppResources {
    app: AppHandle,
}

impl Client {
    /// Accesses the resources of all providers.
    pub fn resources(&self) -> Resources {
        Resources { client: self.clone() }
    }
}

impl ProviderHandle {
    /// Accesses the provider's resources.
    pub fn resources(&self) -> ProviderResources {
        ProviderResources { client: self.client.clone(), provider: self.provider.clone() }
    }
}

impl AppHandle {
    /// Accesses the resources that the app is linked to.
    pub fn resources(&self) -> AppResources {
        AppResources { app: self.clone() }
    }
}

impl Resources {
    /// Lists all resources, newest first: `GET /resources`.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn list(&self) -> Request<Vec<Resource>> {
        Request::list(&self.client, Spec::get("/resources", []))
    }
}

impl AppResources {
    /// Lists the resources that the app is linked to: `GET /apps/:a/resources`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn list(&self) -> Request<Vec<Resource>> {
        Request::list(&self.app.client, Spec::get("/apps/{app}/resources", [self.app.app.as_str()]))
    }
}

impl ProviderResources {
    /// Lists the resources of the provider, newest first: `GET /providers/:p/resources`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the provider does not exist.
    pub fn list(&self) -> Request<Vec<Resource>> {
        Request::list(&self.client, Spec::get(ALL, [self.provider.as_str()]))
    }

    /// Provisions a resource: `POST /providers/:p/resources`. The apps are looked up first, because for an app that
    /// does not exist the server answers 500 after the provider has created the resource.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the provider or app does not exist; with
    /// [`Server`](crate::ErrorKind::Server) (500) if the provider refuses.
    pub fn provision(&self, resource: NewResource) -> Request<Resource> {
        let Self { client, provider } = self.clone();
        Request::steps("resources().provision(..)", |deadline| async move {
            for app in &resource.apps {
                client.app(app).get().within(deadline).await?;
            }
            // Some providers deploy a separate app before they answer.
            let spec = Spec::post(ALL, [provider.as_str()], Repeat::Never).slow();
            Request::json(&client, spec.body(&resource)).within(deadline).await
        })
    }

    /// Registers an existing resource under an id of your choice, a UUID: `PUT /providers/:p/resources/:r`. The server
    /// does not ask the provider.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the provider does not exist; with
    /// [`Server`](crate::ErrorKind::Server) (500, `retry: true`) for an id that is taken.
    pub fn register(
        &self,
        id: impl Into<ResourceId>,
        resource: ExternalResource,
    ) -> Request<Resource> {
        let spec = Spec::put(ONE, [self.provider.as_str(), id.into().as_str()], Repeat::Never);
        Request::json(&self.client, spec.body(resource))
    }

    /// Reads a resource: `GET /providers/:p/resources/:r`. The server does not check that it belongs to the provider.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the provider or resource does not exist.
    pub fn get(&self, id: impl Into<ResourceId>) -> Request<Resource> {
        Request::json(&self.client, self.one(&id.into()))
    }

    /// Reads a resource, or `None` if the provider or resource does not exist.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn get_opt(&self, id: impl Into<ResourceId>) -> Request<Option<Resource>> {
        Request::optional(&self.client, self.one(&id.into()))
    }

    fn one(&self, id: &ResourceId) -> Spec {
        Spec::get(ONE, [self.provider.as_str(), id.as_str()])
    }

    /// Makes the provider destroy a resource, even one in use, and deletes it: `DELETE /providers/:p/resources/:r`.
    /// Returns the resource, or `None` if the answer of the attempt that deleted it was lost.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the provider or resource does not exist; with
    /// [`Server`](crate::ErrorKind::Server) (500) if the provider refuses.
    pub fn delete(&self, id: impl Into<ResourceId>) -> Request<Option<Resource>> {
        let spec = Spec::delete(ONE, [self.provider.as_str(), id.into().as_str()], Repeat::Delete);
        Request::new(&self.client, spec, |_, body| {
            let body = body?;
            if body.is_empty() {
                Ok(None)
            } else {
                crate::json::decode(&body, crate::json::LIST).map(Some)
            }
        })
    }

    /// Links a resource to an app, by id or name: `PUT /providers/:p/resources/:r/apps/:a`. The server accepts only ids
    /// here, so a name is looked up first.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the provider, resource or app does not exist; with
    /// [`Server`](crate::ErrorKind::Server) (500, `retry: true`) for a link that exists.
    pub fn add_app(&self, id: impl Into<ResourceId>, app: impl Into<AppRef>) -> Request<Resource> {
        let (resources, id, app) = (self.clone(), id.into(), app.into());
        Request::steps("resources().add_app(..)", |deadline| async move {
            let app = resources.id_of(app, deadline).await?;
            resources.link(&id, &app).within(deadline).await
        })
    }

    /// Removes the link between a resource and an app, by id or name, and keeps the app's other links.
    ///
    /// The server's own call removes all links of the app, so the others are read before and restored afterwards. In
    /// between, the app has no links, which does not affect running jobs. If there is no such link, nothing changes.
    ///
    /// Once the links are removed, the call may take up to two minutes beyond its timeout to restore the others. Do not
    /// drop it before it ends: the links that it has not restored yet would be lost.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the provider, resource or app does not exist. If other
    /// links could not be restored, [`Error::pending`] is [`Pending::ResourceLinks`].
    pub fn remove_app(
        &self,
        id: impl Into<ResourceId>,
        app: impl Into<AppRef>,
    ) -> Request<Resource> {
        let (resources, id, app) = (self.clone(), id.into(), app.into());
        Request::steps("resources().remove_app(..)", |deadline| async move {
            let app = resources.id_of(app, deadline).await?;
            resources.remove(&id, app, deadline).await
        })
    }

    /// Removes an app from **every** resource of every provider: `DELETE /providers/:p/resources/:r/apps/:a`. The named
    /// resource must exist and is returned without the app; it has no other effect.
    ///
    /// The app must be an id, a UUID.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the provider or resource does not exist; with
    /// [`Server`](crate::ErrorKind::Server) (500, `retry: true`) for a name instead of an id.
    pub fn remove_app_everywhere(
        &self,
        id: impl Into<ResourceId>,
        app: impl Into<AppId>,
    ) -> Request<Resource> {
        self.unlink(&id.into(), &app.into())
    }

    fn link(&self, id: &ResourceId, app: &AppId) -> Request<Resource> {
        // The server refuses a second link with a 500.
        let spec =
            Spec::put(LINK, [self.provider.as_str(), id.as_str(), app.as_str()], Repeat::Never);
        Request::json(&self.client, spec)
    }

    fn unlink(&self, id: &ResourceId, app: &AppId) -> Request<Resource> {
        let spec =
            Spec::delete(LINK, [self.provider.as_str(), id.as_str(), app.as_str()], Repeat::Safe);
        Request::json(&self.client, spec)
    }

    async fn id_of(&self, app: AppRef, deadline: Deadline) -> Result<AppId, Error> {
        match app.id() {
            Some(id) => Ok(id),
            None => Ok(self.client.app(app).get().within(deadline).await?.id),
        }
    }

    async fn remove(
        &self,
        id: &ResourceId,
        app: AppId,
        deadline: Deadline,
    ) -> Result<Resource, Error> {
        let linked = self.client.app(&app).resources().list().within(deadline).await?;
        if !linked.iter().any(|resource| resource.id == *id) {
            return self.get(id).within(deadline).await;
        }
        let others: Vec<_> = linked.into_iter().filter(|resource| resource.id != *id).collect();
        let removed = match self.unlink(id, &app).within(deadline).await {
            Ok(removed) => removed,
            Err(error) if error.may_have_acted() => {
                return Err(error.with_pending(lost_links(app, &others)));
            }
            // The server refused, and nothing has changed.
            Err(error) => return Err(error),
        };
        let deadline = deadline.for_restoring();
        // Try every other link, even after one has failed.
        let (mut lost, mut fault) = (Vec::new(), None);
        for other in others {
            let provider = self.client.provider(&other.provider_id).resources();
            if let Err(error) = provider.link(&other.id, &app).within(deadline).await {
                lost.push(other);
                fault.get_or_insert(error);
            }
        }
        match fault {
            Some(error) => Err(error.with_pending(lost_links(app, &lost))),
            None => Ok(removed),
        }
    }
}

fn lost_links(app: AppId, resources: &[Resource]) -> Pending {
    let resources =
        resources.iter().map(|lost| (lost.provider_id.clone(), lost.id.clone())).collect();
    Pending::ResourceLinks { app, resources }
}
