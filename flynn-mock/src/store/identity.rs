//! Users, their personal access tokens, and their roles on apps and accounts.

use serde::{Deserialize, Serialize};

use crate::store::{Absent, App, Tables, Time, empty};

/// A user of the controller.
#[allow(clippy::struct_excessive_bools, reason = "the wire has them")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) handle: String,
    pub(crate) email: String,
    pub(crate) cluster_admin: bool,
    pub(crate) disabled: bool,
    pub(crate) suspended: bool,
    pub(crate) email_verified: bool,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
}

impl User {
    /// Returns the account of the user, which can own apps.
    pub(crate) fn account(&self) -> String {
        account_of(&self.id)
    }
}

/// Returns the account of the user with this id.
pub(crate) fn account_of(user: &str) -> String {
    format!("user:{user}")
}

/// A personal access token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PersonalToken {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Its scopes, separated by blanks or commas.
    pub(crate) scopes: String,
    /// The token itself, in the answer that creates it.
    #[serde(skip_serializing_if = "empty")]
    pub(crate) token: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) expires_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) revoked_at: Option<Time>,
    /// The id of its user.
    #[serde(skip)]
    pub(crate) user: String,
    /// The secret in requests.
    #[serde(skip)]
    pub(crate) secret: String,
}

/// The role of a user on an app (`app:ID`) or on all apps of an account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Role {
    pub(crate) subject: String,
    pub(crate) user: String,
    pub(crate) name: String,
}

/// Returns the permission of a role; `None` for an unknown role.
pub(crate) fn role_permission(role: &str) -> Option<&'static str> {
    Some(match role {
        "view" => "app:read",
        "deploy" => "app:deploy",
        "manage" => "app:write",
        "admin" => "app:admin",
        _ => return None,
    })
}

/// The tenancy settings: sign-ups, and limits of accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tenancy {
    pub(crate) mode: String,
    pub(crate) signup_enabled: bool,
}

impl Default for Tenancy {
    fn default() -> Self {
        Self { mode: "self_hosted".to_owned(), signup_enabled: false }
    }
}

impl Tables {
    /// Returns the user with this id.
    pub(crate) fn user(&self, id: &str) -> Result<&User, Absent> {
        self.users.iter().find(|user| user.id == id).ok_or(Absent::NoRow)
    }

    /// Returns whether an account was suspended, or its user was suspended or disabled.
    pub(crate) fn is_suspended(&self, account: &str) -> bool {
        let user = account.strip_prefix("user:").and_then(|id| self.user(id).ok());
        self.suspended.contains(account) || user.is_some_and(|user| user.suspended || user.disabled)
    }

    /// Returns the permissions that a user has on an app, as its owner or by roles.
    pub(crate) fn permissions(&self, user: &str, app: &App) -> Vec<&'static str> {
        let owner = &app.owner_account;
        if self.is_suspended(owner) {
            return Vec::new();
        }
        let own = (*owner == account_of(user)).then_some("app:admin");
        let subject = app.subject();
        let roles = self.roles.iter().filter(|role| {
            role.user == user
                && (role.subject == subject || (!owner.is_empty() && role.subject == *owner))
        });
        own.into_iter().chain(roles.filter_map(|role| role_permission(&role.name))).collect()
    }
}
