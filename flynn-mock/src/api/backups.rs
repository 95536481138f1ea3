//! Backups of the cluster.

use http::{HeaderValue, StatusCode, header};

use serde_json::json as value;

use crate::api::answer::{Answer, Body, Reply, json};
use crate::api::call::Call;
use crate::api::streams::{Cursor, Kind};
use crate::life::Engine;
use crate::life::work::Step;
use crate::store::{Backup, BackupStatus};
use crate::wire::Fail;

/// `GET /backup`: the record of the latest backup, or a new backup as a tar.
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    if call.request.header_text("accept").contains("json") {
        let latest = engine.tables.backups.iter().max_by_key(|backup| backup.updated_at);
        return json(latest.ok_or(Fail::NotFound)?);
    }
    let dumps = engine.ask_for_dumps()?;
    let folder = engine.now.strftime("flynn-backup-%Y-%m-%d_%H%M%S").to_string();
    let id = engine.new_id("cluster_backup", &value!({}));
    let at = engine.time();
    let backup = Backup {
        id: id.clone(),
        status: BackupStatus::Running,
        created_at: Some(at),
        updated_at: Some(at),
        ..Backup::default()
    };
    engine.tables.backups.push(backup.clone());
    engine.event(at, "", "cluster_backup", &id, &backup);
    let outcome = engine.archive(&folder, dumps);
    if let Some(row) = engine.tables.backups.iter_mut().find(|row| row.id == id) {
        row.outcome = Some(outcome);
    }
    let mut answer = Answer::full(StatusCode::OK, "application/tar", "");
    if engine.options.delays.backup.is_zero() {
        engine.finish_backup(&id);
        answer.body = Body::Full(engine.written_backup(&id).unwrap_or_default());
    } else {
        engine.later(engine.options.delays.backup, Step::FinishBackup { backup: id.clone() });
        let kind = Kind::Backup { id };
        answer.body = Body::Stream(Cursor::new(kind, engine.now, engine.generation));
    }
    let name = format!("attachment; filename=\"{folder}.tar\"");
    if let Ok(value) = HeaderValue::from_str(&name) {
        answer.headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(answer)
}
