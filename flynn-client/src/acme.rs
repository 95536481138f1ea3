//! The cluster's ACME settings (the fork randy-girard/flynn).
//!
//! On upstream servers, calls fail with [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
//! [`managed_certificates`](crate::managed_certificates) shows the whole flow.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! match flynn.acme().get().await {
//!     Ok(config) => println!("certificates by ACME: {}", config.enabled),
//!     Err(error) => assert!(error.is_unsupported()), // not the fork
//! }
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::document;
use crate::error::Error;
use crate::json::is_false;
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Limits, Repeat, Request, Spec, operation};

/// The settings with which the cluster obtains certificates by ACME.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AcmeConfig {
    /// True if the cluster obtains certificates by ACME.
    pub enabled: bool,
    /// The account's contact; required to enable.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub contact_email: String,
    /// The URL of the ACME directory; empty for Let's Encrypt's production directory.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub directory_url: String,
    /// True if you agree to the directory's terms of service; required to enable.
    #[serde(skip_serializing_if = "is_false")]
    pub terms_of_service_agreed: bool,
    /// The account's private key as PEM (SEC1). The server never returns it, so it is empty in answers. An update that
    /// leaves it out keeps it.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub account_key: Secret,
    /// True if the server holds an account key.
    #[serde(skip_serializing_if = "is_false")]
    pub has_account_key: bool,
    /// The time when the settings were created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when they last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

const PATH: &str = "/acme/config";

/// The cluster's ACME settings; returned by [`Client::acme`].
#[derive(Clone, Debug)]
pub struct Acme {
    client: Client,
}

impl Client {
    /// Accesses the cluster's ACME settings (the fork).
    pub fn acme(&self) -> Acme {
        Acme { client: self.clone() }
    }
}

impl Acme {
    /// Gets the settings, without the account's private key: `GET /acme/config`.
    ///
    /// # Errors
    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn get(&self) -> Request<AcmeConfig> {
        Request::json(&self.client, Spec::get(PATH, []))
    }

    /// Enables ACME with this contact, and **agrees to the directory's terms of service**. Keeps the other settings.
    pub fn enable(&self, contact_email: impl Into<String>) -> UpdateAcme {
        self.update().enabled(true).contact_email(contact_email).terms_of_service_agreed(true)
    }

    /// Changes the settings that you set on the returned builder and keeps the others. Reads all settings and writes
    /// them back (`PUT /acme/config`), since the server clears omitted ones. The account's private key stays unless you
    /// set a new one.
    pub fn update(&self) -> UpdateAcme {
        UpdateAcme {
            client: self.client.clone(),
            changes: Map::new(),
            account_key: None,
            limits: Limits::default(),
        }
    }
}

/// A change of the ACME settings; returned by [`Acme::update`].
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct UpdateAcme {
    client: Client,
    changes: Map<String, Value>,
    account_key: Option<Secret>,
    limits: Limits,
}

impl UpdateAcme {
    /// Sets whether the cluster obtains certificates. This requires a contact and agreement to the terms.
    pub fn enabled(self, yes: bool) -> Self {
        self.set("enabled", yes)
    }

    /// Sets the account's contact.
    pub fn contact_email(self, address: impl Into<String>) -> Self {
        self.set("contact_email", address.into())
    }

    /// Sets the URL of the ACME directory; empty for Let's Encrypt's production directory.
    pub fn directory_url(self, url: impl Into<String>) -> Self {
        self.set("directory_url", url.into())
    }

    /// Sets whether you agree to the directory's terms of service.
    pub fn terms_of_service_agreed(self, yes: bool) -> Self {
        self.set("terms_of_service_agreed", yes)
    }

    /// Sets the account's private key as PEM (SEC1).
    pub fn account_key(mut self, key_pem: impl Into<Secret>) -> Self {
        self.account_key = Some(key_pem.into());
        self
    }

    fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.changes.insert(field.to_owned(), value.into());
        self
    }

    async fn run(self, deadline: Deadline) -> Result<AcmeConfig, Error> {
        let mut changes = self.changes;
        if let Some(key) = self.account_key {
            changes.insert("account_key".to_owned(), key.expose().into());
        }
        // Writing the same settings again changes nothing.
        let (read, write) = (Spec::get(PATH, []), Spec::put(PATH, [], Repeat::Safe));
        document::update(
            &self.client,
            read,
            write,
            |document| {
                document.extend(changes);
                Ok(())
            },
            deadline,
        )
        .await
    }
}

operation!(UpdateAcme => AcmeConfig);
