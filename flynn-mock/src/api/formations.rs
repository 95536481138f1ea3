//! Formations and scale requests.

use crate::api::answer::{Answer, Reply, json};
use crate::api::call::Call;
use crate::api::streams::{Objects, open_since};
use crate::life::{Engine, formation_request};
use crate::store::{Formation, ScaleRequest, ScaleState, newest_first, total};
use crate::wire::{self, Fail, decode};

/// `GET /apps/:a/formations`
pub(crate) fn list_of_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = &engine.tables.app(call.param(0))?.id;
    let of_app = engine.tables.formations.iter().filter(|f| f.app == *app && !f.deleted);
    json(&newest_first(of_app, |formation| formation.created_at))
}

/// `GET /apps/:a/formations/:r`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = &engine.tables.app(call.param(0))?.id;
    let formation = engine.tables.formation(app, call.param(1))?;
    if call.query("expand") == "true" {
        return json(&engine.expanded(formation));
    }
    json(formation)
}

/// `GET /formations`: the active ones, or a stream.
pub(crate) fn list_or_stream(engine: &mut Engine, call: &Call<'_>) -> Reply {
    if call.request.header_text("accept").contains("text/event-stream") {
        return Ok(open_since(engine, call, Objects::Formations));
    }
    if call.query("active") != "true" {
        return Err(Fail::invalid("must either request a stream or only active formations"));
    }
    let running =
        |f: &&Formation| !f.deleted && f.processes.as_ref().is_some_and(|counts| total(counts) > 0);
    let active = engine.tables.formations.iter().filter(running);
    let list = newest_first(active, |formation| formation.updated_at);
    json(&list.into_iter().map(|f| engine.expanded(f)).collect::<Vec<_>>())
}

/// `PUT /apps/:a/formations/:r`
pub(crate) fn put(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let release = engine.tables.release(call.param(1))?.clone();
    let body: Formation = decode(engine.dialect.bodies, call.request)?;
    if release.artifacts.is_empty() {
        return Err(Fail::invalid("release is not deployable"));
    }
    if !engine.dialect.scale_requests {
        return json(&engine.replace_formation(&app, &release.id, body.processes, body.tags)?);
    }
    let request = formation_request(&app, &release, body.processes, body.tags);
    let request = engine.add_scale_request(request, false)?;
    json(&Formation {
        app,
        release: release.id,
        processes: request.new_processes.flatten(),
        tags: request.new_tags.flatten(),
        created_at: request.created_at,
        updated_at: request.updated_at,
        deleted: false,
    })
}

/// `DELETE /apps/:a/formations/:r`
pub(crate) fn delete(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let release = engine.tables.release(call.param(1))?.id.clone();
    engine.tables.formation(&app, &release)?;
    engine.remove_formation(&app, &release)?;
    Ok(Answer::empty(http::StatusCode::OK))
}

/// `PUT /apps/:a/scale/:r`
pub(crate) fn put_scale_request(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let release = engine.tables.release(call.param(1))?.id.clone();
    let mut request: ScaleRequest = decode(engine.dialect.bodies, call.request)?;
    (request.app, request.release) = (app, release);
    wire::one_of("state", request.state.as_str(), ScaleState::NAMES)?;
    if request.state == ScaleState::Pending {
        return json(&engine.add_scale_request(request, false)?);
    }
    let at = engine.time();
    let id = request.id.clone();
    let row = engine.tables.scale_requests.iter_mut().find(|row| row.id == id);
    let row = row.ok_or_else(Fail::unknown)?;
    row.state = request.state;
    row.updated_at = Some(at);
    request.updated_at = Some(at);
    engine.event(at, &request.app, "scale_request", &id, &request);
    json(&request)
}
