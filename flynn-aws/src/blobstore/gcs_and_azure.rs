//! The backends `gcs` and `azure`.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::params::{Issues, Param, Params};
use crate::{Error, ErrorKind};

/// Blobs in a Google Cloud Storage bucket.
#[derive(Clone)]
pub struct GcsBackend {
    bucket: String,
    key: SecretString,
    client_email: String,
}

/// The fields that the blobstore takes from a service account's key.
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

    /// Describes a bucket that is used with a service account whose JSON key is `key`. The key becomes a separate
    /// variable.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Parameter`] if the bucket is empty, or the key is not the JSON of a service account's
    /// key.
    pub fn new(bucket: &str, key: &str) -> Result<Self, Error> {
        let mut issues = Issues::default();
        let backend = Self::read(&Params::of(&[("bucket", bucket), ("key", key)]), &mut issues);
        issues.or_error(backend)
    }

    pub(super) fn read(params: &Params, issues: &mut Issues) -> Option<Self> {
        let bucket = issues.take(params.required("bucket"));
        let key = params.get("key");
        let client_email = issues.take(client_email(key));
        Some(Self { bucket: bucket?.to_owned(), key: key.into(), client_email: client_email? })
    }

    pub(super) fn params(&self) -> Vec<Param> {
        vec![Param::new("bucket", &self.bucket), Param::apart("key", self.key.expose_secret())]
    }

    /// Returns the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the service account, which must be an owner of the bucket.
    pub fn client_email(&self) -> &str {
        &self.client_email
    }
}

fn client_email(key: &str) -> Result<String, Error> {
    let refuse = |why: &str| Error::new(ErrorKind::Parameter, format!("the parameter key {why}"));
    if key.is_empty() {
        return Err(refuse("is missing"));
    }
    // The parser's own message may quote the document, so it is not passed on.
    let account: ServiceAccount = serde_json::from_str(key)
        .map_err(|_| refuse("is not the JSON of a service account's key"))?;
    if account.r#type != "service_account" {
        return Err(refuse("is not of type service_account"));
    }
    if account.client_email.is_empty() || !account.private_key.contains("PRIVATE KEY") {
        return Err(refuse("lacks client_email or private_key"));
    }
    Ok(account.client_email)
}

impl fmt::Debug for GcsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcsBackend")
            .field("bucket", &self.bucket)
            .field("client_email", &self.client_email)
            .finish_non_exhaustive()
    }
}

/// Blobs in an Azure Storage container, which must exist.
#[derive(Debug, Clone)]
pub struct AzureBackend {
    container: String,
    account_name: String,
    account_key: SecretString,
}

impl AzureBackend {
    /// The parameters that the blobstore knows.
    pub(super) const PARAMS: [&str; 3] = ["container", "account_name", "account_key"];

    /// Describes a container that is used with a storage account's key.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Parameter`] if a parameter is empty or not valid. The error never contains the key.
    pub fn new(container: &str, account_name: &str, account_key: &str) -> Result<Self, Error> {
        let mut issues = Issues::default();
        let params = Params::of(&[
            ("container", container),
            ("account_name", account_name),
            ("account_key", account_key),
        ]);
        let backend = Self::read(&params, &mut issues);
        issues.or_error(backend)
    }

    pub(super) fn read(params: &Params, issues: &mut Issues) -> Option<Self> {
        let [container, name, key] = Self::PARAMS.map(|key| issues.take(params.required(key)));
        Some(Self {
            container: container?.to_owned(),
            account_name: name?.to_owned(),
            account_key: key?.into(),
        })
    }

    pub(super) fn params(&self) -> Vec<Param> {
        vec![
            Param::new("container", &self.container),
            Param::new("account_name", &self.account_name),
            Param::new("account_key", self.account_key.expose_secret()),
        ]
    }

    /// Returns the container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Returns the storage account.
    pub fn account_name(&self) -> &str {
        &self.account_name
    }
}
