//! Providers, and the resources that they provision.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Engine;
use super::ids::is_uuid;
use super::routing::Call;
use super::state::{Strings, newest_first};
use super::wire::{self, Fail, Reply, Time, decode, empty, json};

/// A provider of resources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Provider {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) url: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
}

/// A provisioned resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Resource {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) provider: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) external_id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) env: Strings,
    /// The apps that use it, the latest first.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) apps: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResourceRequest {
    apps: Vec<String>,
    #[allow(dead_code, reason = "providers of the mock take any configuration")]
    config: Option<Value>,
}

impl Engine {
    /// `GET /providers`
    pub(crate) fn list_providers(&mut self, _: &Call<'_>) -> Reply {
        json(&newest_first(self.state.providers.iter(), |provider| provider.created_at))
    }

    /// `GET /providers/:p`
    pub(crate) fn get_provider(&mut self, call: &Call<'_>) -> Reply {
        json(self.provider(call)?)
    }

    fn provider(&self, call: &Call<'_>) -> Result<&Provider, Fail> {
        let key = call.param(0);
        let by_id = self.state.providers.iter().find(|provider| provider.id == key);
        by_id
            .or_else(|| self.state.providers.iter().find(|provider| provider.name == key))
            .ok_or(Fail::NotFound)
    }

    /// `POST /providers`
    pub(crate) fn create_provider(&mut self, call: &Call<'_>) -> Reply {
        let provider: Provider = decode(self.options.age, call.request)?;
        if !provider.url.is_empty() {
            wire::uri("url", &provider.url)?;
        }
        if provider.name.is_empty() || provider.url.is_empty() {
            return Err(Fail::unknown());
        }
        json(&self.add_provider(Provider { id: String::new(), ..provider })?)
    }

    pub(crate) fn add_provider(&mut self, mut provider: Provider) -> Result<Provider, Fail> {
        let mut others = self.state.providers.iter();
        if others.any(|other| other.name == provider.name || other.url == provider.url) {
            return Err(Fail::database());
        }
        let at = self.time();
        if provider.id.is_empty() {
            provider.id = self.ids.uuid();
        }
        (provider.created_at, provider.updated_at) = (Some(at), Some(at));
        self.state.providers.push(provider.clone());
        self.event(at, "", "provider", &provider.id, &provider);
        Ok(provider)
    }

    fn resource_list(&self, keep: impl Fn(&Resource) -> bool) -> Reply {
        let alive = self.state.resources.iter().filter(|r| !r.deleted && keep(r));
        json(&newest_first(alive, |resource| resource.created_at))
    }

    /// `GET /resources`
    pub(crate) fn list_resources(&mut self, _: &Call<'_>) -> Reply {
        self.resource_list(|_| true)
    }

    /// `GET /providers/:p/resources`
    pub(crate) fn list_provider_resources(&mut self, call: &Call<'_>) -> Reply {
        let provider = self.provider(call)?.id.clone();
        self.resource_list(|resource| resource.provider == provider)
    }

    /// `GET /apps/:a/resources`
    pub(crate) fn list_app_resources(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.id.clone();
        self.resource_list(|resource| resource.apps.contains(&app))
    }

    pub(crate) fn resource(&self, id: &str) -> Result<&Resource, Fail> {
        let mut alive = self.state.resources.iter().filter(|resource| !resource.deleted);
        alive.find(|resource| resource.id == id).ok_or(Fail::NotFound)
    }

    /// `GET /providers/:p/resources/:r`
    pub(crate) fn get_resource(&mut self, call: &Call<'_>) -> Reply {
        self.provider(call)?;
        json(self.resource(call.param(1))?)
    }

    /// `POST /providers/:p/resources`
    pub(crate) fn provision_resource(&mut self, call: &Call<'_>) -> Reply {
        let provider = self.provider(call)?.clone();
        let request: ResourceRequest = decode(self.options.age, call.request)?;
        let (external_id, env) = self.provision(&provider)?;
        json(&self.add_resource(Resource {
            provider: provider.id,
            external_id,
            env,
            apps: request.apps,
            ..Resource::default()
        })?)
    }

    /// `PUT /providers/:p/resources/:r`: registers an existing one.
    pub(crate) fn put_resource(&mut self, call: &Call<'_>) -> Reply {
        let provider = self.provider(call)?.id.clone();
        let mut resource: Resource = decode(self.options.age, call.request)?;
        call.param(1).clone_into(&mut resource.id);
        resource.provider = provider;
        json(&self.add_resource(resource)?)
    }

    /// Adds a resource; its apps can be named by name, and become ids.
    pub(crate) fn add_resource(&mut self, mut resource: Resource) -> Result<Resource, Fail> {
        if resource.id.is_empty() {
            resource.id = self.ids.uuid();
        } else if !is_uuid(&resource.id) {
            return Err(Fail::unknown());
        }
        let clash = self.state.resources.iter().any(|other| {
            other.id == resource.id
                || (other.provider == resource.provider
                    && other.external_id == resource.external_id)
        });
        if clash {
            return Err(Fail::database());
        }
        for app in &mut resource.apps {
            *app = self.state.app(app).map_err(|_| Fail::database())?.id.clone();
        }
        for (n, app) in resource.apps.iter().enumerate() {
            if resource.apps.iter().skip(n + 1).any(|other| other == app) {
                return Err(Fail::database());
            }
        }
        let at = self.time();
        resource.created_at = Some(at);
        self.state.resources.push(resource.clone());
        self.resource_event(at, "resource", &resource);
        Ok(resource)
    }

