//! Personal access tokens of the calling user (the fork randy-girard/flynn, September 2026).
//!
//! Pass the text of a token to [`ClientBuilder::bearer_token`](crate::ClientBuilder::bearer_token). It acts for its
//! user. Written from the fork's source; never recorded from a real controller. Servers without
//! [`Capability::Users`](crate::capabilities::Capability::Users) answer
//! [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
//!
//! ```no_run
//! # async fn f(flynn: flynn_client::Client) -> Result<(), flynn_client::Error> {
//! use flynn_client::personal_tokens::NewPersonalToken;
//!
//! let tokens = flynn.personal_tokens();
//! let token = tokens.create(NewPersonalToken::new("ci").expires_at("2027-01-01T00:00:00Z")).await?;
//! println!("{}", token.token.expose()); // shown this once
//! tokens.revoke(&token.id).await?;
//! # Ok(()) }
//! ```

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::ids::TokenId;
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::transport::{Repeat, Request, Spec};

/// A personal token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PersonalToken {
    /// Id, a UUID.
    pub id: TokenId,
    /// The name that its user gave it.
    pub name: String,
    /// Its scopes, separated by spaces or commas; [`scopes`](Self::scopes) splits them. `cluster:admin` and `*` permit
    /// everything. No other scope adds to the user's own permissions.
    pub scopes: String,
    /// Its text, `flynn_pat_` and 64 hexadecimal digits. Only the answer to its creation contains it.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub token: Secret,
    /// The time when it expires; `None` if it never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The time when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time when it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl PersonalToken {
    /// Iterates over its scopes.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.split([' ', ',']).filter(|scope| !scope.is_empty())
    }
}

/// A new personal token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[must_use]
pub struct NewPersonalToken {
    /// Name.
    pub name: String,
    /// Scopes, between blanks.
    pub scopes: String,
    /// The time when it expires; never, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl NewPersonalToken {
    /// Creates a token with this name, without scopes, that never expires.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a scope.
    pub fn scope(mut self, scope: &str) -> Self {
        if !self.scopes.is_empty() {
            self.scopes.push(' ');
        }
        self.scopes.push_str(scope);
        self
    }

    /// Sets the time when it expires.
    pub fn expires_at(mut self, at: impl Into<Timestamp>) -> Self {
        self.expires_at = Some(at.into());
        self
    }
}

const ALL: &str = "/tokens";

/// The personal tokens of the calling user; returned by [`Client::personal_tokens`].
#[derive(Clone, Debug)]
pub struct PersonalTokens {
    client: Client,
}

impl Client {
    /// Accesses the personal tokens of the calling user (the fork). Its calls need a personal token or a
    /// login, because the cluster's key belongs to no user.
    pub fn personal_tokens(&self) -> PersonalTokens {
        PersonalTokens { client: self.clone() }
    }
}

impl PersonalTokens {
    /// Lists the tokens, revoked ones included, oldest first: `GET /tokens`. The cluster's key has none.
    ///
    /// # Errors
    /// Fails with [`Forbidden`](crate::ErrorKind::Forbidden) for a token that has only grants of apps. Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn list(&self) -> Request<Vec<PersonalToken>> {
        Request::list(&self.client, Spec::get(ALL, []))
    }

    /// Creates a token: `POST /tokens`. Only this answer contains the token's text.
    ///
    /// # Errors
    /// Fails with [`Forbidden`](crate::ErrorKind::Forbidden) for the cluster's key and for a token that has only
    /// grants of apps. An admin creates the first token of a user with
    /// [`Users::create_token`](crate::users::Users::create_token). Fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn create(&self, token: NewPersonalToken) -> Request<PersonalToken> {
        Request::json(&self.client, Spec::post(ALL, [], Repeat::Never).body(token))
    }

    /// Revokes a token, which stays in the list: `DELETE /tokens/:id`. Succeeds also if the token does not exist.
    ///
    /// # Errors
    /// Fails with [`Forbidden`](crate::ErrorKind::Forbidden) for the cluster's key and for a token that has only
    /// grants of apps. Fails with [`Unsupported`](crate::ErrorKind::Unsupported) on servers other than the fork.
    pub fn revoke(&self, id: impl Into<TokenId>) -> Request<()> {
        let spec = Spec::delete("/tokens/{token}", [id.into().as_str()], Repeat::Safe);
        Request::unit(&self.client, spec)
    }
}
