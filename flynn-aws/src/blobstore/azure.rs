//! The `azure` backend.

use secrecy::{ExposeSecret, SecretString};

use super::params::{Param, Params, required};
use crate::Error;

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

    /// A container, used with a storage account's key.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`](crate::ErrorKind::Parameter). The key never shows in it.
    pub fn new(container: &str, account_name: &str, account_key: &str) -> Result<Self, Error> {
        Ok(Self {
            container: required("container", container)?.to_owned(),
            account_name: required("account_name", account_name)?.to_owned(),
            account_key: required("account_key", account_key)?.into(),
        })
    }

    pub(super) fn from_params(params: &Params) -> Result<Self, Error> {
        Self::new(params.get("container"), params.get("account_name"), params.get("account_key"))
    }

    pub(super) fn params(&self) -> Vec<Param> {
        vec![
            Param::new("container", &self.container),
            Param::new("account_name", &self.account_name),
            Param::new("account_key", self.account_key.expose_secret()),
        ]
    }

    /// The container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// The storage account.
    pub fn account_name(&self) -> &str {
        &self.account_name
    }
}
