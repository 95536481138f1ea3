//! The `gcs` backend.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::params::{Param, Params, required};
use crate::{Error, ErrorKind};

/// Blobs in a Google Cloud Storage bucket.
#[derive(Clone)]
pub struct GcsBackend {
    bucket: String,
    key: SecretString,
    client_email: String,
}

/// What the blobstore takes from a service account's key.
#[derive(Deserialize)]
struct ServiceAccount {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
}

impl GcsBackend {
    /// The parameters that the blobstore knows.
    pub(super) const PARAMS: [&str; 2] = ["bucket", "key"];

    /// A bucket, used with a service account whose JSON key is `key`. It becomes a variable of its own.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] if the bucket is empty, or the key is not the JSON of a service account's key.
    pub fn new(bucket: &str, key: &str) -> Result<Self, Error> {
        let refuse =
            |why: &str| Error::new(ErrorKind::Parameter, format!("the parameter key {why}"));
        let bucket = required("bucket", bucket)?;
        if key.is_empty() {
            return Err(refuse("is missing"));
        }
        // The parser's own message may quote the document: it is not passed on.
        let account: ServiceAccount = serde_json::from_str(key)
            .map_err(|_| refuse("is not the JSON of a service account's key"))?;
        if account.r#type != "service_account" {
            return Err(refuse("is not of type service_account"));
        }
        if account.client_email.is_empty() || !account.private_key.contains("PRIVATE KEY") {
            return Err(refuse("lacks client_email or private_key"));
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.into(), client_email: account.client_email })
    }

    pub(super) fn from_params(params: &Params) -> Result<Self, Error> {
        Self::new(params.get("bucket"), params.get("key"))
    }

    pub(super) fn params(&self) -> Vec<Param> {
        vec![Param::new("bucket", &self.bucket), Param::apart("key", self.key.expose_secret())]
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The service account, which must be an owner of the bucket.
    pub fn client_email(&self) -> &str {
        &self.client_email
    }
}

impl fmt::Debug for GcsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcsBackend")
            .field("bucket", &self.bucket)
            .field("client_email", &self.client_email)
            .finish_non_exhaustive()
    }
}
