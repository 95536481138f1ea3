//! Artifacts: the images and files that releases run.
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
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512_256};

use crate::client::Client;
use crate::error::Error;
use crate::ids::ArtifactId;
use crate::json::{Json, is_default, null_is_default};
use crate::string_enum::string_enum;
use crate::timestamp::Timestamp;
use crate::transport::{Repeat, Request, Spec};

string_enum! {
    /// The kind of an artifact.
    ArtifactType {
        /// An image in Flynn's own format (servers after 2016).
        Flynn = "flynn",
        /// A Docker image, by the URI of its registry (servers of 2016; later ones answer 500).
        Docker = "docker",
        /// A tarball, such as a slug in the blobstore (servers of 2016; later ones answer 500).
        File = "file",
    }
}

/// An artifact: an immutable reference to an image or a tarball.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Artifact {
    /// The id, a UUID.
    #[serde(skip_serializing_if = "ArtifactId::is_empty")]
    pub id: ArtifactId,
    /// The kind.
    #[serde(rename = "type", skip_serializing_if = "ArtifactType::is_empty")]
    pub kind: ArtifactType,
    /// The URI of its content.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uri: String,
    /// Metadata; `blobstore=true` marks a file of the cluster's own blobstore.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// The image manifest of a `flynn` artifact, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Json>,
    /// Hexadecimal digests of the content at `uri`, by algorithm (`sha512_256`).
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub hashes: BTreeMap<String, String>,
    /// The size in bytes of the content at `uri`; 0 if unknown.
    #[serde(skip_serializing_if = "is_default")]
    pub size: i64,
    /// The URI template (RFC 6570, variable `id`) of the image's layers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub layer_url_template: String,
    /// The time when it was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// A new artifact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use]
pub struct NewArtifact {
    /// Kind.
    #[serde(rename = "type")]
    pub kind: ArtifactType,
    /// The URI of the artifact.
    pub uri: String,
    /// Metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// Manifest of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Json>,
    /// Hashes by algorithm, in hex digits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hashes: BTreeMap<String, String>,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub size: i64,
    /// URI template (RFC 6570, variable `id`) of the image's layers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub layer_url_template: String,
}

impl NewArtifact {
    /// Creates a Docker image, by the URI of its registry, `https://registry.example.com?name=web&id=sha256:..`. For
    /// servers of 2016; later ones accept only [`flynn`](Self::flynn) images.
    pub fn docker(uri: impl Into<String>) -> Self {
        Self::new(ArtifactType::Docker, uri)
    }

    /// Creates an image for later servers, from the URI of its manifest and the manifest's exact text. Computes the
    /// size and the hash from the text.
    ///
    /// ```
    /// use flynn_client::artifacts::NewArtifact;
    ///
    /// let manifest = r#"{"_type":"application/vnd.flynn.image.manifest.v1+json"}"#;
    /// let image = NewArtifact::flynn("https://dl.example.com/web.json", manifest)?
    ///     .layer_url_template("https://dl.example.com/layers/{id}.squashfs");
    /// # Ok::<(), flynn_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails with [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the manifest is not JSON.
    pub fn flynn(uri: impl Into<String>, manifest: impl AsRef<str>) -> Result<Self, Error> {
        let text = manifest.as_ref();
        let json: Json = serde_json::from_str(text)
            .map_err(|error| Error::invalid_input("the manifest is not JSON").caused_by(error))?;
        let mut digest = String::new();
        for byte in Sha512_256::digest(text) {
            let _ = write!(digest, "{byte:02x}");
        }
        let size = i64::try_from(text.len())
            .map_err(|_| Error::invalid_input("the manifest is too large"))?;
        Ok(Self::new(ArtifactType::Flynn, uri).manifest(json).hash("sha512_256", digest).size(size))
    }

    /// Creates an artifact of this kind at this URI.
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

    /// Adds metadata.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// Sets the image manifest. Without it the server downloads the manifest from the URI, and refuses a `flynn`
    /// artifact without a size.
    pub fn manifest(mut self, manifest: impl Into<Json>) -> Self {
        self.manifest = Some(manifest.into());
        self
    }

    /// Adds a hexadecimal digest of the content at the URI, by algorithm (`sha512_256`).
    pub fn hash(mut self, algorithm: impl Into<String>, digest: impl Into<String>) -> Self {
        self.hashes.insert(algorithm.into(), digest.into());
        self
    }

    /// Sets the size in bytes of the content at the URI.
    pub fn size(mut self, bytes: i64) -> Self {
        self.size = bytes;
        self
    }

    /// Sets the URI template (RFC 6570, variable `id`) of the image's layers.
    pub fn layer_url_template(mut self, template: impl Into<String>) -> Self {
        self.layer_url_template = template.into();
        self
    }
}

/// All artifacts; returned by [`Client::artifacts`].
#[derive(Clone, Debug)]
pub struct Artifacts {
    client: Client,
}

impl Client {
    /// Accesses the artifacts of the cluster.
    pub fn artifacts(&self) -> Artifacts {
        Artifacts { client: self.clone() }
    }
}

impl Artifacts {
    /// Lists all artifacts, newest first: `GET /artifacts`.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn list(&self) -> Request<Vec<Artifact>> {
        Request::list(&self.client, Spec::get("/artifacts", []))
    }

    /// Registers an artifact: `POST /artifacts`. The call is idempotent: if an artifact of the same type and URI
    /// exists, the server returns that one with its id and metadata.
    ///
    /// # Errors
    /// Fails with [`Validation`](crate::ErrorKind::Validation) for a missing or unknown type, or a manifest without a
    /// size. Later servers answer 500 to the types of 2016.
    pub fn create(&self, artifact: NewArtifact) -> Request<Artifact> {
        Request::json(&self.client, Spec::post("/artifacts", [], Repeat::Safe).body(artifact))
    }

    /// Gets an artifact: `GET /artifacts/:id`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the artifact does not exist.
    pub fn get(&self, id: impl Into<ArtifactId>) -> Request<Artifact> {
        Request::json(&self.client, one(&id.into()))
    }

    /// Gets an artifact, or `None` if the artifact does not exist.
    ///
    /// # Errors
    /// Returns only the errors that every call can return; see [`ErrorKind`](crate::ErrorKind).
    pub fn get_opt(&self, id: impl Into<ArtifactId>) -> Request<Option<Artifact>> {
        Request::optional(&self.client, one(&id.into()))
    }
}

fn one(id: &ArtifactId) -> Spec {
    Spec::get("/artifacts/{artifact}", [id.as_str()])
}
