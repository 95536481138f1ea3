//! Volumes of jobs.

use serde::{Deserialize, Serialize};

use super::ids::is_uuid;
use super::jobs::Job;
use super::routing::Call;
use super::state::{Strings, newest_first};
use super::streams::Objects;
use super::wire::{Fail, Reply, Time, decode, empty, json};
use super::{Engine, ServerAge};

/// A volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Volume {
    #[serde(skip_serializing_if = "empty")]
    path: String,
    #[serde(skip_serializing_if = "empty")]
    delete_on_stop: bool,
    pub(crate) id: String,
    host_id: String,
    #[serde(rename = "type")]
    kind: String,
    state: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) app: String,
    #[serde(skip_serializing_if = "empty")]
    release: String,
    #[serde(skip_serializing_if = "empty")]
    job: Option<String>,
    #[serde(skip_serializing_if = "empty")]
    job_type: String,
    #[serde(skip_serializing_if = "empty")]
    meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    decommissioned_at: Option<Time>,
}

impl Engine {
    /// `GET /volumes`: a list or a stream.
    pub(crate) fn list_or_stream_volumes(&mut self, call: &Call<'_>) -> Reply {
        if call.request.header_text("accept").contains("text/event-stream") {
            return Ok(self.open_since(call, Objects::Volumes));
        }
        json(&newest_first(self.state.volumes.iter(), |volume| volume.updated_at))
    }

    /// `GET /apps/:a/volumes`
    pub(crate) fn list_app_volumes(&mut self, call: &Call<'_>) -> Reply {
        let app = &self.state.app(call.param(0))?.id;
        let of_app = self.state.volumes.iter().filter(|volume| volume.app == *app);
        json(&newest_first(of_app, |volume| volume.updated_at))
    }

    /// `GET /apps/:a/volumes/:v`
    pub(crate) fn get_volume(&mut self, call: &Call<'_>) -> Reply {
        let app = &self.state.app(call.param(0))?.id;
        let id = call.param(1);
        let volume = self.state.volumes.iter().find(|v| v.app == *app && v.id == id);
        json(volume.ok_or(Fail::NotFound)?)
    }

    /// `PUT /volumes/:v`; the id is that of the body.
    pub(crate) fn put_volume(&mut self, call: &Call<'_>) -> Reply {
        let volume: Volume = decode(self.options.age, call.request)?;
        for id in [&volume.id, &volume.app, &volume.release] {
            if !is_uuid(id) {
                return Err(Fail::unknown());
            }
        }
        json(&self.store_volume(volume))
    }

    fn store_volume(&mut self, mut volume: Volume) -> Volume {
        let at = self.time();
        (volume.created_at, volume.updated_at) = (Some(at), Some(at));
        match self.state.volumes.iter_mut().find(|row| row.id == volume.id) {
            Some(row) => {
                row.job.clone_from(&volume.job);
                row.updated_at = Some(at);
                volume.created_at = row.created_at;
            }
            None => self.state.volumes.push(volume.clone()),
        }
        let app = volume.app.clone();
        self.event(at, &app, "volume", &volume.id, &volume);
        volume
    }

    /// `PUT /apps/:a/volumes/:v/decommission`: the volume is the one that the body names.
    pub(crate) fn decommission_volume(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.id.clone();
        let mut volume: Volume = decode(self.options.age, call.request)?;
        let at = self.time();
        let row = self.state.volumes.iter_mut().find(|v| v.app == app && v.id == volume.id);
        let row = row.ok_or_else(Fail::unknown)?;
        (row.updated_at, row.decommissioned_at) = (Some(at), Some(at));
        (volume.updated_at, volume.decommissioned_at) = (Some(at), Some(at));
        self.event(at, &app, "volume", &volume.id, &volume);
        json(&volume)
    }

    /// Makes the volumes of a job that is being placed; their ids.
    pub(crate) fn provision_volumes(&mut self, job: &Job) -> Vec<String> {
        if self.options.age == ServerAge::V2016 {
            return Vec::new();
        }
        let release = self.state.release(&job.release).ok();
        let process = release.and_then(|release| release.processes.get(&job.kind));
        let wanted = process.map(|process| process.volumes.clone()).unwrap_or_default();
        let mut ids = Vec::new();
        for request in wanted {
            let meta = [
                ("app", job.app.clone()),
                ("delete_on_stop", request.delete_on_stop.to_string()),
                ("path", request.path.clone()),
                ("release", job.release.clone()),
                ("type", job.kind.clone()),
            ];
            let meta = meta.map(|(name, value)| (format!("flynn-controller.{name}"), value));
            let id = self.ids.uuid();
            self.store_volume(Volume {
                path: request.path,
                delete_on_stop: request.delete_on_stop,
                id: id.clone(),
                host_id: job.host_id.clone(),
                kind: "data".to_owned(),
                state: "created".to_owned(),
                app: job.app.clone(),
                release: job.release.clone(),
                job: Some(job.uuid.clone()),
                job_type: job.kind.clone(),
                meta: meta.into_iter().collect(),
                ..Volume::default()
            });
            ids.push(id);
        }
        ids
    }
}
