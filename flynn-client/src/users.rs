//! Users of the cluster, and the identity of the caller (the fork randy-girard/flynn, September 2026).
//!
//! Written from the fork's source; never recorded from a real controller. Servers without
//! [`Capability::Users`](crate::capabilities::Capability::Users) answer
//! [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().server(flynn_mock::ServerAge::Fork2026September).bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::users::NewUser;
//!
//! let ann = flynn.users().create(NewUser::new("ann@example.com", "a long passphrase")).await?;
//! let token = flynn.users().create_token(&ann.id).await?; // shown this once
//!
//! let hers = flynn.to_builder().bearer_token(&token.token).build()?;
//! assert_eq!(hers.whoami().await?.user.email, "ann@example.com");
//! assert!(hers.users().list().await.unwrap_err().is_forbidden());
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use http::Method;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::Error;
use crate::ids::{AccountId, UserId};
use crate::json::is_false;
use crate::personal_tokens::PersonalToken;
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::transport::{Deadline, Limits, Repeat, Request, Spec, operation};

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "as the wire has it")]
pub struct User {
    /// Id, a UUID. Empty for the cluster's key.
    pub id: UserId,
    /// Name that the server derives from the email address; `cluster` for the cluster's key.
    pub handle: String,
    /// Email address in lower case, with which the user logs in.
    pub email: String,
    /// True if the user may do everything.
    pub cluster_admin: bool,
    /// True if the user cannot log in.
    pub disabled: bool,
    /// True if the user's account is suspended. Its tokens are refused, and its apps are scaled to zero.
    pub suspended: bool,
    /// True if the email address is verified.
    pub email_verified: bool,
    /// The time when the user was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when the user last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// The caller; returned by [`Client::whoami`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct WhoAmI {
    /// The user of the token. The cluster's key has a user without an id, with the handle `cluster`.
    #[serde(flatten)]
    pub user: User,
    /// The user's own account, `user:UUID`. Empty for the cluster's key.
    pub account: AccountId,
}

/// A new user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[must_use]
pub struct NewUser {
    /// Email address.
    pub email: String,
    /// Password.
    pub password: Secret,
    /// True if the user may do everything.
    #[serde(skip_serializing_if = "is_false")]
    pub cluster_admin: bool,
}

impl NewUser {
    /// Creates a user who logs in with this email address and password.
    pub fn new(email: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self { email: email.into(), password: password.into(), cluster_admin: false }
    }

    /// Sets whether the user may do everything. Only the cluster's key may create such a user.
    pub fn cluster_admin(mut self, yes: bool) -> Self {
        self.cluster_admin = yes;
        self
    }
}

const ALL: &str = "/users";
const ONE: &str = "/users/{user}";

/// The users of the cluster; returned by [`Client::users`].
#[derive(Clone, Debug)]
pub struct Users {
    client: Client,
}

impl Client {
    /// Accesses the cluster's users (the fork). Its calls need the cluster's key or the token of an admin.
    pub fn users(&self) -> Users {
        Users { client: self.clone() }
    }

    /// Gets the user and account of the caller: `GET /whoami` (the fork).
    ///
    /// Needs the cluster's key, a personal token or a login. A token that has only grants of apps is refused.
    ///
    /// # Errors
    /// Fails with [`Forbidden`](crate::ErrorKind::Forbidden) for such a token. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn whoami(&self) -> Request<WhoAmI> {
        Request::json(self, Spec::get("/whoami", []))
    }
}

