//! Backups of the cluster.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json as value};
use sha2::{Digest, Sha512};

use crate::api::jobs::Job;
use crate::api::streams::{Cursor, Kind};
use crate::calls::Call;
use crate::engine::{Answer, Body, Engine, ServerAge};
use crate::life::program::{Command, Input, Output};
use crate::life::work::Step;
use crate::store::ids::hex;
use crate::store::state::Strings;
use crate::wire::{Fail, Reply, Time, empty, json, to_pretty_json};

/// The record of a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Backup {
    id: String,
    status: String,
    #[serde(skip_serializing_if = "empty")]
    sha512: String,
    #[serde(skip_serializing_if = "empty")]
    size: usize,
    #[serde(skip_serializing_if = "empty")]
    error: String,
    created_at: Option<Time>,
    updated_at: Option<Time>,
    #[serde(skip_serializing_if = "empty")]
    completed_at: Option<Time>,
    /// What it will be once it is complete.
    #[serde(skip)]
    outcome: Option<(Bytes, Result<(), String>)>,
}

/// The apps whose formations a backup holds.
const APPS: [&str; 6] = ["controller", "discoverd", "flannel", "mariadb", "mongodb", "postgres"];

/// A database that is dumped by a job of its app.
struct Dump {
    app: &'static str,
    member: &'static str,
    /// The variables that the job gets from its release.
    env: &'static [&'static str],
    script: fn(&Strings) -> String,
}

/// One of the databases of a backup; all but Postgres are left out while nothing runs.
const DUMPS: [Dump; 3] = [
    Dump {
        app: "postgres",
        member: "postgres.sql.gz",
        env: &["PGHOST", "PGUSER", "PGPASSWORD"],
        script: |_| "set -o pipefail; pg_dumpall --clean --if-exists | gzip -9".to_owned(),
    },
    Dump {
        app: "mariadb",
        member: "mysql.sql.gz",
        env: &["MYSQL_PWD"],
        script: |env| {
            format!(
                "set -o pipefail; /usr/bin/mysqldump -h {} -u {} --all-databases \
                 --flush-privileges | gzip -9",
                variable(env, "MYSQL_HOST"),
                variable(env, "MYSQL_USER")
            )
        },
    },
    Dump {
        app: "mongodb",
        member: "mongodb.archive.gz",
        env: &["MONGO_PWD"],
        script: |env| {
            format!(
                "set -o pipefail; /usr/bin/mongodump --host {} -u {} -p $MONGO_PWD \
                 --authenticationDatabase admin --archive | gzip -9",
                variable(env, "MONGO_HOST"),
                variable(env, "MONGO_USER")
            )
        },
    },
];

/// A program that waits more often than this never ends.
const MOST_INPUTS: usize = 1000;

fn variable<'a>(env: &'a Strings, name: &str) -> &'a str {
    env.get(name).map_or("", String::as_str)
}

/// A tar in memory, whose members are in one folder.
struct Archive {
    tar: tar::Builder<Vec<u8>>,
    folder: String,
    seconds: u64,
}

impl Archive {
    fn add(&mut self, member: &str, content: &[u8]) {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_mtime(self.seconds);
        header.set_size(u64::try_from(content.len()).unwrap_or(0));
        // A vector takes every byte.
        let _ = self.tar.append_data(&mut header, format!("{}/{member}", self.folder), content);
    }
}

impl Engine {
    /// `GET /backup`: the latest one's record, or a new one as a tar.
    pub(crate) fn backup(&mut self, call: &Call<'_>) -> Reply {
        if call.request.header_text("accept").contains("json") {
            let latest = self.state.backups.iter().max_by_key(|backup| backup.updated_at);
            return json(latest.ok_or(Fail::NotFound)?);
        }
        let folder = self.now.strftime("flynn-backup-%Y-%m-%d_%H%M%S").to_string();
        let at = self.time();
        let id = self.ids.uuid();
        let backup = Backup {
            id: id.clone(),
            status: "running".to_owned(),
            created_at: Some(at),
            updated_at: Some(at),
            ..Backup::default()
        };
        self.state.backups.push(backup.clone());
        self.event(at, "", "cluster_backup", &id, &backup);
        let outcome = self.archive(&folder);
        if let Some(row) = self.state.backups.iter_mut().find(|row| row.id == id) {
            row.outcome = Some(outcome);
        }
        let mut answer = Answer::full(StatusCode::OK, "application/tar", "");
        if self.options.delays.backup.is_zero() {
            self.finish_backup(&id);
            answer.body = Body::Full(self.written_backup(&id).unwrap_or_default());
        } else {
            self.later(self.options.delays.backup, Step::FinishBackup { backup: id.clone() });
            let kind = Kind::Backup { id };
            answer.body = Body::Stream(Cursor::new(kind, self.now, self.generation));
        }
        let name = format!("attachment; filename=\"{folder}.tar\"");
        if let Ok(value) = HeaderValue::from_str(&name) {
            answer.headers.insert(header::CONTENT_DISPOSITION, value);
        }
        Ok(answer)
    }