    /// One event for each app of the resource, or one without app.
    fn resource_event(&mut self, at: Time, kind: &'static str, resource: &Resource) {
        let apps = match resource.apps.as_slice() {
            [] => vec![String::new()],
            apps => apps.to_vec(),
        };
        for app in apps {
            self.event(at, &app, kind, &resource.id, resource);
        }
    }

    /// `DELETE /providers/:p/resources/:r`
    pub(crate) fn delete_resource(&mut self, call: &Call<'_>) -> Reply {
        self.provider(call)?;
        let resource = self.resource(call.param(1))?.clone();
        self.remove_resource(&resource);
        json(&resource)
    }

    pub(crate) fn remove_resource(&mut self, resource: &Resource) {
        let at = self.time();
        if let Some(row) = self.state.resources.iter_mut().find(|r| r.id == resource.id) {
            row.deleted = true;
            row.apps.clear();
        }
        self.resource_event(at, "resource_deletion", resource);
    }

    /// `PUT /providers/:p/resources/:r/apps/:a`
    pub(crate) fn add_resource_app(&mut self, call: &Call<'_>) -> Reply {
        self.provider(call)?;
        let mut resource = self.resource(call.param(1))?.clone();
        let named = call.param(2);
        let app = self.state.app(named).map_err(|_| Fail::database())?.id.clone();
        // A name reaches the event's column for ids, and that fails.
        if !is_uuid(named) || resource.apps.contains(&app) {
            return Err(Fail::database());
        }
        let at = self.time();
        resource.apps.push(app.clone());
        if let Some(row) = self.state.resources.iter_mut().find(|r| r.id == resource.id) {
            row.apps.insert(0, app.clone());
        }
        self.event(at, &app, "resource", &resource.id, &resource);
        json(&resource)
    }

    /// `DELETE /providers/:p/resources/:r/apps/:a`: removes the app from *all* resources.
    pub(crate) fn remove_resource_app(&mut self, call: &Call<'_>) -> Reply {
        self.provider(call)?;
        let mut resource = self.resource(call.param(1))?.clone();
        let app = call.param(2).to_owned();
        let known = self.state.apps.iter().any(|row| row.id == app);
        if !is_uuid(&app) || !known {
            return Err(Fail::database());
        }
        resource.apps.retain(|other| *other != app);
        for row in &mut self.state.resources {
            row.apps.retain(|other| *other != app);
        }
        let at = self.time();
        self.event(at, &app, "resource_app_deletion", &resource.id, &resource);
        json(&resource)
    }

    /// What a provider's own API answers, with made-up credentials: told apart by its address.
    fn provision(&mut self, provider: &Provider) -> Result<(String, Strings), Fail> {
        let (user, password) = (self.ids.hex(32), self.ids.hex(32));
        let service = provider.url.split("://").nth(1).unwrap_or_default();
        let service = service.split(['/', ':']).next().unwrap_or_default();
        let pairs: Vec<(&str, String)> = match service.split('.').next().unwrap_or_default() {
            "postgres-api" => postgres_env(&user, &password),
            "mariadb-api" => vec![
                ("FLYNN_MYSQL", "mariadb".to_owned()),
                ("MYSQL_HOST", "leader.mariadb.discoverd".to_owned()),
                ("MYSQL_USER", user.clone()),
                ("MYSQL_PWD", password.clone()),
                ("MYSQL_DATABASE", user.clone()),
                (
                    "DATABASE_URL",
                    format!("mysql://{user}:{password}@leader.mariadb.discoverd:3306/{user}"),
                ),
            ],
            "mongodb-api" => vec![
                ("FLYNN_MONGO", "mongodb".to_owned()),
                ("MONGO_HOST", "leader.mongodb.discoverd".to_owned()),
                ("MONGO_USER", user.clone()),
                ("MONGO_PWD", password.clone()),
                ("MONGO_DATABASE", user.clone()),
                (
                    "DATABASE_URL",
                    format!("mongodb://{user}:{password}@leader.mongodb.discoverd:27017/{user}"),
                ),
            ],
            "redis-api" => {
                let app = format!("redis-{}", self.ids.uuid());
                let host = format!("leader.{app}.discoverd");
                return Ok((
                    format!("/clusters/{}", self.ids.uuid()),
                    env(vec![
                        ("FLYNN_REDIS", app),
                        ("REDIS_HOST", host.clone()),
                        ("REDIS_PORT", "6379".to_owned()),
                        ("REDIS_PASSWORD", password.clone()),
                        ("REDIS_URL", format!("redis://:{password}@{host}:6379")),
                    ]),
                ));
            }
            // No such provider answers.
            _ => return Err(Fail::unknown()),
        };
        Ok((format!("/databases/{user}"), env(pairs)))
    }
}

fn env(pairs: Vec<(&str, String)>) -> Strings {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The env of a Postgres database.
pub(crate) fn postgres_env<'a>(user: &str, password: &str) -> Vec<(&'a str, String)> {
    vec![
        ("FLYNN_POSTGRES", "postgres".to_owned()),
        ("PGHOST", "leader.postgres.discoverd".to_owned()),
        ("PGUSER", user.to_owned()),
        ("PGPASSWORD", password.to_owned()),
        ("PGDATABASE", user.to_owned()),
        (
            "DATABASE_URL",
            format!("postgres://{user}:{password}@leader.postgres.discoverd:5432/{user}"),
        ),
    ]
}
