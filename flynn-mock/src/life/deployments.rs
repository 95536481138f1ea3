//! Starts deployments. `rollout` carries them out.

use std::collections::BTreeMap;

use serde_json::json as value;

use crate::life::Engine;
use crate::life::work::Task;
use crate::store::{Deployment, DeploymentStatus, Formation, Time, total};
use crate::wire::Fail;

fn in_progress() -> Fail {
    Fail::invalid("Cannot create deploy, there is already one in progress for this app.")
}

impl Engine {
    /// Starts a deployment. Finishes it at once if nothing runs.
    pub(crate) fn deploy(&mut self, app: &str, release: &str) -> Result<Deployment, Fail> {
        let app = self.tables.app(app)?.clone();
        let formation = match self.tables.formation(&app.id, &app.release) {
            Ok(formation) => formation.clone(),
            Err(_) => Formation::default(),
        };
        let processes = formation.processes.unwrap_or_default();
        let idle = total(&processes) == 0;
        let old = self.tables.app_release(&app).map(|r| r.id.clone()).unwrap_or_default();
        let busy =
            self.tables.deployments.iter().any(|d| d.app == app.id && d.finished_at.is_none());
        // In 2021, everything is one transaction. In 2016, the app already has its release.
        let queued = busy && self.dialect.queues_deployments;
        if busy && !queued && (!self.dialect.events_apart || !idle) {
            return Err(in_progress());
        }
        let idle = idle && !queued;
        let now = self.now;
        let new = value!({ "app": app.id, "new_release": release });
        let id = self.new_id("deployment", &new);
        // In 2016, the deployment has a separate transaction after this one.
        let given = self.given_time.take_if(|_| self.dialect.events_apart);
        let begun = self.time();
        if idle {
            self.set_release_at(begun, &app.id, release)?;
        }
        if busy && !queued {
            return Err(in_progress());
        }
        let batch = app.meta.get("flynn-deploy-batch-size").and_then(|n| n.parse().ok());
        let newer = !self.dialect.events_apart;
        self.given_time = given;
        let at = if newer { begun } else { self.time() };
        let deployment = Deployment {
            id,
            app: app.id.clone(),
            old_release: old,
            new_release: release.to_owned(),
            strategy: app.strategy.clone(),
            status: match (idle, queued) {
                (true, _) => DeploymentStatus::Complete,
                (false, true) => DeploymentStatus::Queued,
                (false, false) => DeploymentStatus::Pending,
            },
            processes,
            tags: formation.tags.filter(|_| newer).unwrap_or_default(),
            deploy_timeout: app.deploy_timeout,
            deploy_batch_size: batch.filter(|_| newer),
            created_at: Some(at),
            finished_at: idle.then(|| if newer { Time::new(now) } else { Time::precise(now) }),
        };
        let mut row = deployment.clone();
        row.finished_at = row.finished_at.map(|at| Time::new(at.timestamp()));
        self.tables.deployments.push(row);
        // In 2016, the pending event has its own transaction.
        let at = if newer || idle { at } else { self.time() };
        self.deployment_event(at, &deployment, deployment.status, None);
        if !idle && !queued {
            self.enqueue(Task::Deploy { deployment: deployment.id.clone() });
        }
        Ok(deployment)
    }

    /// Starts the first of an app's queued deployments, if no other one is running.
    pub(crate) fn start_queued(&mut self, app: &str) {
        let unfinished = |d: &&Deployment| d.app == app && d.finished_at.is_none();
        let mut waiting = self.tables.deployments.iter().filter(unfinished);
        let Some(next) = waiting.clone().find(|d| d.status == DeploymentStatus::Queued).cloned()
        else {
            return;
        };
        if waiting.any(|d| d.status != DeploymentStatus::Queued) {
            return;
        }
        let at = self.time();
        let current = self.tables.app(app).map(|app| app.release.clone()).unwrap_or_default();
        let processes = self.tables.formation(app, &current).ok();
        let processes = processes.and_then(|formation| formation.processes.clone());
        let mut rows = self.tables.deployments.iter_mut();
        if let Some(row) = rows.find(|row| row.id == next.id) {
            row.old_release = current;
            row.processes = processes.unwrap_or_default();
        }
        self.deployment_event(at, &next, DeploymentStatus::Pending, None);
        self.enqueue(Task::Deploy { deployment: next.id });
    }

    /// Records a deployment's new status.
    pub(crate) fn deployment_event(
        &mut self,
        at: Time,
        d: &Deployment,
        status: DeploymentStatus,
        error: Option<&str>,
    ) {
        let fields = [
            ("app", Some(d.app.as_str())),
            ("deployment", Some(d.id.as_str())),
            ("release", Some(d.new_release.as_str())),
            ("status", Some(status.as_str())),
            ("error", error),
        ];
        let data: BTreeMap<&str, &str> =
            fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        if let Some(row) = self.tables.deployments.iter_mut().find(|row| row.id == d.id) {
            row.status = status;
        }
        self.event(at, &d.app, "deployment", &d.id, &data);
    }
}
