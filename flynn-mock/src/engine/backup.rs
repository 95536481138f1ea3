//! Backups of the cluster.

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha512};

use super::ids::hex;
use super::routing::Call;
use super::wire::{Fail, Reply, Time, empty, json, to_json};
use super::work::Step;
use super::{Answer, Engine};

/// The record of a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Backup {
    id: String,
    status: String,
    #[serde(skip_serializing_if = "empty")]
    sha512: String,
    #[serde(skip_serializing_if = "empty")]
    size: u64,
    #[serde(skip_serializing_if = "empty")]
    error: String,
    created_at: Option<Time>,
    updated_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    completed_at: Option<Time>,
}

/// The apps whose formations a backup holds.
const APPS: [&str; 6] = ["postgres", "mariadb", "mongodb", "discoverd", "flannel", "controller"];

impl Engine {
    /// `GET /backup`: the latest one's record, or a new one as a tar.
    pub(crate) fn backup(&mut self, call: &Call<'_>) -> Reply {
        if call.request.header_text("accept").contains("json") {
            let latest = self.state.backups.iter().max_by_key(|backup| backup.updated_at);
            return json(latest.ok_or(Fail::NotFound)?);
        }
        let name = self.now.strftime("flynn-backup-%Y-%m-%d_%H%M%S.tar").to_string();
        let tar = self.archive(name.trim_end_matches(".tar"));
        let at = self.time();
        let backup = Backup {
            id: self.ids.uuid(),
            status: "running".to_owned(),
            created_at: Some(at),
            updated_at: Some(at),
            ..Backup::default()
        };
        let id = backup.id.clone();
        self.state.backups.push(backup.clone());
        self.event(at, "", "cluster_backup", &id, &backup);
        if let Some(row) = self.state.backups.last_mut() {
            row.sha512 = hex(&Sha512::digest(&tar));
            row.size = u64::try_from(tar.len()).unwrap_or(u64::MAX);
        }
        self.later(self.options.delays.backup, Step::FinishBackup { backup: id });
        let mut answer = Answer::full(StatusCode::OK, "application/tar", tar);
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
            answer.headers.insert(header::CONTENT_DISPOSITION, value);
        }
        Ok(answer)
    }

    /// Completes the record of a backup.
    pub(crate) fn finish_backup(&mut self, id: &str) {
        let at = self.time();
        let Some(row) = self.state.backups.iter_mut().find(|backup| backup.id == id) else {
            return;
        };
        "complete".clone_into(&mut row.status);
        (row.updated_at, row.completed_at) = (Some(at), Some(at));
        let backup = row.clone();
        self.event(at, "", "cluster_backup", id, &backup);
    }

    /// The tar of a backup: the formations of the system apps, and made-up data.
    fn archive(&self, folder: &str) -> Vec<u8> {
        let formations: serde_json::Map<String, serde_json::Value> = APPS
            .iter()
            .filter_map(|name| {
                let app = self.state.app(name).ok()?;
                let formation = self.state.formation(&app.id, &app.release).ok()?;
                Some(((*name).to_owned(), self.expanded(formation)))
            })
            .collect();
        let mut tar = tar::Builder::new(Vec::new());
        let seconds = u64::try_from(self.now.as_second()).unwrap_or(0);
        let members =
            [("flynn.json", to_json(&formations)), ("postgres.sql.gz", "made-up data".to_owned())];
        for (name, content) in members {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_mtime(seconds);
            header.set_size(u64::try_from(content.len()).unwrap_or(0));
            // A vector takes every byte.
            let _ = tar.append_data(&mut header, format!("{folder}/{name}"), content.as_bytes());
        }
        tar.into_inner().unwrap_or_default()
    }
}
