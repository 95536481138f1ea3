//! Volumes: the disks of jobs.

use serde::{Deserialize, Serialize};

use crate::api::jobs::Job;
use crate::api::streams::Objects;
use crate::calls::Call;
use crate::engine::{Engine, ServerAge};
use crate::life::processes::VolumeRequest;
use crate::store::ids::stored_uuid;
use crate::store::state::{Strings, newest_first};
use crate::wire::{self, Fail, Reply, Time, decode, empty, json};

/// A volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Volume {
    #[serde(skip_serializing_if = "empty")]
    pub(crate) path: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) delete_on_stop: bool,
    pub(crate) id: String,
    pub(crate) host_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) state: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) app: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) release: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) job: Option<String>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) job_type: String,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) meta: Strings,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) created_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) updated_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    pub(crate) decommissioned_at: Option<Time>,
}

/// The kinds and states that the server knows.
const KINDS: [&str; 3] = ["data", "squashfs", "ext2"];
const STATES: [&str; 3] = ["pending", "created", "destroyed"];

impl Engine {
    /// `GET /volumes`: a list, or a stream.
    pub(crate) fn list_or_stream_volumes(&mut self, call: &Call<'_>) -> Reply {
        if call.request.header_text("accept").contains("text/event-stream") {
            return Ok(self.open_since(call, Objects::Volumes));
        }
        json(&newest_first(self.state.volumes.iter(), |volume| volume.updated_at))
    }

    /// `GET /apps/:a/volumes`
    pub(crate) fn list_app_volumes(&mut self, call: &Call<'_>) -> Reply {
        let app = &self.state.app(call.param(0))?.id;
        let own = self.state.volumes.iter().filter(|volume| volume.app == *app);
        json(&newest_first(own, |volume| volume.updated_at))
    }

    /// `GET /apps/:a/volumes/:v`
    pub(crate) fn get_volume(&mut self, call: &Call<'_>) -> Reply {
        let app = &self.state.app(call.param(0))?.id;
        let id = stored_uuid(call.param(1)).ok_or(Fail::NotFound)?;
        let mut volumes = self.state.volumes.iter();
        json(volumes.find(|v| v.id == id && v.app == *app).ok_or(Fail::NotFound)?)
    }

    /// `PUT /volumes/:v`, which takes the id from the body.
    pub(crate) fn put_volume(&mut self, call: &Call<'_>) -> Reply {
        let volume: Volume = decode(self.options.age, call.request)?;
        wire::one_of("type", &volume.kind, &KINDS)?;
        wire::one_of("state", &volume.state, &STATES)?;
        let ids = [Some(&volume.id), Some(&volume.app), Some(&volume.release), volume.job.as_ref()];
        let malformed = |id: &&String| stored_uuid(id).is_none();
        if ids.iter().flatten().any(malformed) {
            return Err(Fail::unknown());
        }
        // The event needs an app that exists or did.
        if !self.state.apps.iter().any(|app| app.id == volume.app) {
            return Err(Fail::database());
        }
        json(&self.store_volume(volume))
    }

    /// Inserts a volume; of one that is there only the job changes.
    fn store_volume(&mut self, mut volume: Volume) -> Volume {
        let at = self.time();
        (volume.created_at, volume.updated_at) = (Some(at), Some(at));
        if let Some(row) = self.state.volumes.iter_mut().find(|row| row.id == volume.id) {
            row.job.clone_from(&volume.job);
            row.updated_at = Some(at);
            volume.created_at = row.created_at;
        } else {
            let row = Volume { decommissioned_at: None, ..volume.clone() };
            self.state.volumes.push(row);
        }
        self.event(at, &volume.app, "volume", &volume.id, &volume);
        volume
    }

    /// `PUT /apps/:a/volumes/:v/decommission`, which takes the id from the body.
    pub(crate) fn decommission_volume(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.id.clone();
        let mut volume: Volume = decode(self.options.age, call.request)?;
        let id = stored_uuid(&volume.id).ok_or_else(Fail::unknown)?;
        let at = self.time();
        let mut rows = self.state.volumes.iter_mut();
        let row = rows.find(|row| row.id == id && row.app == app).ok_or_else(Fail::unknown)?;
        (row.updated_at, row.decommissioned_at) = (Some(at), Some(at));
        (volume.updated_at, volume.decommissioned_at) = (Some(at), Some(at));
        self.event(at, &app, "volume", &volume.id, &volume);
        json(&volume)
    }

    /// The volumes that a job gets on its host: free ones of its formation, else new ones.
    pub(crate) fn provision_volumes(&mut self, job: &Job) -> Vec<String> {
        if self.options.age == ServerAge::V2016 {
            return Vec::new();
        }
        let release = self.state.releases.iter().find(|release| release.id == job.release);
        let process = release.and_then(|release| release.processes.get(&job.kind));
        let wanted = process.map(|process| process.volumes.clone()).unwrap_or_default();
        wanted.into_iter().map(|request| self.provision_volume(job, request)).collect()
    }

