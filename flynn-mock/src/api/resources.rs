//! Resources: what providers have handed out, and the apps that use it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::providers::Errand;
use crate::calls::Call;
use crate::engine::Engine;
use crate::store::ids::stored_uuid;
use crate::store::state::{State, Strings, newest_first};
use crate::wire::{Fail, Reply, Time, decode, empty, json};

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

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::{Value, json};

    use crate::engine::{Engine, Errand, Pace, ProviderApis, Provision, ServerAge};
    use crate::tests::{engine, ok, running_app, send};

    const AGES: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];
    const ZERO: &str = "00000000-0000-0000-0000-000000000000";

    fn status(engine: &mut Engine, method: Method, target: &str, body: &Value) -> (u16, Value) {
        let (status, reply) = send(engine, method, target, &body.to_string());
        (status, reply["retry"].clone())
    }

    fn event(engine: &mut Engine, kind: &str) -> Value {
        engine.read(&format!("/events?object_types={kind}")).unwrap()[0].clone()
    }

    #[test]
    fn provision_name_apps_delete() {
        for age in AGES {
            let mut engine = engine(age, Pace::AtOnce);
            let (app, _) = running_app(&mut engine, "www");
            let resources = "/providers/postgres/resources";
            let made = ok(&mut engine, Method::POST, resources, &json!({ "apps": ["www"] }));
            assert_eq!(made["apps"], json!([app]), "a name becomes an id");
            let name = made["env"]["PGDATABASE"].as_str().unwrap();
            assert_eq!(made["external_id"], format!("/databases/{name}"));
            assert_eq!(engine.read("/apps/www/resources").unwrap()[0], made);
            assert_eq!(event(&mut engine, "resource")["app"], app);
            let target = format!("{resources}/{}", made["id"].as_str().unwrap());
            assert_eq!(ok(&mut engine, Method::DELETE, &target, &json!({})), made);
            assert_eq!(event(&mut engine, "resource_deletion")["data"], made);
            assert_eq!(status(&mut engine, Method::DELETE, &target, &json!({})).0, 404);
            assert_eq!(engine.read("/apps/www/resources").unwrap(), json!([]));
        }
    }

    #[test]
    fn removing_an_app_removes_all_its_links() {
        for age in AGES {
            let mut engine = engine(age, Pace::AtOnce);
            let (www, _) = running_app(&mut engine, "www");
            let (api, _) = running_app(&mut engine, "api");
            let resources = "/providers/redis/resources";
            let both = json!({ "apps": ["www", "api"] });
            let a = ok(&mut engine, Method::POST, resources, &both);
            let b = ok(&mut engine, Method::POST, resources, &json!({ "apps": [www] }));
            let of = |resource: &Value, app: &str| {
                format!("{resources}/{}/apps/{app}", resource["id"].as_str().unwrap())
            };
            let left = ok(&mut engine, Method::DELETE, &of(&a, &www), &json!({}));
            assert_eq!(left["apps"], json!([api]));
            let b_now = engine.read(&format!("{resources}/{}", b["id"].as_str().unwrap()));
            assert_eq!(b_now.unwrap().get("apps"), None, "the other resource too");
            assert_eq!(event(&mut engine, "resource_app_deletion")["app"], www);
            let again = ok(&mut engine, Method::PUT, &of(&a, &www), &json!({}));
            assert_eq!(again["apps"], json!([api, www]), "appended in the reply");
            let read = engine.read(&format!("{resources}/{}", a["id"].as_str().unwrap()));
            assert_eq!(read.unwrap()["apps"], json!([www, api]), "the newest link first");
            for (method, app) in [
                (Method::PUT, www.as_str()),
                (Method::PUT, "www"),
                (Method::PUT, ZERO),
                (Method::DELETE, "www"),
                (Method::DELETE, ZERO),
            ] {
                let got = status(&mut engine, method.clone(), &of(&a, app), &json!({}));
                assert_eq!(got, (500, json!(true)), "{method} {app}");
            }
        }
    }

    #[test]
    fn registering_and_its_errors() {
        for age in AGES {
            let mut engine = engine(age, Pace::AtOnce);
            let target = |id: &str| format!("/providers/mysql/resources/{id}");
            let body = json!({ "external_id": "/x", "env": { "A": "b" }, "apps": [] });
            let id = "11111111-1111-4111-8111-111111111111";
            let made = ok(&mut engine, Method::PUT, &target(id), &body);
            assert_eq!((&made["id"], &made["external_id"]), (&json!(id), &json!("/x")));
            for (place, body, wanted) in [
                (target(id), body.clone(), (500, json!(true))),
                (target(ZERO), body.clone(), (500, json!(true))),
                (target("nosuch"), body.clone(), (500, json!(false))),
                (target(ZERO), json!({ "external_id": "/y", "apps": ["no"] }), (500, json!(true))),
                ("/providers/no/resources/1".to_owned(), body.clone(), (404, Value::Null)),
            ] {
                let got = status(&mut engine, Method::PUT, &place, &body);
                assert_eq!(got, wanted, "{place} {body}");
            }
            assert_eq!(send(&mut engine, Method::GET, &target("nosuch"), "").0, 404);
            let other = format!("/providers/redis/resources/{id}");
            assert_eq!(engine.read(&other).unwrap(), made, "any provider will do");
        }
    }

    #[test]
    fn providers_refuse_and_are_scripted() {
        let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
        let own = json!({ "name": "own", "url": "http://own.test/x" });
        ok(&mut engine, Method::POST, "/providers", &own);
        let resources = "/providers/own/resources";
        assert_eq!(status(&mut engine, Method::POST, resources, &json!({})), (500, json!(false)));
        engine.options.providers = ProviderApis::new(|url, errand, secret| {
            let Errand::Provision(config) = errand else { return None };
            let env = [("KEY".to_owned(), format!("{} {}", config["size"], secret().len()))];
            (url == "http://own.test/x")
                .then(|| Provision { external_id: "1".to_owned(), env: env.into() })
        });
        let config = json!({ "config": { "size": 3 } });
        let made = ok(&mut engine, Method::POST, resources, &config);
        assert_eq!(made["env"]["KEY"], "3 32");
        let target = format!("{resources}/{}", made["id"].as_str().unwrap());
        assert_eq!(status(&mut engine, Method::DELETE, &target, &json!({})), (500, json!(false)));
    }

    #[test]
    fn providers_and_their_errors() {
        for age in AGES {
            let mut engine = engine(age, Pace::AtOnce);
            let a = json!({ "name": "a", "url": "http://a.test", "id": "ignored" });
            let made = ok(&mut engine, Method::POST, "/providers", &a);
            assert_ne!(made["id"], "ignored");
            assert_eq!(engine.read("/providers/a").unwrap(), made);
            assert_eq!(engine.read("/providers").unwrap()[0], made, "the newest first");
            assert_eq!(event(&mut engine, "provider")["data"], made);
            for (body, wanted) in [
                (json!({}), (500, json!(false))),
                (json!({ "name": "b" }), (500, json!(false))),
                (json!({ "url": "http://b.test" }), (500, json!(false))),
                (json!({ "name": "a", "url": "http://b.test" }), (500, json!(true))),
                (json!({ "name": "b", "url": "http://a.test" }), (500, json!(true))),
                (json!({ "name": "b", "url": "b" }), (400, json!(false))),
                (json!({ "name": 1 }), (400, json!(false))),
                (json!({ "name": "b", "created_at": "x" }), (500, json!(false))),
            ] {
                assert_eq!(
                    status(&mut engine, Method::POST, "/providers", &body),
                    wanted,
                    "{body}"
                );
            }
        }
    }
}
