//! Artifacts: references to images.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calls::Call;
use crate::engine::{Engine, ServerAge};
use crate::store::ids::is_uuid;
use crate::store::state::{Strings, newest_first};
use crate::wire::{self, Fail, Reply, Time, decode, empty, json};

/// An artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Artifact {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(rename = "type", skip_serializing_if = "empty")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) uri: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty", deserialize_with = "present")]
    manifest: Option<Value>,
    #[serde(skip_serializing_if = "empty")]
    hashes: Strings,
    #[serde(skip_serializing_if = "empty")]
    size: i64,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) layer_url_template: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

/// A `null` is a value too, although no manifest.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Artifact {
    /// What a client gets that asks for a known image once more: the one that is there, and what
    /// it sent besides.
    fn known_as(self, known: Self) -> Self {
        let with = |mut sent: Strings, stored: Strings| {
            sent.extend(stored);
            sent
        };
        Self {
            meta: with(self.meta, known.meta.clone()),
            hashes: with(self.hashes, known.hashes.clone()),
            ..known
        }
    }

    /// Whether its files are in the cluster's blobstore.
    pub(crate) fn in_blobstore(&self) -> bool {
        self.meta.get("blobstore").is_some_and(|v| v == "true")
    }

    /// The ids of the layers in its manifest.
    pub(crate) fn layers(&self) -> Vec<String> {
        let lists = |value: &Value, name: &str| -> Vec<Value> {
            value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        self.manifest
            .iter()
            .flat_map(|manifest| lists(manifest, "rootfs"))
            .flat_map(|rootfs| lists(&rootfs, "layers"))
            .filter_map(|layer| layer.get("id")?.as_str().map(str::to_owned))
            .collect()
    }

    /// The arguments that its image runs by default.
    pub(crate) fn default_args(&self) -> Vec<String> {
        let args = self.manifest.as_ref().and_then(|m| m.pointer("/entrypoints/_default/args"));
        let words = args.and_then(Value::as_array).cloned().unwrap_or_default();
        words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    }
}

impl Engine {
    /// `GET /artifacts`
    pub(crate) fn list_artifacts(&mut self, _: &Call<'_>) -> Reply {
        let alive = self.state.artifacts.iter().filter(|artifact| !artifact.deleted);
        json(&newest_first(alive, |artifact| artifact.created_at))
    }

    /// `GET /artifacts/:id`
    pub(crate) fn get_artifact(&mut self, call: &Call<'_>) -> Reply {
        json(self.state.artifact(call.param(0))?)
    }

    /// `POST /artifacts`
    pub(crate) fn create_artifact(&mut self, call: &Call<'_>) -> Reply {
        let mut artifact: Artifact = decode(self.options.age, call.request)?;
        wire::artifact(self.options.age, &artifact.kind, &artifact.uri)?;
        let manifest = artifact.manifest.as_ref().filter(|_| self.options.age == ServerAge::V2021);
        if let Some(other) = manifest.filter(|manifest| !manifest.is_object()) {
            return Err(wire::wrong_type("manifest", "object", other));
        }
        match self.options.age {
            ServerAge::V2016 => {
                artifact = Artifact {
                    id: artifact.id,
                    kind: artifact.kind,
                    uri: artifact.uri,
                    meta: artifact.meta,
                    ..Artifact::default()
                };
            }
            ServerAge::V2021 if artifact.kind != "flynn" => {
                let well_formed = artifact.id.is_empty() || is_uuid(&artifact.id);
                return Err(if well_formed { Fail::database() } else { Fail::unknown() });
            }
            ServerAge::V2021 if artifact.manifest.is_none() => {
                if artifact.size <= 0 {
                    return Err(Fail::field("size", "must be greater than zero"));
                }
                let why = if artifact.hashes.is_empty() {
                    format!("failed to download from {}: verify: no hashes provided", artifact.uri)
                } else {
                    no_download(&artifact.uri)
                };
                return Err(Fail::field("manifest", &why));
            }
            ServerAge::V2021 => {}
        }
        json(&self.add_artifact(artifact)?)
    }

    /// Adds an artifact, or finds the one of the same type and address.
    pub(crate) fn add_artifact(&mut self, mut artifact: Artifact) -> Result<Artifact, Fail> {
        if artifact.id.is_empty() {
            artifact.id = self.ids.uuid();
        } else if !is_uuid(&artifact.id) {
            return Err(Fail::unknown());
        }
        let mut alive = self.state.artifacts.iter().filter(|other| !other.deleted);
        let same = alive.find(|o| o.kind == artifact.kind && o.uri == artifact.uri).cloned();
        let taken = self.state.artifacts.iter().any(|other| other.id == artifact.id);
        let at = self.time();
        match same {
            Some(known) => artifact = artifact.known_as(known),
            None if taken => return Err(Fail::unknown()),
            None => {
                artifact.created_at = Some(at);
                self.state.artifacts.push(artifact.clone());
            }
        }
        self.event(at, "", "artifact", &artifact.id, &artifact);
        Ok(artifact)
    }
}

/// Why a manifest cannot be fetched: the mock has no network.
fn no_download(uri: &str) -> String {
    let host = uri.split("://").nth(1).and_then(|rest| rest.split(['/', ':']).next());
    let host = host.unwrap_or_default();
    format!("failed to download from {uri}: Get {uri}: dial tcp: lookup {host}: no such host")
}
