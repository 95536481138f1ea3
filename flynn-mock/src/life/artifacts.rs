//! Artifacts, which are stored once per type and address.

use serde_json::json as value;

use crate::life::Engine;
use crate::store::{Artifact, is_uuid};
use crate::wire::Fail;

impl Engine {
    /// Adds an artifact, or returns the existing one of the same type and address.
    pub(crate) fn add_artifact(&mut self, mut artifact: Artifact) -> Result<Artifact, Fail> {
        if artifact.id.is_empty() {
            artifact.id = self.new_id("artifact", &value!({ "uri": artifact.uri }));
        } else if !is_uuid(&artifact.id) {
            return Err(Fail::unknown());
        }
        let mut alive = self.tables.artifacts.iter().filter(|other| !other.deleted);
        let same = alive.find(|o| o.kind == artifact.kind && o.uri == artifact.uri).cloned();
        let taken = self.tables.artifacts.iter().any(|other| other.id == artifact.id);
        let at = self.time();
        match same {
            Some(known) => artifact = artifact.known_as(known),
            None if taken => return Err(Fail::unknown()),
            None => {
                artifact.created_at = Some(at);
                self.tables.artifacts.push(artifact.clone());
            }
        }
        self.event(at, "", "artifact", &artifact.id, &artifact);
        Ok(artifact)
    }
}
