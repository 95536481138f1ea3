//! Creates apps and sets their releases.

use serde_json::{Map, json as value};

use crate::dialect::ServerAge;
use crate::life::Engine;
use crate::store::{App, Time, app_name_for, stored_uuid};
use crate::wire::{self, Fail};

/// The default timeout of a deployment in seconds.
const DEFAULT_DEPLOY_TIMEOUT: i32 = 120;

impl Engine {
    /// Adds an app with the server's defaults and its default route.
    pub(crate) fn add_app(&mut self, mut app: App) -> Result<App, Fail> {
        if app.name.is_empty() {
            let handed = self.handed("app", &value!({}));
            let name = handed.and_then(|next| next.field("name")?.as_str().map(str::to_owned));
            app.name = name.unwrap_or_else(|| app_name_for(&mut self.ids));
        }
        if app.id.is_empty() {
            app.id = self.new_id("app", &value!({ "name": app.name }));
        }
        let id = stored_uuid(&app.id).ok_or_else(Fail::unknown)?;
        if app.strategy.is_empty() {
            "all-at-once".clone_into(&mut app.strategy);
        }
        if app.deploy_timeout == 0 {
            app.deploy_timeout = DEFAULT_DEPLOY_TIMEOUT;
        }
        app.meta.entry("gc.max_inactive_slug_releases".to_owned()).or_insert("10".to_owned());
        if self.tables.apps.iter().any(|other| other.id == id) {
            return Err(Fail::database());
        }
        if self.tables.apps.iter().any(|other| other.name == app.name && !other.deleted) {
            let message = format!("application \"{}\" already exists", app.name);
            return Err(Fail::new("object_exists", message));
        }
        wire::known_strategy(&ServerAge::V2021.dialect().schemas, &app.strategy)?;
        let at = self.time();
        (app.created_at, app.updated_at) = (Some(at), Some(at));
        // A release in the body is echoed but not stored, as is another spelling of the id.
        let stored = App { id: id.clone(), release: String::new(), ..app.clone() };
        self.tables.apps.push(stored);
        self.event(at, &id, "app", &app.id, &app);
        self.add_default_route(&app);
        Ok(app)
    }

    /// Sets the release of an app.
    pub(crate) fn set_release(&mut self, app: &str, release: &str) -> Result<(), Fail> {
        let at = self.time();
        self.set_release_at(at, app, release)
    }

    /// Sets the release of an app within a transaction that has already started.
    pub(crate) fn set_release_at(
        &mut self,
        at: Time,
        app: &str,
        release: &str,
    ) -> Result<(), Fail> {
        let previous =
            self.tables.app(app).and_then(|app| self.tables.app_release(app)).ok().cloned();
        let next = self.tables.release(release)?.clone();
        if let Some(row) = self.tables.app_mut(app) {
            release.clone_into(&mut row.release);
            row.updated_at = Some(at);
        }
        let mut data = Map::new();
        if let Some(previous) = previous {
            data.insert("prev_release".to_owned(), value!(previous.stored()));
        }
        data.insert("release".to_owned(), value!(next.stored()));
        self.event(at, app, "app_release", release, &data);
        Ok(())
    }
}
