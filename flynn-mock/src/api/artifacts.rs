//! Artifacts: references to images.

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::store::{Artifact, is_uuid, newest_first};
use crate::wire::{self, Fail, decode};

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
    json(&engine.add_artifact(artifact)?)
}
