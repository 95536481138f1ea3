//! Resources of providers, and the apps that use them.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::life::outside::OwnedCall;
use crate::store::{Resource, newest_first, stored_uuid};
use crate::wire::{Fail, decode};

/// The body of `POST /providers/:p/resources`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResourceRequest {
    apps: Vec<String>,
    config: Option<Value>,
}

/// `GET /resources`
pub(crate) fn list(engine: &mut Engine, _: &Call<'_>) -> Reply {
    json(&newest_first(engine.tables.alive_resources(), |resource| resource.created_at))
}

/// `GET /providers/:p/resources`
pub(crate) fn list_of_provider(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let provider = &engine.tables.provider(call.param(0))?.id;
    let own = engine.tables.alive_resources().filter(|r| r.provider == *provider);
    json(&newest_first(own, |resource| resource.created_at))
}

/// `GET /apps/:a/resources`
pub(crate) fn list_of_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = &engine.tables.app(call.param(0))?.id;
    let own = engine.tables.alive_resources().filter(|r| r.apps.contains(app));
    json(&newest_first(own, |resource| resource.created_at))
}

/// `POST /providers/:p/resources`
pub(crate) fn provision(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let provider = engine.tables.provider(call.param(0))?.clone();
    let request: ResourceRequest = decode(engine.dialect.bodies, call.request)?;
    let config = request.config.unwrap_or_else(|| Value::Object(Map::new()));
    let provision = engine.ask_provider(&provider.url, OwnedCall::Provision(config))?;
    let resource = Resource {
        provider: provider.id,
        external_id: provision.external_id,
        env: provision.env,
        apps: request.apps,
        ..Resource::default()
    };
    json(&engine.add_resource(resource)?)
}

/// `GET /providers/:p/resources/:r`; the resource may belong to another provider.
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    engine.tables.provider(call.param(0))?;
    json(engine.tables.resource(call.param(1))?)
}

/// `PUT /providers/:p/resources/:r`: registers an external resource.
pub(crate) fn put(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let provider = engine.tables.provider(call.param(0))?.id.clone();
    let resource: Resource = decode(engine.dialect.bodies, call.request)?;
    let resource = Resource { id: call.param(1).to_owned(), provider, ..resource };
    json(&engine.add_resource(resource)?)
}

/// `DELETE /providers/:p/resources/:r`
pub(crate) fn delete(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let provider = engine.tables.provider(call.param(0))?.url.clone();
    let resource = engine.tables.resource(call.param(1))?.clone();
    engine.ask_provider(&provider, OwnedCall::Deprovision(resource.external_id.clone()))?;
    engine.remove_resource(&resource);
    json(&resource)
}

/// `PUT /providers/:p/resources/:r/apps/:a`
pub(crate) fn add_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    engine.tables.provider(call.param(0))?;
    let mut resource = engine.tables.resource(call.param(1))?.clone();
    let app = engine.tables.app(call.param(2)).map_err(|_| Fail::database())?.id.clone();
    // The event gets the app as named in the path, which the database treats as an id.
    if stored_uuid(call.param(2)).is_none() || resource.apps.contains(&app) {
        return Err(Fail::database());
    }
    let at = engine.time();
    if let Some(row) = engine.tables.resources.iter_mut().find(|row| row.id == resource.id) {
        row.apps.insert(0, app.clone());
    }
    resource.apps.push(app.clone());
    engine.event(at, &app, "resource", &resource.id, &resource);
    json(&resource)
}

/// `DELETE /providers/:p/resources/:r/apps/:a`, which removes *all* links of that app.
pub(crate) fn remove_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    engine.tables.provider(call.param(0))?;
    let mut resource = engine.tables.resource(call.param(1))?.clone();
    let app = stored_uuid(call.param(2)).ok_or_else(Fail::database)?;
    // The event needs an app that exists or existed.
    if !engine.tables.apps.iter().any(|row| row.id == app) {
        return Err(Fail::database());
    }
    let at = engine.time();
    for row in &mut engine.tables.resources {
        row.apps.retain(|other| *other != app);
    }
    resource.apps.retain(|other| other != call.param(2));
    engine.event(at, &app, "resource_app_deletion", &resource.id, &resource);
    json(&resource)
}
