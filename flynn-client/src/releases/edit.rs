//! Edits of a release's document.

use serde_json::{Value, json};

use super::ProcessType;
use crate::document::{self, Document};
use crate::error::Error;
use crate::ids::{ArtifactId, ReleaseId};

/// One change of a release.
#[derive(Clone)]
pub(super) enum Edit {
    Artifacts(Vec<ArtifactId>),
    /// Sets a variable of the release or of a process type, or removes it with `None`.
    Env(Option<String>, String, Option<String>),
    ReplaceEnv(Option<String>),
    Meta(String, Option<String>),
    Process(String, Option<Box<ProcessType>>),
    Args(String, Vec<String>),
}

/// The release that a change starts from.
pub(super) struct Base {
    /// The id; empty if the app has no release.
    pub(super) id: ReleaseId,
    pub(super) document: Document,
}

impl Base {
    /// Drops the fields that the server sets. The server would merge `entrypoint` and `cmd` into `args` again.
    pub(super) fn of(mut document: Document) -> Self {
        let id = document.remove("id").and_then(|id| Some(id.as_str()?.into()));
        document.remove("created_at");
        if document.contains_key("artifacts") {
            // The first artifact again, for old clients.
            document.remove("artifact");
        }
        let processes = document.get_mut("processes").and_then(Value::as_object_mut);
        for process in processes.into_iter().flatten().filter_map(|(_, p)| p.as_object_mut()) {
            process.remove("entrypoint");
            process.remove("cmd");
        }
        Self { id: id.unwrap_or_default(), document }
    }
}

impl Edit {
    /// Returns the name of the changed field, for `Debug`.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Artifacts(_) => "artifacts",
            Self::ReplaceEnv(_) => "env",
            Self::Env(_, name, _)
            | Self::Meta(name, _)
            | Self::Process(name, _)
            | Self::Args(name, _) => name,
        }
    }

    pub(super) fn apply(&self, document: &mut Document) -> Result<(), Error> {
        match self {
            Self::Artifacts(ids) => {
                document.insert("artifacts".to_owned(), json!(ids));
                document.remove("artifact");
            }
            Self::Env(process, name, value) => {
                let holder = holder(document, process.as_deref())?;
                set(holder, "env", name, value.as_deref());
            }
            Self::ReplaceEnv(process) => {
                holder(document, process.as_deref())?.remove("env");
            }
            Self::Meta(key, value) => set(document, "meta", key, value.as_deref()),
            Self::Process(name, None) => {
                if let Some(Value::Object(processes)) = document.get_mut("processes") {
                    processes.remove(name);
                }
            }
            Self::Process(name, Some(process)) => {
                let mut process = json!(process);
                keep_limits(document, name, &mut process);
                let process = Document::from_iter([(name.clone(), process)]);
                document::merge(document, "processes", process);
            }
            Self::Args(name, args) => {
                holder(document, Some(name))?.insert("args".to_owned(), json!(args));
            }
        }
        Ok(())
    }
}

/// Returns the release, or one of its process types.
fn holder<'a>(
    document: &'a mut Document,
    process_type: Option<&str>,
) -> Result<&'a mut Document, Error> {
    let Some(name) = process_type else { return Ok(document) };
    let process = document.get_mut("processes").and_then(|processes| processes.get_mut(name));
    process
        .and_then(Value::as_object_mut)
        .ok_or_else(|| Error::invalid_input(format!("the release has no process type {name:?}")))
}

/// Copies the limits that a process type does not set from the one that it replaces. The server has filled in the
/// defaults there, and would do so again.
fn keep_limits(document: &Document, name: &str, process: &mut Value) {
    let old = document.get("processes").and_then(|processes| processes.get(name)?.get("resources"));
    let (Some(Value::Object(old)), Value::Object(process)) = (old, process) else { return };
    let mut limits = old.clone();
    if let Some(Value::Object(new)) = process.remove("resources") {
        limits.extend(new);
    }
    process.insert("resources".to_owned(), Value::Object(limits));
}

/// Sets a member of a map in a document, or removes it. Removes an empty map.
fn set(document: &mut Document, field: &str, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        let member = Document::from_iter([(name.to_owned(), value.into())]);
        return document::merge(document, field, member);
    }
    let Some(Value::Object(map)) = document.get_mut(field) else { return };
    map.remove(name);
    if map.is_empty() {
        document.remove(field);
    }
}