    fn provision_volume(&mut self, job: &Job, request: VolumeRequest) -> String {
        let free = self.state.volumes.iter().find(|volume| {
            volume.app == job.app
                && volume.release == job.release
                && volume.job_type == job.kind
                && volume.path == request.path
                && volume.host_id == job.host_id
                && volume.job.is_none()
                && volume.decommissioned_at.is_none()
                && !self.is_mounted(&volume.id)
        });
        // The controller does not hear who uses it now.
        if let Some(volume) = free {
            return volume.id.clone();
        }
        let meta = [
            ("app", job.app.clone()),
            ("delete_on_stop", request.delete_on_stop.to_string()),
            ("path", request.path.clone()),
            ("release", job.release.clone()),
            ("type", job.kind.clone()),
        ];
        let volume = Volume {
            path: request.path,
            delete_on_stop: request.delete_on_stop,
            id: self.ids.uuid(),
            host_id: job.host_id.clone(),
            kind: "data".to_owned(),
            state: "created".to_owned(),
            app: job.app.clone(),
            release: job.release.clone(),
            job: Some(job.uuid.clone()),
            job_type: job.kind.clone(),
            meta: meta.map(|(key, value)| (format!("flynn-controller.{key}"), value)).into(),
            ..Volume::default()
        };
        self.store_volume(volume).id
    }

    /// Whether a job that has not ended has the volume.
    fn is_mounted(&self, volume: &str) -> bool {
        let mut jobs = self.state.jobs.iter().filter(|job| !job.is_down());
        jobs.any(|job| job.volumes.iter().any(|id| id == volume))
    }

    /// Frees the volumes of a job that has ended, except those that go with it.
    pub(crate) fn release_volumes(&mut self, job: &Job) {
        let own = |volume: &&Volume| volume.job.as_ref() == Some(&job.uuid);
        let kept: Vec<Volume> = self
            .state
            .volumes
            .iter()
            .filter(own)
            .filter(|volume| !volume.delete_on_stop)
            .cloned()
            .collect();
        for volume in kept {
            self.store_volume(Volume { job: None, ..volume });
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use crate::engine::{Engine, Pace, ServerAge};
    use crate::tests::{engine, ok, pass, send};

    fn of_postgres(engine: &mut Engine) -> Vec<Value> {
        engine.read("/apps/postgres/volumes").unwrap().as_array().unwrap().clone()
    }

    #[test]
    fn jobs_bring_volumes_and_leave_them_behind() {
        let mut engine = engine(ServerAge::V2021, Pace::Timed);
        let before = of_postgres(&mut engine);
        assert_eq!(before.len(), 3);
        let volume = &before[0];
        let (job, id) = (volume["job"].as_str().unwrap(), volume["id"].as_str().unwrap());
        let place = format!("{}-{job}", volume["host_id"].as_str().unwrap());
        let read = engine.read(&format!("/apps/postgres/jobs/{place}")).unwrap();
        assert_eq!(read["volumes"], json!([id]));
        ok(&mut engine, Method::DELETE, &format!("/apps/postgres/jobs/{place}"), &json!({}));
        pass(&mut engine, SignedDuration::from_secs(5));
        let after = of_postgres(&mut engine);
        let same = after.iter().find(|v| v["id"] == id).unwrap();
        assert_ne!(same["job"], job, "the old job has let go of it");
        assert!(same["updated_at"].as_str() > volume["updated_at"].as_str());
    }

    #[test]
    fn decommissioning_goes_by_the_body() {
        let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
        let id = of_postgres(&mut engine)[0]["id"].clone();
        let target = "/apps/postgres/volumes/whatever/decommission";
        let reply = ok(&mut engine, Method::PUT, target, &json!({ "id": id }));
        assert_eq!(reply["decommissioned_at"], reply["updated_at"]);
        assert_eq!(reply["host_id"], "");
        assert_eq!(of_postgres(&mut engine)[0]["decommissioned_at"], reply["updated_at"]);
        for (target, body) in [
            (target, json!({})),
            (target, json!({ "id": "nosuch" })),
            ("/apps/redis/volumes/whatever/decommission", json!({ "id": id })),
        ] {
            let (status, reply) = send(&mut engine, Method::PUT, target, &body.to_string());
            assert_eq!((status, &reply["retry"]), (500, &json!(false)), "{target} {body}");
        }
    }

    #[test]
    fn putting_changes_only_the_job_of_one_that_is_there() {
        let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
        let volume = of_postgres(&mut engine)[0].clone();
        let target = format!("/volumes/{}", volume["id"].as_str().unwrap());
        let mut changed = volume.clone();
        changed["state"] = json!("destroyed");
        changed["job"] = json!("11111111-1111-4111-8111-111111111111");
        let reply = ok(&mut engine, Method::PUT, &target, &changed);
        assert_eq!(reply["state"], "destroyed");
        let read = of_postgres(&mut engine)[0].clone();
        assert_eq!((&read["state"], &read["job"]), (&volume["state"], &changed["job"]));
        for (field, value, wanted) in [
            ("type", json!("x"), (400, json!(false))),
            ("state", json!(""), (400, json!(false))),
            ("app", json!("postgres"), (500, json!(false))),
            ("job", json!(""), (500, json!(false))),
            ("app", json!("00000000-0000-0000-0000-000000000000"), (500, json!(true))),
        ] {
            let mut body = volume.clone();
            body[field] = value;
            let (status, reply) = send(&mut engine, Method::PUT, &target, &body.to_string());
            assert_eq!((status, reply["retry"].clone()), wanted, "{field}");
        }
    }
}
