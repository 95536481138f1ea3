//! ACME: the configuration, and managed certificates.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::{CertificateStatus, Time, empty, jsonb_list};

/// The ACME configuration of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AcmeConfig {
    pub(crate) enabled: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) contact_email: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) directory_url: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) terms_of_service_agreed: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) account_key: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) has_account_key: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
}

/// A certificate that the cluster obtains by ACME, one per name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ManagedCertificate {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    pub(crate) domain: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) route_id: String,
    pub(crate) status: CertificateStatus,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) cert: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) key: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) expires_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) last_error: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) last_error_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) order_url: String,
    #[serde(skip_serializing_if = "empty", serialize_with = "jsonb_list")]
    pub(crate) errors: Vec<Value>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
}
