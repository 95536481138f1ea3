//! The worker's deletions of apps, old releases and files.

use jiff::SignedDuration;
use serde_json::{Value, json as value};

use crate::life::{Engine, deletion};
use crate::store::Route;
use crate::wire::Fail;

/// The time that jobs keep running if their app is deleted during a deployment.
const ORPHANED: SignedDuration = SignedDuration::from_secs(40);

impl Engine {
    /// Deletes an app with its routes, releases and resources.
    pub(crate) fn work_off_app_deletion(&mut self, id: &str) {
        let mut done = Deleted::default();
        let result = self.delete_all_of(id, &mut done);
        let error = match result {
            Ok(()) => String::new(),
            Err(Fail::NotFound) => "controller: resource not found".to_owned(),
            Err(Fail::Error { code, message, .. }) => format!("{code}: {message}"),
            Err(Fail::Broken) => "connection broken".to_owned(),
        };
        let at = self.time();
        let data = value!({
            "app_deletion": {
                "app": id,
                "deleted_routes": null_if_empty(done.routes),
                "deleted_resources": null_if_empty(done.resources),
                "deleted_releases": null_if_empty(done.releases),
            },
            "error": error,
        });
        self.event(at, id, "app_deletion", id, &data);
    }

    fn delete_all_of(&mut self, id: &str, done: &mut Deleted) -> Result<(), Fail> {
        let parent = self.tables.app(id)?.parent_ref();
        let mut routes: Vec<Route> = self
            .tables
            .routes
            .iter()
            .filter(|r| !r.deleted && r.parent_ref == parent)
            .cloned()
            .collect();
        routes.reverse();
        for route in routes {
            let stored = self.stored_route(&route);
            self.remove_route(&route)?;
            done.routes.push(value!(stored));
        }
        let releases = self.releases_of(id);
        let deploys = self.rollouts.iter().any(|rollout| rollout.is_of(id));
        let hears_in = deploys.then_some(ORPHANED);
        let at = self.time();
        if let Some(app) = self.tables.app_mut(id) {
            app.release.clear();
            app.updated_at = Some(at);
        }
        for release in releases {
            let stored = release.stored();
            self.remove_release(id, &release.id, hears_in)?;
            done.releases.push(value!(stored));
        }
        let mut resources: Vec<_> = self
            .tables
            .resources
            .iter()
            .filter(|r| !r.deleted && r.apps.iter().any(|app| app == id))
            .cloned()
            .collect();
        resources.reverse();
        for resource in resources.into_iter().filter(|resource| resource.apps.len() == 1) {
            self.remove_resource(&resource);
            done.resources.push(value!(resource));
        }
        let formations: Vec<String> = self
            .tables
            .formations
            .iter()
            .filter(|f| f.app == id && !f.deleted)
            .map(|f| f.release.clone())
            .collect();
        for release in formations {
            self.drop_formation(at, id, &release, hears_in);
        }
        for resource in &mut self.tables.resources {
            resource.apps.retain(|app| app != id);
        }
        if let Some(app) = self.tables.app_mut(id) {
            app.deleted = true;
        }
        Ok(())
    }

    /// Deletes the old slug releases of an app.
    pub(crate) fn work_off_garbage(&mut self, id: &str) {
        let (deleted, error) = match self.delete_old_releases(id) {
            Ok(deleted) => (deleted, None),
            Err(error) => (None, Some(error)),
        };
        let at = self.time();
        let data = value!({
            "app_garbage_collection": { "app_id": id, "deleted_releases": deleted },
            "error": error.unwrap_or_default(),
        });
        self.event(at, id, "app_garbage_collection", id, &data);
    }

    fn delete_old_releases(&mut self, id: &str) -> Result<Option<Vec<String>>, String> {
        let app = self.tables.app(id).map_err(|_| "controller: resource not found".to_owned())?;
        let limit = match app.meta.get("gc.max_inactive_slug_releases").map(String::as_str) {
            None | Some("false") => return Ok(None),
            Some(text) => text
                .parse::<i64>()
                .map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))?,
        };
        let runs = |release: &str| {
            let formation = self.tables.formation(id, release).ok();
            formation.and_then(|f| f.processes.as_ref()).is_some_and(|c| c.values().any(|n| *n > 0))
        };
        let mut slugs: Vec<String> = Vec::new();
        let mut old = Vec::new();
        for release in self.releases_of(id) {
            if !release.is_slug() || runs(&release.id) {
                continue;
            }
            if i64::try_from(slugs.len()).unwrap_or(i64::MAX) >= limit {
                old.push(release.id.clone());
            }
            let slug = release.artifacts.get(1).and_then(|id| self.tables.artifact(id).ok());
            if let Some(slug) = slug.filter(|slug| slug.in_blobstore())
                && !slugs.contains(&slug.uri)
            {
                slugs.push(slug.uri.clone());
            }
        }
        if old.is_empty() {
            return Ok(None);
        }
        // The next collection retries failed deletions.
        old.retain(|release| self.remove_release(id, release, None).is_ok());
        Ok(Some(old))
    }

    /// Deletes the files of a deleted release.
    pub(crate) fn work_off_cleanup(&mut self, app: &str, release: &str, files: &[String]) {
        let at = self.time();
        let data = deletion(app, release, None, Some(files));
        self.event(at, app, "release_deletion", release, &data);
    }
}

/// The objects that an app's deletion has deleted so far.
#[derive(Default)]
struct Deleted {
    routes: Vec<Value>,
    resources: Vec<Value>,
    releases: Vec<Value>,
}

/// Returns `null` for an empty list, as Go writes a list without appended items.
fn null_if_empty(list: Vec<Value>) -> Value {
    if list.is_empty() { Value::Null } else { list.into() }
}
