//! Collaborators: who may use an app, or all apps of an account (the fork randy-girard/flynn, September 2026).
//!
//! Written from the fork's source; never recorded from a real controller. Servers without
//! [`Capability::Users`](crate::capabilities::Capability::Users) answer
//! [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().server(flynn_mock::ServerAge::Fork2026September).bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! # flynn.apps().create(flynn_client::apps::NewApp::named("shop")).await?;
//! # flynn.users().create(flynn_client::users::NewUser::new("ann@example.com", "a long passphrase")).await?;
//! use flynn_client::collaborators::{NewCollaborator, Role};
//!
//! let team = flynn.app("shop").collaborators();
//! let ann = team.add(NewCollaborator::email("ann@example.com", Role::Deploy)).await?;
//! assert_eq!(team.list().await?[0].role, Role::Deploy);
//! team.remove(&ann.user_id).await?;
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use http::Method;
use serde::{Deserialize, Serialize};

use crate::apps::{App, AppHandle};
use crate::client::Client;
use crate::ids::{AccountId, AppRef, UserId};
use crate::string_enum::string_enum;
use crate::transport::{Repeat, Request, Spec};

string_enum! {
    /// The role of a collaborator.
    Role {
        /// Can read everything of the app: the grant `app:read`.
        View = "view",
        /// Can also deploy releases: `app:deploy`.
        Deploy = "deploy",
        /// Can also change everything except the team: `app:write`.
        Manage = "manage",
        /// Can also change the team: `app:admin`.
        Admin = "admin",
    }
}

/// A collaborator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Collaborator {
    /// The user.
    pub user_id: UserId,
    /// The user's email address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// The user's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub handle: String,
    /// The user's role.
    pub role: Role,
}

/// A new collaborator, or a new role for an existing one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[must_use]
pub struct NewCollaborator {
    /// The user, by id.
    #[serde(skip_serializing_if = "UserId::is_empty")]
    pub user_id: UserId,
    /// The user, by email address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Role.
    pub role: Role,
}

impl NewCollaborator {
    /// Creates a collaborator by the user's id.
    pub fn user(id: impl Into<UserId>, role: Role) -> Self {
        Self { user_id: id.into(), email: String::new(), role }
    }

    /// Creates a collaborator by the user's email address.
    pub fn email(address: impl Into<String>, role: Role) -> Self {
        Self { user_id: UserId::default(), email: address.into(), role }
    }
}

/// The collaborators of an app or an account; returned by [`AppHandle::collaborators`] and
/// [`Client::account_collaborators`].
#[derive(Clone, Debug)]
pub struct Collaborators {
    client: Client,
    of: Of,
}

#[derive(Clone, Debug)]
enum Of {
    App(AppRef),
    Account(AccountId),
}

impl AppHandle {
    /// Accesses the app's collaborators (the fork). Changes need the cluster's key, or the role `admin` on the app or
    /// its account.
    pub fn collaborators(&self) -> Collaborators {
        Collaborators { client: self.client.clone(), of: Of::App(self.app.clone()) }
    }

    /// Transfers the app to another account: `POST /apps/:a/transfer` (the fork). Returns the app.
    ///
    /// Needs the cluster's key, an admin's token, or the role `admin` on both accounts; a collaborator with a role only
    /// on the app may not transfer it.
    ///
    /// # Errors
    /// Fails with [`Forbidden`](crate::ErrorKind::Forbidden) without these rights; with
    /// [`Conflict`](crate::ErrorKind::Conflict) while the app shares a resource with an app of another account; with
    /// [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn transfer(&self, to: impl Into<AccountId>) -> Request<App> {
        #[derive(Serialize)]
        struct Transfer {
            owner_account: AccountId,
        }
        // After the transfer, the caller may no longer have the right to repeat it.
        let spec = Spec::post("/apps/{app}/transfer", [self.app.as_str()], Repeat::Never);
        Request::json(&self.client, spec.body(Transfer { owner_account: to.into() }))
    }
}

impl Client {
    /// Accesses the collaborators of an account, who may use all its apps (the fork). All calls need the cluster's key
    /// or the role `admin` on the account.
    pub fn account_collaborators(&self, account: impl Into<AccountId>) -> Collaborators {
        Collaborators { client: self.clone(), of: Of::Account(account.into()) }
    }
}

impl Collaborators {
    /// Lists the collaborators by email address: `GET /apps/:a/collaborators` or `GET /accounts/:a/collaborators`.
    ///
    /// # Errors
    /// Fails with [`Forbidden`](crate::ErrorKind::Forbidden) without access to the app, or without the role `admin`
    /// on the account; with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn list(&self) -> Request<Vec<Collaborator>> {
        Request::list(&self.client, self.all(Method::GET))
    }

    /// Adds a collaborator, or changes the role of an existing one: `POST /apps/:a/collaborators` or
    /// `POST /accounts/:a/collaborators`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app or the user does not exist; with
    /// [`Validation`](crate::ErrorKind::Validation) for a role that the server does not know; with
    /// [`Conflict`](crate::ErrorKind::Conflict) for the owner; with [`Forbidden`](crate::ErrorKind::Forbidden)
    /// without the role `admin`. Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the
    /// fork.
    pub fn add(&self, collaborator: NewCollaborator) -> Request<Collaborator> {
        Request::json(&self.client, self.all(Method::POST).body(collaborator))
    }

    /// Removes a collaborator: `DELETE /apps/:a/collaborators/:user` or `DELETE /accounts/:a/collaborators/:user`.
    /// Succeeds also if the user is not a collaborator.
    ///
    /// # Errors
    /// Fails with [`Conflict`](crate::ErrorKind::Conflict) for the owner; with
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the role `admin`; with
    /// [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn remove(&self, user: impl Into<UserId>) -> Request<()> {
        let user = user.into();
        let (path, of) = match &self.of {
            Of::App(app) => ("/apps/{app}/collaborators/{user}", app.as_str()),
            Of::Account(account) => ("/accounts/{account}/collaborators/{user}", account.as_str()),
        };
        Request::unit(&self.client, Spec::delete(path, [of, user.as_str()], Repeat::Safe))
    }

    /// Creates a request for the whole list. Repeating it changes nothing.
    fn all(&self, method: Method) -> Spec {
        let (path, of) = match &self.of {
            Of::App(app) => ("/apps/{app}/collaborators", app.as_str()),
            Of::Account(account) => ("/accounts/{account}/collaborators", account.as_str()),
        };
        Spec::new(method, path, [of], Repeat::Safe)
    }
}
