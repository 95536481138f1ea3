//! Domain migrations.

use serde::{Deserialize, Serialize};

use crate::store::{Time, empty};

/// The certificate of a migration, with its CA and pin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TlsCert {
    pub(crate) ca_cert: String,
    pub(crate) cert: String,
    pub(crate) pin: String,
    pub(crate) key: String,
}

/// A migration of the domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DomainMigration {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) old_tls_cert: Option<TlsCert>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) tls_cert: Option<TlsCert>,
    pub(crate) old_domain: String,
    pub(crate) domain: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) finished_at: Option<Time>,
}
