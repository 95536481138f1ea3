//! Volumes.

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::api::streams::{Objects, open_since};
use crate::life::Engine;
use crate::store::{Volume, VolumeState, newest_first, stored_uuid};
use crate::wire::{self, Fail, decode};

/// The known types.
const KINDS: [&str; 3] = ["data", "squashfs", "ext2"];

/// `GET /volumes`: a list, or a stream.
pub(crate) fn list_or_stream(engine: &mut Engine, call: &Call<'_>) -> Reply {
    if call.request.header_text("accept").contains("text/event-stream") {
        return Ok(open_since(engine, call, Objects::Volumes));
    }
    json(&newest_first(engine.tables.volumes.iter(), |volume| volume.updated_at))
}

/// `GET /apps/:a/volumes`
pub(crate) fn list_of_app(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = &engine.tables.app(call.param(0))?.id;
    let own = engine.tables.volumes.iter().filter(|volume| volume.app == *app);
    json(&newest_first(own, |volume| volume.updated_at))
}

/// `GET /apps/:a/volumes/:v`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = &engine.tables.app(call.param(0))?.id;
    let id = stored_uuid(call.param(1)).ok_or(Fail::NotFound)?;
    let mut volumes = engine.tables.volumes.iter();
    json(volumes.find(|v| v.id == id && v.app == *app).ok_or(Fail::NotFound)?)
}

/// `PUT /volumes/:v`, which uses the id in the body.
pub(crate) fn put(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let volume: Volume = decode(engine.dialect.bodies, call.request)?;
    wire::one_of("type", &volume.kind, &KINDS)?;
    wire::one_of("state", volume.state.as_str(), VolumeState::NAMES)?;
    let ids = [Some(&volume.id), Some(&volume.app), Some(&volume.release), volume.job.as_ref()];
    let malformed = |id: &&String| stored_uuid(id).is_none();
    if ids.iter().flatten().any(malformed) {
        return Err(Fail::unknown());
    }
    // The event needs an app that exists or existed.
    if !engine.tables.apps.iter().any(|app| app.id == volume.app) {
        return Err(Fail::database());
    }
    json(&engine.store_volume(volume))
}

/// `PUT /apps/:a/volumes/:v/decommission`, which uses the id in the body.
pub(crate) fn decommission(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let mut volume: Volume = decode(engine.dialect.bodies, call.request)?;
    let id = stored_uuid(&volume.id).ok_or_else(Fail::unknown)?;
    let at = engine.time();
    let mut rows = engine.tables.volumes.iter_mut();
    let row = rows.find(|row| row.id == id && row.app == app).ok_or_else(Fail::unknown)?;
    (row.updated_at, row.decommissioned_at) = (Some(at), Some(at));
    (volume.updated_at, volume.decommissioned_at) = (Some(at), Some(at));
    engine.event(at, &app, "volume", &volume.id, &volume);
    json(&volume)
}
