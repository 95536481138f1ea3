//! Manifests of releases whose bootstrap differs little from another one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::store::Strings;

/// The differences from the manifest of another release.
#[derive(Debug, Default, Deserialize)]
struct Changes {
    /// Apps, providers and images to remove, with everything that belongs to them.
    without: Vec<String>,
    /// New names of images.
    renamed: Vec<(String, String)>,
    /// New names of providers.
    providers: Strings,
    /// Deployment strategies of apps.
    strategies: Strings,
    /// Deploy timeouts of apps, in seconds.
    timeouts: BTreeMap<String, i32>,
    /// Additional metadata of apps.
    meta: BTreeMap<String, Map<String, Value>>,
    /// Variables to remove from all releases.
    lost_env: Vec<String>,
    /// Additional variables of the releases of apps.
    env: BTreeMap<String, Map<String, Value>>,
}

/// Returns the manifest with its changes, if it has any.
pub(super) fn changed(manifest: &'static str, changes: Option<&str>) -> Cow<'static, str> {
    let Some(changes) = changes else { return manifest.into() };
    // Both are part of the crate, and a test parses them.
    let changes: Changes = serde_json::from_str(changes).unwrap_or_default();
    let mut entries: Vec<Map<String, Value>> = serde_json::from_str(manifest).unwrap_or_default();
    entries.retain(|entry| !changes.leaves_out(entry));
    entries.iter_mut().flatten().for_each(|(kind, part)| changes.apply(kind, part));
    let mut text = serde_json::to_string(&entries).unwrap_or_default();
    for (old, new) in &changes.renamed {
        text = text.replace(old, new);
    }
    text.into()
}

impl Changes {
    fn leaves_out(&self, entry: &Map<String, Value>) -> bool {
        let fields = ["id", "app", "app_id", "parent_ref"];
        let named = |part: &Value| {
            let texts = fields.iter().filter_map(|field| part.get(*field)?.as_str());
            texts
                .into_iter()
                .any(|text| self.without.iter().any(|name| text.ends_with(&format!(" {name}}}}}"))))
        };
        entry.values().any(named)
    }

    fn apply(&self, kind: &str, part: &mut Value) {
        let text = |part: &Value, field: &str| {
            part.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let name = match kind {
            "release" => {
                let id = text(part, "app_id");
                id.trim_start_matches("{{id app ").trim_end_matches("}}").to_owned()
            }
            _ => text(part, "name"),
        };
        let Some(fields) = part.as_object_mut() else { return };
        match kind {
            "provider" => {
                if let Some(new) = self.providers.get(&name) {
                    fields.insert("name".to_owned(), new.as_str().into());
                }
            }
            "app" => {
                if let Some(strategy) = self.strategies.get(&name) {
                    fields.insert("strategy".to_owned(), strategy.as_str().into());
                }
                if let Some(timeout) = self.timeouts.get(&name) {
                    fields.insert("deploy_timeout".to_owned(), (*timeout).into());
                }
                add(fields, "meta", self.meta.get(&name));
            }
            "release" => {
                add(fields, "env", self.env.get(&name));
                if let Some(env) = fields.get_mut("env").and_then(Value::as_object_mut) {
                    env.retain(|name, _| !self.lost_env.contains(name));
                }
            }
            _ => {}
        }
    }
}

/// Adds entries to an object in a field.
fn add(fields: &mut Map<String, Value>, name: &str, more: Option<&Map<String, Value>>) {
    let Some(more) = more else { return };
    let slot = fields.entry(name).or_insert_with(|| Map::new().into());
    if let Some(slot) = slot.as_object_mut() {
        slot.extend(more.clone());
    }
}
