//! Providers: services that provision resources, such as databases.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::providers::NewProvider;
//!
//! let mine = flynn.providers().create(NewProvider::new("mine", "http://mine.discoverd/things")).await?;
//! assert_eq!(flynn.provider("mine").get().await?.id, mine.id);
//! assert!(flynn.provider("nosuch").get_opt().await?.is_none());
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::ids::{ProviderId, ProviderRef};
use crate::json::is_false;
use crate::timestamp::Timestamp;
use crate::transport::{Repeat, Request, Spec};

/// A provider of resources. `Debug` does not show the URL, which can contain credentials.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Provider {
    /// The id.
    pub id: ProviderId,
    /// The URL at which the controller requests resources (inside the cluster).
    pub url: String,
    /// The name, unique in the cluster, such as `postgres`, `mysql`, `mongodb` or `redis`.
    pub name: String,
    /// Every account may use it (the fork).
    #[serde(skip_serializing_if = "is_false")]
    pub tenant_safe: bool,
    /// The time when it was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A new provider. `Debug` does not show the URL, which can contain credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use]
pub struct NewProvider {
    /// Name.
    pub name: String,
    /// URL that the controller asks for resources.
    pub url: String,
}

impl fmt::Debug for NewProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewProvider").field("name", &self.name).finish_non_exhaustive()
    }
}

impl NewProvider {
    /// Creates a provider with this name. The controller requests resources at the URL (inside the cluster).
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self { name: name.into(), url: url.into() }
    }
}
/// All providers; returned by [`Client::providers`].
#[derive(Clone, Debug)]
pub struct Providers {
    client: Client,
}

/// One provider, by id or name; returned by [`Client::provider`]. Creating the handle sends nothing.
#[derive(Clone, Debug)]
pub struct ProviderHandle {
    pub(crate) client: Client,
    pub(crate) provider: ProviderRef,
}

impl Client {
    /// Accesses the providers of the cluster.
    pub fn providers(&self) -> Providers {
        Providers { client: self.clone() }
    }

    /// Accesses one provider, by name or id. Sends nothing.
    pub fn provider(&self, name_or_id: impl Into<ProviderRef>) -> ProviderHandle {
        ProviderHandle { client: self.clone(), provider: name_or_id.into() }
    }
}

impl Providers {
    /// Lists all providers, newest first: `GET /providers`.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn list(&self) -> Request<Vec<Provider>> {
        Request::list(&self.client, Spec::get("/providers", []))
    }

    /// Registers a provider: `POST /providers`. The API cannot remove it.
    ///
    /// # Errors
    /// Fails with [`Validation`](crate::ErrorKind::Validation) for text that is not a URL; with
    /// [`Server`](crate::ErrorKind::Server) (500) for a name that is empty or taken, with `retry: true` for the latter.
    pub fn create(&self, provider: NewProvider) -> Request<Provider> {
        Request::json(&self.client, Spec::post("/providers", [], Repeat::Never).body(provider))
    }
}

impl ProviderHandle {
    /// Reads the provider: `GET /providers/:p`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the provider does not exist.
    pub fn get(&self) -> Request<Provider> {
        Request::json(&self.client, self.spec())
    }

    /// Reads the provider, or `None` if the provider does not exist.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn get_opt(&self) -> Request<Option<Provider>> {
        Request::optional(&self.client, self.spec())
    }

    fn spec(&self) -> Spec {
        Spec::get("/providers/{provider}", [self.provider.as_str()])
    }
}
