//! Adds and removes resources.

use serde_json::json as value;

use crate::life::Engine;
use crate::store::{Resource, Time, stored_uuid};
use crate::wire::Fail;

impl Engine {
    /// Adds a resource with its links to apps, which may be named by id or name.
    pub(crate) fn add_resource(&mut self, mut resource: Resource) -> Result<Resource, Fail> {
        let id = match resource.id.as_str() {
            "" => {
                let new = value!({
                    "provider": resource.provider, "external_id": resource.external_id,
                });
                self.new_id("resource", &new)
            }
            // The insert finds no row for text that is not an id.
            given => stored_uuid(given).ok_or_else(Fail::unknown)?,
        };
        let taken = self.tables.resources.iter().any(|other| {
            let same =
                other.provider == resource.provider && other.external_id == resource.external_id;
            other.id == id || same
        });
        if taken {
            return Err(Fail::database());
        }
        let mut apps: Vec<String> = Vec::new();
        for app in &resource.apps {
            let app = self.tables.app(app).map_err(|_| Fail::database())?.id.clone();
            if apps.contains(&app) {
                return Err(Fail::database());
            }
            apps.push(app);
        }
        // The reply contains the id as it was sent.
        if resource.id.is_empty() {
            resource.id.clone_from(&id);
        }
        let at = self.time();
        resource.apps = apps;
        resource.created_at = Some(at);
        self.tables.resources.push(Resource { id, ..resource.clone() });
        self.resource_events(at, "resource", &resource);
        Ok(resource)
    }

    /// Appends one event per app, or one without an app.
    fn resource_events(&mut self, at: Time, kind: &'static str, resource: &Resource) {
        for app in &resource.apps {
            self.event(at, app, kind, &resource.id, resource);
        }
        if resource.apps.is_empty() {
            self.event(at, "", kind, &resource.id, resource);
        }
    }

    /// Deletes a resource and its links.
    pub(crate) fn remove_resource(&mut self, resource: &Resource) {
        let at = self.time();
        if let Some(row) = self.tables.resources.iter_mut().find(|row| row.id == resource.id) {
            row.deleted = true;
            row.apps.clear();
        }
        self.resource_events(at, "resource_deletion", resource);
    }
}
