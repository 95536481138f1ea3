//! Apps.

use serde::{Deserialize, Serialize};

use crate::store::{Strings, Time, empty};

/// An app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct App {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) name: String,
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) strategy: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) release: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) deploy_timeout: i32,
    /// The account that owns it; empty for the cluster's own apps.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) owner_account: String,
    /// The id of the user who created it.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_by: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    /// True if a push is being built. Computed when it is read.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) building: bool,
    #[serde(skip)]
    pub(crate) deleted: bool,
}

/// The prefixes of database names.
const DATASTORES: &[&str] =
    &["pg", "postgres", "mysql", "mariadb", "mongodb", "redis", "kafka", "clickhouse"];

impl App {
    /// Returns whether it is one of Flynn's own apps.
    pub(crate) fn is_system(&self) -> bool {
        self.meta.get("flynn-system-app").is_some_and(|v| v == "true")
    }

    /// Returns whether it was installed as a plugin.
    pub(crate) fn is_plugin(&self) -> bool {
        self.meta.get("flynn-plugin").is_some_and(|v| v == "true")
    }

    /// Returns whether it is a database, in which clients may not run jobs.
    pub(crate) fn is_datastore(&self) -> bool {
        let kind = self.name.split('-').next().unwrap_or_default();
        let own = self.is_system() || self.is_plugin();
        self.meta.get("flynn-datastore").is_some_and(|v| v == "true")
            || (own && DATASTORES.contains(&kind))
    }

    /// Returns its name in roles.
    pub(crate) fn subject(&self) -> String {
        format!("app:{}", self.id)
    }

    pub(crate) fn parent_ref(&self) -> String {
        format!("controller/apps/{}", self.id)
    }
}
