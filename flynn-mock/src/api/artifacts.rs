//! Artifacts: references to images.

use serde::Serialize;

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::store::{Artifact, Strings, Time, empty, is_uuid, newest_first};
use crate::wire::{self, Fail, decode};

/// A new artifact, with its manifest as it was sent.
#[derive(Serialize)]
struct NewArtifact<'a, M> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    uri: &'a str,
    #[serde(skip_serializing_if = "Strings::is_empty")]
    meta: &'a Strings,
    manifest: M,
    #[serde(skip_serializing_if = "Strings::is_empty")]
    hashes: &'a Strings,
    #[serde(skip_serializing_if = "empty")]
    size: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    layer_url_template: &'a str,
    created_at: Option<Time>,
}

/// Returns the error of a download, which always fails because the mock has no network.
fn no_download(uri: &str) -> String {
    let host = uri.split("://").nth(1).and_then(|rest| rest.split(['/', ':']).next());
    let host = host.unwrap_or_default();
    format!("failed to download from {uri}: Get {uri}: dial tcp: lookup {host}: no such host")
}

/// `GET /artifacts`
pub(crate) fn list(engine: &mut Engine, _: &Call<'_>) -> Reply {
    let alive = engine.tables.artifacts.iter().filter(|artifact| !artifact.deleted);
    json(&newest_first(alive, |artifact| artifact.created_at))
}

/// `GET /artifacts/:id`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    json(engine.tables.artifact(call.param(0))?)
}

/// `POST /artifacts`
pub(crate) fn create(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let mut artifact: Artifact = decode(engine.dialect.bodies, call.request)?;
    wire::artifact(&engine.dialect.schemas, &artifact.kind, &artifact.uri)?;
    let manifest = artifact.manifest.as_ref().filter(|_| engine.dialect.layered_images);
    if let Some(other) = manifest.filter(|manifest| !manifest.is_object()) {
        return Err(wire::wrong_type("manifest", "object", other));
    }
    if !engine.dialect.layered_images {
        artifact = Artifact {
            id: artifact.id,
            kind: artifact.kind,
            uri: artifact.uri,
            meta: artifact.meta,
            ..Artifact::default()
        };
    } else if artifact.kind != "flynn" {
        let well_formed = artifact.id.is_empty() || is_uuid(&artifact.id);
        return Err(if well_formed { Fail::database() } else { Fail::unknown() });
    } else if artifact.manifest.is_none() {
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
    let before = engine.tables.artifacts.len();
    let artifact = engine.add_artifact(artifact)?;
    if artifact.manifest.is_none() || engine.tables.artifacts.len() == before {
        return json(&artifact);
    }
    json(&NewArtifact {
        id: &artifact.id,
        kind: &artifact.kind,
        uri: &artifact.uri,
        meta: &artifact.meta,
        manifest: wire::sent(engine.dialect.bodies, call.request, "manifest"),
        hashes: &artifact.hashes,
        size: artifact.size,
        layer_url_template: &artifact.layer_url_template,
        created_at: artifact.created_at,
    })
}
