//! The tenancy settings, and the suspension of accounts.

use serde::Deserialize;

use crate::api::answer::{Answer, Reply, json};
use crate::api::call::Call;
use crate::life::Engine;
use crate::wire::{Fail, decode};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    mode: String,
    signup_enabled: Option<bool>,
}

/// `GET /tenancy`
pub(crate) fn get(engine: &mut Engine, _: &Call<'_>) -> Reply {
    json(&engine.tables.tenancy)
}

/// `PUT /tenancy`
pub(crate) fn put(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let settings: Settings = decode(engine.dialect.bodies, call.request)?;
    if !matches!(settings.mode.as_str(), "self_hosted" | "hosted") {
        return Err(Fail::field("mode", "tenancy mode must be self_hosted or hosted"));
    }
    let row = &mut engine.tables.tenancy;
    row.mode = settings.mode;
    row.signup_enabled = settings.signup_enabled.unwrap_or(row.signup_enabled);
    json(row)
}

/// `POST /accounts/:a/suspend`
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
pub(crate) fn suspend(engine: &mut Engine, call: &Call<'_>) -> Reply {
    set_suspended(engine, call, true);
    Ok(Answer::empty(http::StatusCode::OK))
}

/// `POST /accounts/:a/unsuspend`: the apps stay scaled to zero.
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
pub(crate) fn unsuspend(engine: &mut Engine, call: &Call<'_>) -> Reply {
    set_suspended(engine, call, false);
    Ok(Answer::empty(http::StatusCode::OK))
}

fn set_suspended(engine: &mut Engine, call: &Call<'_>, suspended: bool) {
    let account = call.param(0);
    let mut users = engine.tables.users.iter_mut();
    if let Some(user) = users.find(|user| user.account() == account) {
        user.suspended = suspended;
    }
    engine.set_suspended(account, suspended);
}
