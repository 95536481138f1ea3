//! Apps.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::calls::Call;
use crate::engine::{Answer, Engine};
use crate::life::work::Task;
use crate::store::ids::stored_uuid;
use crate::store::names::app_name_for;
use crate::store::state::{Strings, newest_first};
use crate::wire::{self, Fail, Reply, Time, decode, decode_map, empty, json};

/// An app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct App {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) name: String,
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) strategy: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) release: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) deploy_timeout: i32,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

/// How long a deployment may take, in seconds, unless the app says otherwise.
const DEFAULT_DEPLOY_TIMEOUT: i32 = 120;

impl App {
    /// Whether it is one of Flynn's own.
    pub(crate) fn is_system(&self) -> bool {
        self.meta.get("flynn-system-app").is_some_and(|v| v == "true")
    }

    pub(crate) fn parent_ref(&self) -> String {
        format!("controller/apps/{}", self.id)
    }
}

impl Engine {
    /// `GET /apps`
    pub(crate) fn list_apps(&mut self, _: &Call<'_>) -> Reply {
        let alive = self.state.apps.iter().filter(|app| !app.deleted);
        json(&newest_first(alive, |app| app.created_at))
    }

    /// `GET /apps/:a`
    pub(crate) fn get_app(&mut self, call: &Call<'_>) -> Reply {
        json(self.state.app(call.param(0))?)
    }

    /// `POST /apps`
    pub(crate) fn create_app(&mut self, call: &Call<'_>) -> Reply {
        let app: App = decode(self.options.age, call.request)?;
        wire::app_name(&app.name)?;
        if self.options.age == crate::engine::ServerAge::V2016 && !app.strategy.is_empty() {
            wire::strategy(self.options.age, &app.strategy)?;
        }
        json(&self.add_app(app)?)
    }

    /// Adds an app with everything that is filled in, and its default route.
    pub(crate) fn add_app(&mut self, mut app: App) -> Result<App, Fail> {
        if app.name.is_empty() {
            app.name = app_name_for(&mut self.ids);
        }
        if app.id.is_empty() {
            app.id = self.ids.uuid();
        }
        let id = stored_uuid(&app.id).ok_or_else(Fail::unknown)?;
        if app.strategy.is_empty() {
            "all-at-once".clone_into(&mut app.strategy);
        }
        if app.deploy_timeout == 0 {
            app.deploy_timeout = DEFAULT_DEPLOY_TIMEOUT;
        }
        app.meta.entry("gc.max_inactive_slug_releases".to_owned()).or_insert("10".to_owned());
        if self.state.apps.iter().any(|other| other.id == id) {
            return Err(Fail::database());
        }
        if self.state.apps.iter().any(|other| other.name == app.name && !other.deleted) {
            let message = format!("application \"{}\" already exists", app.name);
            return Err(Fail::new("object_exists", message));
        }
        wire::strategy(crate::engine::ServerAge::V2021, &app.strategy)?;
        let at = self.time();
        (app.created_at, app.updated_at) = (Some(at), Some(at));
        // A release in the body is echoed, not stored; so is another spelling of the id.
        let stored = App { id: id.clone(), release: String::new(), ..app.clone() };
        self.state.apps.push(stored);
        self.event(at, &id, "app", &app.id, &app);
        self.add_default_route(&app);
        Ok(app)
    }

    /// `POST /apps/:a/meta`
    pub(crate) fn update_app_meta(&mut self, call: &Call<'_>) -> Reply {
        self.state.app(call.param(0))?;
        self.update_app(call)
    }

    /// `POST /apps/:a`
    pub(crate) fn update_app(&mut self, call: &Call<'_>) -> Reply {
        let age = self.options.age;
        let mut fields = decode_map(age, call.request)?.unwrap_or_default();
        if fields.get("meta").is_some_and(Value::is_null) {
            fields.remove("meta");
        }
        let checked =
            age == crate::engine::ServerAge::V2016 || self.options.start_order.checks_apps;
        wire::app_update(age, &fields, checked)?;
        let before = self.state.app(call.param(0))?.clone();
        let app = updated(age, &before, &fields)?;
        let at = self.time();
        let changes = ["strategy", "meta", "deploy_timeout"];
        let touched = changes.iter().any(|name| fields.contains_key(*name));
        if let Some(row) = self.state.app_mut(&app.id) {
            *row =
                App { updated_at: if touched { Some(at) } else { app.updated_at }, ..app.clone() };
        }
        self.event(at, &app.id, "app", &app.id, &app);
        json(&app)
    }

    /// `DELETE /apps/:a`
    pub(crate) fn delete_app(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.id.clone();
        self.enqueue(Task::DeleteApp { app });
        Ok(Answer::empty(http::StatusCode::OK))
    }

    /// `POST /apps/:a/gc`
    pub(crate) fn collect_garbage(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.id.clone();
        self.enqueue(Task::CollectGarbage { app });
        Ok(Answer::empty(http::StatusCode::OK))
    }

    /// Makes a release the app's.
    pub(crate) fn set_release(&mut self, app: &str, release: &str) -> Result<(), Fail> {
        let at = self.time();
        self.set_release_at(at, app, release)
    }

    /// Makes a release the app's within a transaction that began before.
    pub(crate) fn set_release_at(
        &mut self,
        at: Time,
        app: &str,
        release: &str,
    ) -> Result<(), Fail> {
        let previous =
            self.state.app(app).and_then(|app| self.state.app_release(app)).ok().cloned();
        let next = self.state.release(release)?.clone();
        if let Some(row) = self.state.app_mut(app) {
            release.clone_into(&mut row.release);
            row.updated_at = Some(at);
        }
        let mut data = Map::new();
        if let Some(previous) = previous {
            data.insert("prev_release".to_owned(), previous.stored());
        }
        data.insert("release".to_owned(), next.stored());
        self.event(at, app, "app_release", release, &data);
        Ok(())
    }
}

/// The app with the fields of an update; a wrong type is an internal error there.
fn updated(
    age: crate::engine::ServerAge,
    app: &App,
    fields: &Map<String, Value>,
) -> Result<App, Fail> {
    let mut app = app.clone();
    if let Some(value) = fields.get("strategy") {
        let strategy = value.as_str().ok_or_else(Fail::unknown)?;
        wire::strategy(age, strategy)?;
        strategy.clone_into(&mut app.strategy);
    }
    if let Some(value) = fields.get("meta") {
        let entries = value.as_object().ok_or_else(Fail::unknown)?;
        app.meta = entries
            .iter()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect::<Option<Strings>>()
            .ok_or_else(Fail::unknown)?;
    }
    if let Some(value) = fields.get("deploy_timeout") {
        let seconds = value.as_i64().ok_or_else(Fail::unknown)?;
        // Go's conversion cuts it to 32 bits.
        #[allow(clippy::cast_possible_truncation)]
        let seconds = seconds as i32;
        app.deploy_timeout = seconds;
    }
    Ok(app)
}
