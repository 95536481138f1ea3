//! Releases, which are immutable.

use serde::Deserialize;

use crate::api::answer::{Answer, Reply, json};
use crate::api::call::Call;
use crate::api::grants;
use crate::life::Engine;
use crate::store::{Release, newest_first};
use crate::wire::{Fail, decode, decode_without};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReleaseId {
    id: String,
}

/// `GET /releases`
pub(crate) fn list(engine: &mut Engine, _: &Call<'_>) -> Reply {
    release_list(engine, |_| true)
}

/// `GET /apps/:a/releases`
pub(crate) fn list_of_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let ids: Vec<String> = engine.releases_of(&app).iter().map(|r| r.id.clone()).collect();
    release_list(engine, |release| ids.contains(&release.id))
}

fn release_list(engine: &Engine, keep: impl Fn(&Release) -> bool) -> Reply {
    let alive = engine.tables.releases.iter().filter(|r| !r.deleted && keep(r));
    let list = newest_first(alive, |release| release.created_at);
    json(&list.into_iter().map(Release::stored).collect::<Vec<_>>())
}

/// `GET /releases/:r`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    json(&engine.tables.release(call.param(0))?.stored())
}

/// `GET /apps/:a/release`
pub(crate) fn get_current(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?;
    json(&engine.tables.app_release(app)?.stored())
}

/// `PUT /apps/:a/release`
pub(crate) fn set_current(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let release = named_release(engine, call)?;
    if engine.dialect.users && !release.app_id.is_empty() && release.app_id != app {
        return Err(Fail::new("forbidden", "release does not belong to this app"));
    }
    engine.set_release(&app, &release.id)?;
    json(&release.stored())
}

/// Returns the release whose `id` is in the body.
pub(crate) fn named_release(engine: &Engine, call: &Call<'_>) -> Result<Release, Fail> {
    let body: ReleaseId = decode(engine.dialect.bodies, call.request)?;
    engine
        .tables
        .release(&body.id)
        .cloned()
        .map_err(|_| Fail::invalid(format!("could not find release with ID {}", body.id)))
}

/// `POST /releases`
pub(crate) fn create(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let release: Release =
        decode_without(engine.dialect.bodies, call.request, engine.dialect.unknown_release_fields)?;
    if engine.dialect.users {
        may_create(engine, call, &release.app_id)?;
    }
    json(&engine.add_release(release)?)
}

/// Checks that a caller who is not an administrator names the app and may edit its env.
fn may_create(engine: &Engine, call: &Call<'_>, app: &str) -> Result<(), Fail> {
    let refuse = |why| Err(Fail::new("forbidden", why));
    if app.is_empty() {
        if call.caller.is_admin() {
            return Ok(());
        }
        return refuse("app_id is required to create a release");
    }
    let app = engine.tables.app(app)?;
    let permissions = grants::permissions(engine, &call.caller, app);
    if call.caller.is_admin() || grants::cover(&permissions, "app:env:write") {
        return Ok(());
    }
    refuse("this credential is not allowed to create a release for this app")
}

/// `DELETE /apps/:a/releases/:r`
pub(crate) fn delete(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let release = engine.tables.release(call.param(1))?.id.clone();
    // The scheduler is not notified of a deleted release.
    let sync = engine.next_sync();
    engine.remove_release(&app, &release, Some(sync))?;
    Ok(Answer::empty(http::StatusCode::OK))
}
