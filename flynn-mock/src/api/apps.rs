//! Apps.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::api::answer::{Answer, Reply, json};
use crate::api::call::Call;
use crate::api::grants;
use crate::life::Engine;
use crate::life::work::Task;
use crate::store::{App, Strings, account_of, newest_first};
use crate::wire::{self, Fail, decode, decode_map};

/// Returns the app with the fields of an update. A wrong type is an internal error.
fn updated(schemas: &wire::Schemas, app: &App, fields: &Map<String, Value>) -> Result<App, Fail> {
    let mut app = app.clone();
    if let Some(value) = fields.get("strategy") {
        let strategy = value.as_str().ok_or_else(Fail::unknown)?;
        wire::strategy(schemas, strategy)?;
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
        #[allow(clippy::cast_possible_truncation, reason = "Go's conversion cuts it to 32 bits")]
        let seconds = seconds as i32;
        app.deploy_timeout = seconds;
    }
    Ok(app)
}

/// `GET /apps`
pub(crate) fn list(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let alive = engine.tables.apps.iter().filter(|app| !app.deleted);
    if !engine.dialect.users {
        return json(&newest_first(alive, |app| app.created_at));
    }
    let truthy = |name| matches!(call.query(name).as_str(), "1" | "true" | "yes");
    let all = call.caller.is_admin() && (truthy("all") || truthy("system"));
    let shown = alive.filter(|app| {
        all || (!grants::is_internal(app) && grants::is_visible(engine, &call.caller, app))
    });
    let list = newest_first(shown, |app| app.created_at);
    json(&list.into_iter().map(|app| read(engine, app)).collect::<Vec<_>>())
}

/// `GET /apps/:a`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?;
    json(&read(engine, app))
}

/// Returns an app in the form of answers.
fn read(engine: &Engine, app: &App) -> App {
    App { building: engine.dialect.users && is_building(engine.now, app), ..app.clone() }
}

/// Returns whether a push has started less than half an hour ago and is still running.
fn is_building(now: Timestamp, app: &App) -> bool {
    match app.meta.get("flynn-controller.building").map(String::as_str) {
        None => false,
        Some("1" | "true") => true,
        Some(began) => {
            let began: Option<Timestamp> = began.parse().ok();
            began.is_some_and(|began| {
                (SignedDuration::ZERO..SignedDuration::from_mins(30))
                    .contains(&now.duration_since(began))
            })
        }
    }
}

/// `POST /apps`
pub(crate) fn create(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let mut app: App = decode(engine.dialect.bodies, call.request)?;
    wire::app_name(&app.name)?;
    let mut reserved = engine.dialect.reserved_names.split_whitespace();
    if reserved.any(|name| name == app.name) && !app.is_system() && !app.is_plugin() {
        return Err(Fail::field("name", "is reserved"));
    }
    if let Some(user) = &call.caller.user {
        if app.created_by.is_empty() {
            app.created_by.clone_from(user);
        }
        if app.owner_account.is_empty() {
            app.owner_account = account_of(user);
        }
    }
    if engine.tables.is_suspended(&app.owner_account) {
        return Err(Fail::invalid("account is suspended"));
    }
    if engine.dialect.schemas.checks_apps && !app.strategy.is_empty() {
        wire::strategy(&engine.dialect.schemas, &app.strategy)?;
    }
    json(&engine.add_app(app)?)
}

/// `POST /apps/:a/meta`
pub(crate) fn update_meta(engine: &mut Engine, call: &Call<'_>) -> Reply {
    engine.tables.app(call.param(0))?;
    update(engine, call)
}

/// `POST /apps/:a`
pub(crate) fn update(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let schemas = &engine.dialect.schemas;
    let mut fields = decode_map(engine.dialect.bodies, call.request)?.unwrap_or_default();
    if fields.get("meta").is_some_and(Value::is_null) {
        fields.remove("meta");
    }
    let checked = schemas.checks_apps || engine.options.start_order.checks_apps;
    wire::app_update(schemas, &fields, checked)?;
    let before = engine.tables.app(call.param(0))?.clone();
    let app = updated(schemas, &before, &fields)?;
    let at = engine.time();
    let changes = ["strategy", "meta", "deploy_timeout"];
    let touched = changes.iter().any(|name| fields.contains_key(*name));
    if let Some(row) = engine.tables.app_mut(&app.id) {
        *row = App { updated_at: if touched { Some(at) } else { app.updated_at }, ..app.clone() };
    }
    engine.event(at, &app.id, "app", &app.id, &app);
    json(&app)
}

/// `DELETE /apps/:a`
pub(crate) fn delete(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    engine.enqueue(Task::DeleteApp { app });
    Ok(Answer::empty(http::StatusCode::OK))
}

/// `POST /apps/:a/gc`
pub(crate) fn collect_garbage(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    engine.enqueue(Task::CollectGarbage { app });
    Ok(Answer::empty(http::StatusCode::OK))
}
