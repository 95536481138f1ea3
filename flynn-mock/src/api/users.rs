//! Users of the controller, and the owners of credentials.

use serde::{Deserialize, Serialize};

use crate::api::answer::{Answer, Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::store::User;
use crate::wire::{Fail, decode};

/// The body of `POST /users`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewUser {
    email: String,
    password: String,
    cluster_admin: bool,
}

/// The body of `PATCH /users/:u`. Missing fields stay unchanged.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Patch {
    disabled: Option<bool>,
    cluster_admin: Option<bool>,
    handle: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
    suspended: Option<bool>,
    password: Option<String>,
}

#[derive(Debug, Serialize)]
struct WhoAmI {
    #[serde(flatten)]
    user: User,
    account: String,
}

/// `GET /whoami`
pub(crate) fn who_am_i(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let Some(id) = &call.caller.user else {
        let user = User { handle: "cluster".to_owned(), cluster_admin: true, ..User::default() };
        return json(&WhoAmI { user, account: String::new() });
    };
    let user = engine.tables.user(id)?.clone();
    json(&WhoAmI { account: user.account(), user })
}

/// `GET /users`
pub(crate) fn list(engine: &mut Engine, _: &Call<'_>) -> Reply {
    json(&engine.tables.users)
}

/// `GET /users/:u`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    json(engine.tables.user(call.param(0))?)
}

/// `POST /users`
pub(crate) fn create(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let new: NewUser = decode(engine.dialect.bodies, call.request)?;
    let email = normal_email(&new.email);
    if !email.contains('@') {
        return Err(Fail::field("email", "must be an email address"));
    }
    may_name_admins(call, new.cluster_admin)?;
    password(&new.password)?;
    let handle = handle_of(&email);
    let taken = |user: &User| user.email == email || user.handle == handle;
    if engine.tables.users.iter().any(taken) {
        return Err(Fail::new("conflict", "handle or email is already taken"));
    }
    let at = engine.time();
    let user = User {
        id: engine.ids.uuid(),
        handle,
        email,
        cluster_admin: new.cluster_admin,
        email_verified: true,
        created_at: Some(at),
        updated_at: Some(at),
        ..User::default()
    };
    engine.tables.users.push(user.clone());
    json(&user)
}

/// `PATCH /users/:u`
pub(crate) fn update(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let mut user = engine.tables.user(call.param(0))?.clone();
    let patch: Patch = decode(engine.dialect.bodies, call.request)?;
    may_name_admins(call, patch.cluster_admin.is_some())?;
    if patch.handle.is_some() {
        return Err(Fail::field("handle", "user handles are not used; sign in with email"));
    }
    if let Some(text) = &patch.password {
        password(text)?;
    }
    user.email = patch.email.as_deref().map_or(user.email, normal_email);
    let mut others = engine.tables.users.iter().filter(|other| other.id != user.id);
    if others.any(|other| other.email == user.email) {
        return Err(Fail::new("conflict", "email is already taken"));
    }
    user.disabled = patch.disabled.unwrap_or(user.disabled);
    user.email_verified = patch.email_verified.unwrap_or(user.email_verified);
    user.cluster_admin = patch.cluster_admin.unwrap_or(user.cluster_admin);
    if let Some(suspended) = patch.suspended {
        user.suspended = suspended;
        engine.set_suspended(&user.account(), suspended);
    }
    user.updated_at = Some(engine.time());
    if let Some(row) = engine.tables.users.iter_mut().find(|row| row.id == user.id) {
        row.clone_from(&user);
    }
    json(&user)
}

/// `DELETE /users/:u`
pub(crate) fn delete(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let user = engine.tables.user(call.param(0))?.clone();
    let account = user.account();
    let mut apps = engine.tables.apps.iter().filter(|app| !app.deleted);
    if apps.any(|app| app.owner_account == account) {
        let why = "user still owns personal apps; transfer or delete them first";
        return Err(Fail::new("conflict", why));
    }
    engine.tables.users.retain(|row| row.id != user.id);
    engine.tables.personal_tokens.retain(|row| row.user != user.id);
    engine.tables.roles.retain(|row| row.user != user.id);
    Ok(Answer::empty(http::StatusCode::OK))
}

/// Checks that only the cluster's key creates administrators.
fn may_name_admins(call: &Call<'_>, wanted: bool) -> Result<(), Fail> {
    if wanted && !call.caller.has_key {
        let why = "only the cluster key can change cluster_admin";
        return Err(Fail::new("forbidden", why));
    }
    Ok(())
}

fn password(text: &str) -> Result<(), Fail> {
    if text.is_empty() {
        return Err(Fail::field("password", "password is required"));
    }
    Ok(())
}

fn normal_email(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Returns the handle that the server derives from an address.
fn handle_of(email: &str) -> String {
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    let mut candidates = [local.to_owned(), format!("{local}-{domain}")].into_iter();
    let fits = |handle: &String| (2..=39).contains(&handle.len());
    candidates.find_map(|text| Some(slug(&text)).filter(fits)).unwrap_or_else(|| "user".to_owned())
}

/// Lower-case letters and digits, with dashes in place of other separators.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            '.' | '_' | '-' | '+' if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
        if slug.len() == 39 {
            break;
        }
    }
    slug.trim_matches('-').to_owned()
}
