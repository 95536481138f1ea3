//! Artifacts: what a release runs.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! for artifact in flynn.artifacts().list().await? {
//!     println!("{} {} {}", artifact.id, artifact.kind, artifact.uri);
//!     assert_eq!(flynn.artifacts().get(&artifact.id).await?.uri, artifact.uri);
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::ids::ArtifactId;
use crate::json::{Json, is_default, null_is_default};
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Repeat, Request, Spec};

string_enum! {
    /// The kind of an artifact.
    ArtifactType {
        /// An image manifest of Flynn's own: the kind of later servers.
        Flynn = "flynn",
        /// A Docker image by the URI of its registry (v2016; later servers answer 500).
        Docker = "docker",
        /// A tarball, such as a slug in the blobstore (v2016; later servers answer 500).
        File = "file",
    }
}

/// An artifact: an immutable reference to an image or a tarball.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Artifact {
    /// Id, a UUID.
    #[serde(skip_serializing_if = "ArtifactId::is_empty")]
    pub id: ArtifactId,
    /// The kind.
    #[serde(rename = "type", skip_serializing_if = "ArtifactType::is_empty")]
    pub kind: ArtifactType,
    /// Where it can be had.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uri: String,
    /// Free pairs; `blobstore=true` marks a file of the cluster's own blobstore.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// The image manifest of a `flynn` artifact, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Json>,
    /// Digests of what `uri` names, by algorithm (`sha512_256`).
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub hashes: BTreeMap<String, String>,
    /// Size in bytes of what `uri` names; 0 when unknown.
    #[serde(skip_serializing_if = "is_default")]
    pub size: i64,
    /// URI template (RFC 6570, variable `id`) of the image's layers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub layer_url_template: String,
    /// When it was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// An artifact to be registered.
#[derive(Clone, Debug, Serialize)]
#[must_use]
pub struct NewArtifact {
    #[serde(rename = "type")]
    kind: ArtifactType,
    uri: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    meta: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Json>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    hashes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "is_default")]
    size: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    layer_url_template: String,
}

impl NewArtifact {
    /// An artifact of this kind, to be had at this URI.
    pub fn new(kind: ArtifactType, uri: impl Into<String>) -> Self {
        Self {
            kind,
            uri: uri.into(),
            meta: BTreeMap::new(),
            manifest: None,
            hashes: BTreeMap::new(),
            size: 0,
            layer_url_template: String::new(),
        }
    }

    /// Adds one pair of meta data.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// The image manifest. Without one the server downloads it from the URI, and refuses a `flynn`
    /// artifact that has no size.
    pub fn manifest(mut self, manifest: impl Into<Json>) -> Self {
        self.manifest = Some(manifest.into());
        self
    }

    /// Adds a digest of what the URI names, by algorithm (`sha512_256`).
    pub fn hash(mut self, algorithm: impl Into<String>, digest: impl Into<String>) -> Self {
        self.hashes.insert(algorithm.into(), digest.into());
        self
    }

    /// Size in bytes of what the URI names.
    pub fn size(mut self, bytes: i64) -> Self {
        self.size = bytes;
        self
    }

    /// URI template (RFC 6570, variable `id`) of the image's layers.
    pub fn layer_url_template(mut self, template: impl Into<String>) -> Self {
        self.layer_url_template = template.into();
        self
    }
}
/// All artifacts; made by [`Client::artifacts`].
#[derive(Clone, Debug)]
pub struct Artifacts {
    client: Client,
}

impl Client {
    /// The artifacts of the cluster.
    pub fn artifacts(&self) -> Artifacts {
        Artifacts { client: self.clone() }
    }
}

impl Artifacts {
    /// Every artifact, the newest first: `GET /artifacts`.
    ///
    /// # Errors
    /// Those of every call, see [`ErrorKind`](crate::ErrorKind).
    pub fn list(&self) -> Request<Vec<Artifact>> {
        Request::list(&self.client, Spec::get("/artifacts", []))
    }

    /// Registers an artifact: `POST /artifacts`. One of the same type and URI is answered as it
    /// is, with its own id and meta data, so the call may be repeated.
    ///
    /// # Errors
    /// A validation error for a missing or unknown type, or a manifest without size. Later
    /// servers answer 500 to the types of v2016.
    pub fn create(&self, artifact: NewArtifact) -> Request<Artifact> {
        Request::json(&self.client, Spec::post("/artifacts", [], Repeat::Safe).body(artifact))
    }

    /// One artifact: `GET /artifacts/:id`.
    ///
    /// # Errors
    /// Not found, when there is no such artifact.
    pub fn get(&self, id: impl Into<ArtifactId>) -> Request<Artifact> {
        Request::json(&self.client, one(&id.into()))
    }

    /// One artifact, or `None` when there is no such artifact.
    ///
    /// # Errors
    /// Those of every call, see [`ErrorKind`](crate::ErrorKind).
    pub fn get_opt(&self, id: impl Into<ArtifactId>) -> Request<Option<Artifact>> {
        Request::optional(&self.client, one(&id.into()))
    }
}

fn one(id: &ArtifactId) -> Spec {
    Spec::get("/artifacts/{artifact}", [id.as_str()])
}
