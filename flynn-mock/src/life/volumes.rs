//! The volumes of jobs.

use serde_json::json as value;

use crate::life::Engine;
use crate::store::{Job, Volume, VolumeRequest, VolumeState};

impl Engine {
    /// Inserts a volume. For an existing one, only changes the job.
    pub(crate) fn store_volume(&mut self, mut volume: Volume) -> Volume {
        let at = self.time();
        (volume.created_at, volume.updated_at) = (Some(at), Some(at));
        if let Some(row) = self.tables.volumes.iter_mut().find(|row| row.id == volume.id) {
            row.job.clone_from(&volume.job);
            row.updated_at = Some(at);
            volume.created_at = row.created_at;
        } else {
            let row = Volume { decommissioned_at: None, ..volume.clone() };
            self.tables.volumes.push(row);
        }
        self.event(at, &volume.app, "volume", &volume.id, &volume);
        volume
    }

    /// Returns the volumes of a job on its host: free volumes of its formation, otherwise new ones.
    pub(crate) fn provision_volumes(&mut self, job: &Job) -> Vec<String> {
        if !self.dialect.volumes {
            return Vec::new();
        }
        let release = self.tables.releases.iter().find(|release| release.id == job.release);
        let process = release.and_then(|release| release.processes.get(&job.kind));
        let wanted = process.map(|process| process.volumes.clone()).unwrap_or_default();
        wanted.into_iter().map(|request| self.provision_volume(job, request)).collect()
    }

    fn provision_volume(&mut self, job: &Job, request: VolumeRequest) -> String {
        let free = self.tables.volumes.iter().find(|volume| {
            volume.app == job.app
                && volume.release == job.release
                && volume.job_type == job.kind
                && volume.path == request.path
                && volume.host_id == job.host_id
                && volume.job.is_none()
                && volume.decommissioned_at.is_none()
                && !self.is_mounted(&volume.id)
        });
        // The controller is not notified of the new user.
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
        let new = value!({
            "app": job.app, "release": job.release, "job_type": job.kind,
            "path": request.path, "host_id": job.host_id,
        });
        let volume = Volume {
            path: request.path,
            delete_on_stop: request.delete_on_stop,
            id: self.new_id("volume", &new),
            host_id: job.host_id.clone(),
            kind: "data".to_owned(),
            state: VolumeState::Created,
            app: job.app.clone(),
            release: job.release.clone(),
            job: Some(job.uuid.clone()),
            job_type: job.kind.clone(),
            meta: meta.map(|(key, value)| (format!("flynn-controller.{key}"), value)).into(),
            ..Volume::default()
        };
        self.store_volume(volume).id
    }

    /// Returns whether a job that has not ended has the volume.
    fn is_mounted(&self, volume: &str) -> bool {
        let mut jobs = self.tables.jobs.iter().filter(|job| !job.is_down());
        jobs.any(|job| job.volumes.iter().any(|id| id == volume))
    }

    /// Frees the volumes of a job that has ended, except those that are destroyed with it.
    pub(crate) fn release_volumes(&mut self, job: &Job) {
        let own = |volume: &&Volume| volume.job.as_ref() == Some(&job.uuid);
        let kept: Vec<Volume> = self
            .tables
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
