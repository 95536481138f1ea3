//! Access tokens and their rights.

use std::collections::BTreeMap;
use std::fmt;

/// The rights of an access token of the fork, for [`MockController::issue_token`](crate::MockController::issue_token).
///
/// ```
/// use flynn_mock::{MockController, ServerAge, Token};
///
/// let mock = MockController::builder().server(ServerAge::Fork2026June).start_blocking();
/// let admin = mock.issue_token(Token::new().scope("cluster:admin"));
/// let reader = mock.issue_token(Token::new().grant("4bc1", "app:read"));
/// assert_ne!(admin, reader);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a token is valid once it is issued"]
pub struct Token {
    pub(crate) scopes: Vec<String>,
    pub(crate) grants: Vec<(String, String)>,
    /// The id of its user.
    pub(crate) user: Option<String>,
}

impl Token {
    /// Creates a token without scopes and grants. In June 2026 it has all rights; in September 2026 it has none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a scope. `cluster:admin` and `*` give all rights; any other scope gives none.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Makes it the token of a user who has logged in. It then has the user's rights in addition to its grants. Only
    /// the fork of September 2026 has users.
    pub fn user(mut self, id: impl Into<String>) -> Self {
        self.user = Some(id.into());
        self
    }

    /// Adds a grant, such as `app:read`, `app:write`, `app:deploy` or `app:env:write`, on one app. The server compares
    /// the app with the literal path: a grant on an id does not cover the name.
    pub fn grant(mut self, app: impl Into<String>, permission: impl Into<String>) -> Self {
        self.grants.push((app.into(), permission.into()));
        self
    }

    /// Returns whether it has all rights. `if_empty` is the result for a token without scopes and grants.
    pub(crate) fn is_admin(&self, if_empty: bool) -> bool {
        let named = self.scopes.iter().any(|scope| scope == "cluster:admin" || scope == "*");
        named || (if_empty && self.scopes.is_empty() && self.grants.is_empty())
    }

    /// Returns whether it has one of these permissions on an app, named as in the path.
    pub(crate) fn may(&self, app: &str, permissions: &[&str]) -> bool {
        // An unknown scope removes all other rights.
        self.scopes.is_empty()
            && self.grants.iter().any(|(of, has)| of == app && permissions.contains(&has.as_str()))
    }
}

/// The issued tokens, by their text.
#[derive(Clone, Default)]
pub(crate) struct TokenList(pub(crate) BTreeMap<String, Token>);

impl fmt::Debug for TokenList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}