impl Users {
    /// Lists all users, oldest first: `GET /users`.
    ///
    /// # Errors
    /// Fails with [`Forbidden`](crate::ErrorKind::Forbidden) without the cluster's key or an admin's token. Fails
    /// with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn list(&self) -> Request<Vec<User>> {
        Request::list(&self.client, Spec::get(ALL, []))
    }

    /// Creates a user: `POST /users`.
    ///
    /// # Errors
    /// Fails with [`Validation`](crate::ErrorKind::Validation) for an email address without `@` or an empty password;
    /// with [`Conflict`](crate::ErrorKind::Conflict) if the address, or the name that the server makes of it, is
    /// taken; with [`Forbidden`](crate::ErrorKind::Forbidden) without the cluster's key or an admin's token, and for
    /// an admin without the cluster's key. Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other
    /// than the fork.
    pub fn create(&self, user: NewUser) -> Request<User> {
        Request::json(&self.client, Spec::post(ALL, [], Repeat::Never).body(user))
    }

    /// Gets a user: `GET /users/:id`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the user does not exist. Fails with
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the cluster's key or an admin's token. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn get(&self, id: impl Into<UserId>) -> Request<User> {
        Request::json(&self.client, Spec::get(ONE, [id.into().as_str()]))
    }

    /// Gets a user, or `None` if it does not exist.
    ///
    /// # Errors
    /// Fails with [`Forbidden`](crate::ErrorKind::Forbidden) without the cluster's key or an admin's token. Fails
    /// with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn get_opt(&self, id: impl Into<UserId>) -> Request<Option<User>> {
        Request::optional(&self.client, Spec::get(ONE, [id.into().as_str()]))
    }

    /// Changes the fields that you set on the returned builder: `PATCH /users/:id`.
    pub fn update(&self, id: impl Into<UserId>) -> UpdateUser {
        UpdateUser {
            client: self.client.clone(),
            id: id.into(),
            patch: Patch::default(),
            limits: Limits::default(),
        }
    }

    /// Deletes a user: `DELETE /users/:id`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the user does not exist; with
    /// [`Conflict`](crate::ErrorKind::Conflict) while the user owns apps. Fails with
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the cluster's key or an admin's token. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn delete(&self, id: impl Into<UserId>) -> Request<()> {
        let spec = Spec::delete(ONE, [id.into().as_str()], Repeat::Delete);
        Request::unit(&self.client, spec)
    }

    /// Creates the first personal token of a user: `POST /users/:id/bootstrap-token`. Only this answer contains the
    /// token's text.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the user does not exist. Fails with
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the cluster's key or an admin's token. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn create_token(&self, id: impl Into<UserId>) -> Request<PersonalToken> {
        let path = "/users/{user}/bootstrap-token";
        Request::json(&self.client, Spec::post(path, [id.into().as_str()], Repeat::Never))
    }
}

/// Changes a user; returned by [`Users::update`].
///
/// # Errors
/// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the user does not exist; with
/// [`Conflict`](crate::ErrorKind::Conflict) if the email address is taken; with
/// [`Forbidden`](crate::ErrorKind::Forbidden) without the cluster's key or an admin's token, and for
/// [`cluster_admin`](Self::cluster_admin) without the cluster's key. Fails with
/// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct UpdateUser {
    client: Client,
    id: UserId,
    patch: Patch,
    limits: Limits,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Patch {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_admin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

impl UpdateUser {
    /// Sets the email address.
    pub fn email(mut self, address: impl Into<String>) -> Self {
        self.patch.email = Some(address.into());
        self
    }

    /// Sets the password.
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.patch.password = Some(password.into());
        self
    }

    /// Sets whether the user may do everything. Only the cluster's key may change it.
    pub fn cluster_admin(mut self, yes: bool) -> Self {
        self.patch.cluster_admin = Some(yes);
        self
    }

    /// Sets whether the user is kept from logging in.
    pub fn disabled(mut self, yes: bool) -> Self {
        self.patch.disabled = Some(yes);
        self
    }

    /// Suspends the user's account, which **scales its apps to zero**, or ends the suspension, which does not scale
    /// them up again.
    pub fn suspended(mut self, yes: bool) -> Self {
        self.patch.suspended = Some(yes);
        self
    }

    /// Sets whether the email address counts as verified.
    pub fn email_verified(mut self, yes: bool) -> Self {
        self.patch.email_verified = Some(yes);
        self
    }

    async fn run(self, deadline: Deadline) -> Result<User, Error> {
        // Sending the same values again changes nothing.
        let spec = Spec::new(Method::PATCH, ONE, [self.id.as_str()], Repeat::Safe);
        Request::json(&self.client, spec.body(&self.patch)).within(deadline).await
    }
}

operation!(UpdateUser => User);
