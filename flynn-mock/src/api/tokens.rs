//! Personal access tokens.

use serde::Deserialize;

use crate::api::answer::{Answer, Reply, json};
use crate::api::auth::PERSONAL;
use crate::api::call::Call;
use crate::life::Engine;
use crate::store::{PersonalToken, Time};
use crate::wire::{Fail, decode};

/// The number of hexadecimal digits of a token after its prefix.
const DIGITS: usize = 64;

/// The body of `POST /tokens`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewToken {
    name: String,
    scopes: String,
    expires_at: Option<Time>,
}

/// `GET /tokens`
pub(crate) fn list(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let rows = engine.tables.personal_tokens.iter();
    json(&rows.filter(|row| Some(&row.user) == call.caller.user.as_ref()).collect::<Vec<_>>())
}

/// `POST /tokens`
pub(crate) fn create(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let user = user(call)?;
    let new: NewToken = decode(engine.dialect.bodies, call.request)?;
    issue(engine, &user, new)
}

/// `POST /users/:u/bootstrap-token`
pub(crate) fn bootstrap(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let user = engine.tables.user(call.param(0))?.id.clone();
    let new =
        NewToken { name: "bootstrap".to_owned(), scopes: "user".to_owned(), expires_at: None };
    issue(engine, &user, new)
}

/// `DELETE /tokens/:t`: also succeeds for tokens that do not exist.
pub(crate) fn revoke(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let user = user(call)?;
    let at = engine.time();
    let mut rows = engine.tables.personal_tokens.iter_mut();
    if let Some(row) = rows.find(|row| row.user == user && row.id == call.param(0)) {
        row.revoked_at.get_or_insert(at);
    }
    Ok(Answer::empty(http::StatusCode::OK))
}

/// Returns the calling user.
fn user(call: &Call<'_>) -> Result<String, Fail> {
    let none = || Fail::new("forbidden", "personal access tokens require a user");
    call.caller.user.clone().ok_or_else(none)
}

fn issue(engine: &mut Engine, user: &str, new: NewToken) -> Reply {
    let secret = format!("{PERSONAL}{}", engine.ids.hex(DIGITS));
    let name = if new.name.trim().is_empty() { "token".to_owned() } else { new.name };
    let row = PersonalToken {
        id: engine.ids.uuid(),
        name,
        scopes: new.scopes,
        expires_at: new.expires_at,
        created_at: Some(engine.time()),
        user: user.to_owned(),
        secret: secret.clone(),
        ..PersonalToken::default()
    };
    engine.tables.personal_tokens.push(row.clone());
    json(&PersonalToken { token: secret, ..row })
}
