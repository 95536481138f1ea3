//! Resources: what providers have handed out, and the apps that use it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Engine;
use super::ids::stored_uuid;
use super::providers::Errand;
use super::routing::Call;
use super::state::{State, Strings, newest_first};
use super::wire::{Fail, Reply, Time, decode, empty, json};

/// A resource.
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
    /// The ids of the apps that use it, the newest link first.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) apps: Vec<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

/// What `POST /providers/:p/resources` takes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResourceRequest {
    apps: Vec<String>,
    config: Option<Value>,
}

impl State {
    fn alive_resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(|resource| !resource.deleted)
    }

    /// The resource with this id.
    fn resource(&self, id: &str) -> Result<&Resource, Fail> {
        let id = stored_uuid(id).ok_or(Fail::NotFound)?;
        self.alive_resources().find(|resource| resource.id == id).ok_or(Fail::NotFound)
    }
}

impl Engine {
    /// `GET /resources`
    pub(crate) fn list_resources(&mut self, _: &Call<'_>) -> Reply {
        json(&newest_first(self.state.alive_resources(), |resource| resource.created_at))
    }

    /// `GET /providers/:p/resources`
    pub(crate) fn list_provider_resources(&mut self, call: &Call<'_>) -> Reply {
        let provider = &self.state.provider(call.param(0))?.id;
        let own = self.state.alive_resources().filter(|r| r.provider == *provider);
        json(&newest_first(own, |resource| resource.created_at))
    }

    /// `GET /apps/:a/resources`
    pub(crate) fn list_app_resources(&mut self, call: &Call<'_>) -> Reply {
        let app = &self.state.app(call.param(0))?.id;
        let own = self.state.alive_resources().filter(|r| r.apps.contains(app));
        json(&newest_first(own, |resource| resource.created_at))
    }

    /// `POST /providers/:p/resources`
    pub(crate) fn provision_resource(&mut self, call: &Call<'_>) -> Reply {
        let provider = self.state.provider(call.param(0))?.clone();
        let request: ResourceRequest = decode(self.options.age, call.request)?;
        let config = request.config.unwrap_or_else(|| Value::Object(Map::new()));
        let provision = self
            .options
            .providers
            .ask(&provider.url, &Errand::Provision(&config), &mut self.ids)
            .ok_or_else(Fail::unknown)?;
        let resource = Resource {
            provider: provider.id,
            external_id: provision.external_id,
            env: provision.env,
            apps: request.apps,
            ..Resource::default()
        };
        json(&self.add_resource(resource)?)
    }

    /// `GET /providers/:p/resources/:r`; the resource may be another provider's.
    pub(crate) fn get_resource(&mut self, call: &Call<'_>) -> Reply {
        self.state.provider(call.param(0))?;
        json(self.state.resource(call.param(1))?)
    }

    /// `PUT /providers/:p/resources/:r`: registers one that exists elsewhere.
    pub(crate) fn put_resource(&mut self, call: &Call<'_>) -> Reply {
        let provider = self.state.provider(call.param(0))?.id.clone();
        let resource: Resource = decode(self.options.age, call.request)?;
        let resource = Resource { id: call.param(1).to_owned(), provider, ..resource };
        json(&self.add_resource(resource)?)
    }

    /// Adds a resource with its links to apps, which may be named by id or name.
    pub(crate) fn add_resource(&mut self, mut resource: Resource) -> Result<Resource, Fail> {
        let id = match resource.id.as_str() {
            "" => self.ids.uuid(),
            // The insert finds no row for an id that is none.
            given => stored_uuid(given).ok_or_else(Fail::unknown)?,
        };
        let taken = self.state.resources.iter().any(|other| {
            let same =
                other.provider == resource.provider && other.external_id == resource.external_id;
            other.id == id || same
        });
        if taken {
            return Err(Fail::database());
        }
        let mut apps: Vec<String> = Vec::new();
        for app in &resource.apps {
            let app = self.state.app(app).map_err(|_| Fail::database())?.id.clone();
            if apps.contains(&app) {
                return Err(Fail::database());
            }
            apps.push(app);
        }
        // The reply shows the id as it was sent.
        if resource.id.is_empty() {
            resource.id.clone_from(&id);
        }
        let at = self.time();
        resource.apps = apps;
        resource.created_at = Some(at);
        self.state.resources.push(Resource { id, ..resource.clone() });
        self.resource_events(at, "resource", &resource);
        Ok(resource)
    }

    /// One event for each app, or one without.
    fn resource_events(&mut self, at: Time, kind: &'static str, resource: &Resource) {
        for app in &resource.apps {
            self.event(at, app, kind, &resource.id, resource);
        }
        if resource.apps.is_empty() {
            self.event(at, "", kind, &resource.id, resource);
        }
    }

    /// `DELETE /providers/:p/resources/:r`
    pub(crate) fn delete_resource(&mut self, call: &Call<'_>) -> Reply {
        let provider = self.state.provider(call.param(0))?.url.clone();
        let resource = self.state.resource(call.param(1))?.clone();
        self.options
            .providers
            .ask(&provider, &Errand::Deprovision(&resource.external_id), &mut self.ids)
            .ok_or_else(Fail::unknown)?;
        self.remove_resource(&resource);
        json(&resource)
    }

    /// Deletes a resource and its links.
    pub(crate) fn remove_resource(&mut self, resource: &Resource) {
        let at = self.time();
        if let Some(row) = self.state.resources.iter_mut().find(|row| row.id == resource.id) {
            row.deleted = true;
            row.apps.clear();
        }
        self.resource_events(at, "resource_deletion", resource);
    }

    /// `PUT /providers/:p/resources/:r/apps/:a`
    pub(crate) fn add_resource_app(&mut self, call: &Call<'_>) -> Reply {
        self.state.provider(call.param(0))?;
        let mut resource = self.state.resource(call.param(1))?.clone();
        let app = self.state.app(call.param(2)).map_err(|_| Fail::database())?.id.clone();
        // The event is given the app as the path names it, which the database takes for an id.
        if stored_uuid(call.param(2)).is_none() || resource.apps.contains(&app) {
            return Err(Fail::database());
        }
        let at = self.time();
        if let Some(row) = self.state.resources.iter_mut().find(|row| row.id == resource.id) {
            row.apps.insert(0, app.clone());
        }
        resource.apps.push(app.clone());
        self.event(at, &app, "resource", &resource.id, &resource);
        json(&resource)
    }

    /// `DELETE /providers/:p/resources/:r/apps/:a`, which removes *all* links of that app.
    pub(crate) fn remove_resource_app(&mut self, call: &Call<'_>) -> Reply {
        self.state.provider(call.param(0))?;
        let mut resource = self.state.resource(call.param(1))?.clone();
        let app = stored_uuid(call.param(2)).ok_or_else(Fail::database)?;
        // The event needs an app that exists or did.
        if !self.state.apps.iter().any(|row| row.id == app) {
            return Err(Fail::database());
        }
        let at = self.time();
        for row in &mut self.state.resources {
            row.apps.retain(|other| *other != app);
        }
        resource.apps.retain(|other| other != call.param(2));
        self.event(at, &app, "resource_app_deletion", &resource.id, &resource);
        json(&resource)
    }
}
