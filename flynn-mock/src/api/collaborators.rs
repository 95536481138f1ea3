//! Collaborators: the roles of users on apps and accounts, and the owners of apps.

use serde::{Deserialize, Serialize};

use crate::api::answer::{Answer, Reply, json};
use crate::api::call::Call;
use crate::api::grants;
use crate::life::Engine;
use crate::store::{App, Role, User, account_of, empty, role_permission};
use crate::wire::{Fail, decode};

const NO_ADMIN_OF_APP: &str = "admin on the app is required";
const NO_ADMIN_OF_ACCOUNT: &str = "admin on the account is required";
const OWNER_STAYS: &str = "the personal account owner cannot be removed";
const OWNER_IS_NONE: &str =
    "the personal account owner cannot be added or removed as a collaborator";

/// A collaborator, in answers and in the bodies that add one.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Collaborator {
    user_id: String,
    #[serde(skip_serializing_if = "empty")]
    email: String,
    #[serde(skip_serializing_if = "empty")]
    handle: String,
    role: String,
}

impl Collaborator {
    fn new(user: &User, role: &str) -> Self {
        Self {
            user_id: user.id.clone(),
            email: user.email.clone(),
            handle: user.handle.clone(),
            role: role.to_owned(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Transfer {
    owner_account: String,
}

/// `GET /apps/:a/collaborators`
pub(crate) fn list_of_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?;
    let sees = call.caller.is_admin() || !grants::permissions(engine, &call.caller, app).is_empty();
    allowed(sees, "you cannot access this app")?;
    list(engine, &app.subject())
}

/// `POST /apps/:a/collaborators`
pub(crate) fn add_to_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.clone();
    allowed(is_app_admin(engine, call, &app), NO_ADMIN_OF_APP)?;
    let (user, role) = named(engine, call)?;
    not_owner(&app.owner_account, &user.id, OWNER_STAYS)?;
    set(engine, app.subject(), &user, role)
}

/// `DELETE /apps/:a/collaborators/:u`
pub(crate) fn remove_from_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.clone();
    allowed(is_app_admin(engine, call, &app), NO_ADMIN_OF_APP)?;
    not_owner(&app.owner_account, call.param(1), OWNER_STAYS)?;
    remove(engine, &app.subject(), call.param(1));
    Ok(Answer::empty(http::StatusCode::OK))
}

/// `GET /accounts/:a/collaborators`
pub(crate) fn list_of_account(engine: &mut Engine, call: &Call<'_>) -> Reply {
    allowed(is_account_admin(engine, call, call.param(0)), NO_ADMIN_OF_ACCOUNT)?;
    list(engine, call.param(0))
}

/// `POST /accounts/:a/collaborators`
pub(crate) fn add_to_account(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let account = call.param(0);
    allowed(is_account_admin(engine, call, account), NO_ADMIN_OF_ACCOUNT)?;
    let (user, role) = named(engine, call)?;
    not_owner(account, &user.id, OWNER_IS_NONE)?;
    not_suspended(engine, account)?;
    set(engine, account.to_owned(), &user, role)
}

/// `DELETE /accounts/:a/collaborators/:u`
pub(crate) fn remove_from_account(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let account = call.param(0);
    allowed(is_account_admin(engine, call, account), NO_ADMIN_OF_ACCOUNT)?;
    not_owner(account, call.param(1), OWNER_STAYS)?;
    remove(engine, account, call.param(1));
    Ok(Answer::empty(http::StatusCode::OK))
}

/// `POST /apps/:a/transfer`
pub(crate) fn transfer(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let body: Transfer = decode(engine.dialect.bodies, call.request)?;
    let to = body.owner_account.trim();
    if to.is_empty() {
        return Err(Fail::field("owner_account", "is required"));
    }
    // Only an owner of both sides may do this, and a user owns only their own account.
    let own = call.caller.user.as_deref().map(account_of);
    let owner = engine.tables.app(&app)?.owner_account.clone();
    let owns_both = own.is_some_and(|own| own == owner && own == to);
    let why = "transfer requires admin on the source and target; \
               collaborators cannot transfer apps";
    allowed(call.caller.is_admin() || owns_both, why)?;
    not_suspended(engine, to)?;
    let row = engine.tables.app_mut(&app).ok_or(Fail::NotFound)?;
    to.clone_into(&mut row.owner_account);
    json(row)
}

fn allowed(holds: bool, why: &str) -> Result<(), Fail> {
    if holds { Ok(()) } else { Err(Fail::new("forbidden", why)) }
}

fn not_owner(account: &str, user: &str, why: &str) -> Result<(), Fail> {
    if account == account_of(user) { Err(Fail::new("conflict", why)) } else { Ok(()) }
}

fn not_suspended(engine: &Engine, account: &str) -> Result<(), Fail> {
    if engine.tables.is_suspended(account) {
        return Err(Fail::invalid("account is suspended"));
    }
    Ok(())
}

fn is_app_admin(engine: &Engine, call: &Call<'_>, app: &App) -> bool {
    let permissions = grants::permissions(engine, &call.caller, app);
    call.caller.is_admin() || grants::cover(&permissions, "app:admin")
}

fn is_account_admin(engine: &Engine, call: &Call<'_>, account: &str) -> bool {
    let Some(user) = &call.caller.user else { return call.caller.is_admin() };
    let mut roles = engine.tables.roles.iter();
    call.caller.is_admin()
        || account == account_of(user)
        || roles.any(|r| r.subject == account && r.user == *user && r.name == "admin")
}

/// Returns the user and the role that a body names.
fn named(engine: &Engine, call: &Call<'_>) -> Result<(User, String), Fail> {
    let body: Collaborator = decode(engine.dialect.bodies, call.request)?;
    if role_permission(&body.role).is_none() {
        return Err(Fail::field("role", "must be view, deploy, manage, or admin"));
    }
    let email = body.email.trim().to_lowercase();
    if body.user_id.is_empty() && !email.contains('@') {
        return Err(Fail::field("email", "email is required"));
    }
    let wanted = |user: &&User| match body.user_id.as_str() {
        "" => user.email == email,
        id => user.id == id,
    };
    let user = engine.tables.users.iter().find(wanted).ok_or(Fail::NotFound)?;
    Ok((user.clone(), body.role))
}

fn list(engine: &Engine, subject: &str) -> Reply {
    let roles = engine.tables.roles.iter().filter(|role| role.subject == subject);
    let mut list: Vec<Collaborator> = roles
        .filter_map(|role| {
            Some(Collaborator::new(engine.tables.user(&role.user).ok()?, &role.name))
        })
        .collect();
    list.sort_by(|a, b| a.email.cmp(&b.email));
    json(&list)
}

fn set(engine: &mut Engine, subject: String, user: &User, role: String) -> Reply {
    let answer = json(&Collaborator::new(user, &role));
    engine.tables.roles.retain(|row| row.subject != subject || row.user != user.id);
    engine.tables.roles.push(Role { subject, user: user.id.clone(), name: role });
    answer
}

fn remove(engine: &mut Engine, subject: &str, user: &str) {
    engine.tables.roles.retain(|row| row.subject != subject || row.user != user);
}