    /// The tar of a backup that has ended, well or not.
    pub(crate) fn written_backup(&self, id: &str) -> Option<Bytes> {
        let row = self.state.backups.iter().find(|row| row.id == id)?;
        let (tar, _) = row.outcome.as_ref().filter(|_| row.completed_at.is_some())?;
        Some(tar.clone())
    }

    /// Completes the record of a backup.
    pub(crate) fn finish_backup(&mut self, id: &str) {
        let at = self.time();
        let Some(row) = self.state.backups.iter_mut().find(|row| row.id == id) else { return };
        match &row.outcome {
            Some((tar, Ok(()))) => {
                "complete".clone_into(&mut row.status);
                row.sha512 = hex(&Sha512::digest(tar));
                row.size = tar.len();
            }
            Some((_, Err(error))) => {
                "error".clone_into(&mut row.status);
                row.error.clone_from(error);
            }
            None => return,
        }
        (row.updated_at, row.completed_at) = (Some(at), Some(at));
        let backup = row.clone();
        self.event(at, "", "cluster_backup", id, &backup);
    }

    /// The tar of a backup, as far as it gets.
    fn archive(&mut self, folder: &str) -> (Bytes, Result<(), String>) {
        let mut archive = Archive {
            tar: tar::Builder::new(Vec::new()),
            folder: folder.to_owned(),
            seconds: u64::try_from(self.now.as_second()).unwrap_or(0),
        };
        let result = self.fill(&mut archive);
        (archive.tar.into_inner().unwrap_or_default().into(), result)
    }

    fn fill(&mut self, archive: &mut Archive) -> Result<(), String> {
        if let Some(error) = &self.options.backup_error {
            return Err(error.clone());
        }
        let formations = self.formations_for_backup()?;
        archive.add("flynn.json", format!("{}\n", to_pretty_json(&formations)).as_bytes());
        for dump in &DUMPS {
            let Ok(app) = self.state.app(dump.app) else { continue };
            let (app, release) = (app.id.clone(), app.release.clone());
            let formation = self.state.formation(&app, &release).ok();
            let counts = formation.and_then(|formation| formation.processes.as_ref());
            let running = counts.and_then(|counts| counts.get(dump.app)).is_some_and(|n| *n > 0);
            if running || dump.app == "postgres" {
                let content = self
                    .dump(dump, &app, &release)
                    .map_err(|why| format!("error dumping {} database: {why}", dump.app))?;
                archive.add(dump.member, &content);
            }
        }
        Ok(())
    }

    /// The document that a restore starts from.
    fn formations_for_backup(&self) -> Result<Map<String, Value>, String> {
        let mut documents = Map::new();
        for name in APPS {
            let failed = |what: &str| format!("error getting {name} app {what}");
            let app = match self.state.app(name) {
                Ok(app) => app,
                Err(_) if name.starts_with('m') => continue,
                Err(_) => return Err(failed("details: controller: resource not found")),
            };
            let formation = self
                .state
                .formation(&app.id, &app.release)
                .map_err(|_| failed("formation: controller: resource not found"))?;
            let expanded = self.expanded(formation);
            let mut document = Map::new();
            document.insert("updated_at".to_owned(), value!(Time::default()));
            for field in ["app", "release", "processes", "artifact", "file_artifacts"] {
                if let Some(part) = expanded.get(field) {
                    document.insert(field.to_owned(), part.clone());
                }
            }
            if self.options.age == ServerAge::V2021 {
                // Clusters of old expect one.
                document.insert("artifact".to_owned(), value!({ "type": "docker" }));
            }
            documents.insert(name.to_owned(), document.into());
        }
        Ok(documents)
    }

    /// What the job that dumps a database writes.
    fn dump(&mut self, dump: &Dump, app: &str, release: &str) -> Result<Vec<u8>, String> {
        let env = self.state.release(release).map(|release| release.env.clone());
        let env = env.unwrap_or_default();
        let args = ["bash".to_owned(), "-c".to_owned(), (dump.script)(&env)];
        let own = dump.env.iter().filter_map(|name| Some(((*name).to_owned(), env.get(*name)?)));
        let command = Command {
            args: args.to_vec(),
            env: own.map(|(name, value)| (name, value.clone())).collect(),
            tty: false,
            attached: true,
        };
        let job = Job { args: args.to_vec(), ..Job::default() };
        let uuid = self.start_one_off(app, release, job, command, false).uuid;
        let mut written = Vec::new();
        let mut status = None;
        if let Some(mut running) = self.programs.remove(&uuid) {
            let mut inputs = vec![Input::Start, Input::Eof];
            inputs.reverse();
            for _ in 0..MOST_INPUTS {
                let (None, Some(input)) = (status, inputs.pop()) else { break };
                for output in running.program.react(input) {
                    match output {
                        Output::Stdout(bytes) => written.extend_from_slice(&bytes),
                        Output::Wait(_) => inputs.push(Input::Timer),
                        Output::Exit(code) => {
                            status = Some(code);
                            break;
                        }
                        Output::Stderr(_) => {}
                    }
                }
            }
        }
        self.end_one_off(&uuid, status.unwrap_or(0));
        match status {
            Some(0) => Ok(written),
            Some(status) => {
                let what = "unexpected command exit status";
                Err(format!("error running {} export: {what} {status}", dump.app))
            }
            None => Err(format!("error running {} export: EOF", dump.app)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use http::Method;
    use serde_json::Value;

    use super::*;
    use crate::engine::{Options, Program, Programs, Request};

    fn engine(change: impl FnOnce(&mut Options)) -> Engine {
        let mut options = Options::new(ServerAge::V2021, "example.com");
        options.key = Some("k".to_owned());
        change(&mut options);
        Engine::new(options)
    }

    fn get(engine: &mut Engine, accept: &'static str) -> Answer {
        let request = Request::new(Method::GET, "/backup")
            .header(header::AUTHORIZATION, HeaderValue::from_static("Basic Oms="))
            .header(header::ACCEPT, HeaderValue::from_static(accept));
        engine.handle(&request)
    }

    fn record(engine: &mut Engine) -> Value {
        serde_json::from_slice(get(engine, "application/json").bytes()).unwrap_or_default()
    }

    fn members(tar: &[u8]) -> Vec<(String, String)> {
        let mut archive = tar::Archive::new(tar);
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| {
                let mut entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                (path, text)
            })
            .collect()
    }

    #[test]
    fn a_backup_and_its_record() {
        let mut engine = engine(|_| ());
        assert_eq!(get(&mut engine, "application/json").status, StatusCode::NOT_FOUND);
        let answer = get(&mut engine, "*/*");
        let name = answer.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert_eq!(name, "attachment; filename=\"flynn-backup-1970-01-01_000000.tar\"");
        let members = members(answer.bytes());
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        let folder = "flynn-backup-1970-01-01_000000";
        assert_eq!(names, [format!("{folder}/flynn.json"), format!("{folder}/postgres.sql.gz")]);
        let apps: Value = serde_json::from_str(&members[0].1).unwrap();
        assert_eq!(apps["controller"]["processes"]["web"], 2);
        assert!(members[1].1.contains("pg_dumpall"));
        let record = record(&mut engine);
        assert_eq!(record["status"], "complete");
        assert_eq!(record["size"], answer.bytes().len());
        assert_eq!(record["sha512"], hex(&Sha512::digest(answer.bytes())));
    }

    #[test]
    fn a_dump_that_fails_leaves_its_member_out() {
        let mut engine = engine(|options| {
            options.programs = Programs::new(|_| {
                let program = |_: Input| vec![Output::Exit(3)];
                Box::new(program) as Box<dyn Program>
            });
        });
        let answer = get(&mut engine, "*/*");
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(members(answer.bytes()).len(), 1);
        let record = record(&mut engine);
        assert_eq!(record["status"], "error");
        assert_eq!(
            record["error"],
            "error dumping postgres database: error running postgres export: \
             unexpected command exit status 3"
        );
    }

    #[test]
    fn a_controller_that_cannot_reach_itself_writes_an_empty_tar() {
        let mut engine = engine(|options| options.backup_error = Some("no route".to_owned()));
        assert_eq!(get(&mut engine, "*/*").bytes(), [0; 1024]);
        assert_eq!(record(&mut engine)["error"], "no route");
    }

    #[test]
    fn a_slow_backup_is_a_stream() {
        use jiff::SignedDuration;
        let mut engine = engine(|options| options.delays.backup = SignedDuration::from_secs(10));
        let Body::Stream(mut cursor) = get(&mut engine, "*/*").body else {
            panic!("not a stream");
        };
        assert!(engine.next_frames(&mut cursor).bytes.is_empty());
        assert_eq!(record(&mut engine)["status"], "running");
        engine.advance(engine.now() + SignedDuration::from_secs(11));
        let frames = engine.next_frames(&mut cursor);
        assert!(frames.end && frames.bytes.len() > 1024);
        assert_eq!(record(&mut engine)["status"], "complete");
    }
}
