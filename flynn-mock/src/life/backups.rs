//! Backups: the jobs that dump the databases, and the tar.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha512};

use crate::life::outside::{Given, Question};
use crate::life::{Command, Engine, ExpandedFormation};
use crate::store::{BackupStatus, Job, Strings, hex};
use crate::wire::{Fail, to_pretty_json};

/// The apps whose formations a backup contains.
const APPS: [&str; 6] = ["controller", "discoverd", "flannel", "mariadb", "mongodb", "postgres"];

/// A database, which a job of its app dumps.
struct Dump {
    app: &'static str,
    member: &'static str,
    /// The variables that the job gets from its release.
    env: &'static [&'static str],
    script: fn(&Strings) -> String,
}

/// The databases of a backup. All except Postgres are left out if they do not run.
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
        // Writing to a vector cannot fail.
        let _ = self.tar.append_data(&mut header, format!("{}/{member}", self.folder), content);
    }
}

impl Engine {
    /// Returns the tar of a backup that has ended, successfully or not.
    pub(crate) fn written_backup(&self, id: &str) -> Option<Bytes> {
        let row = self.tables.backups.iter().find(|row| row.id == id)?;
        let (tar, _) = row.outcome.as_ref().filter(|_| row.completed_at.is_some())?;
        Some(tar.clone())
    }

    /// Completes the record of a backup.
    pub(crate) fn finish_backup(&mut self, id: &str) {
        let at = self.time();
        let Some(row) = self.tables.backups.iter_mut().find(|row| row.id == id) else { return };
        match &row.outcome {
            Some((tar, Ok(()))) => {
                row.status = BackupStatus::Complete;
                row.sha512 = hex(&Sha512::digest(tar));
                row.size = tar.len();
            }
            Some((_, Err(error))) => {
                row.status = BackupStatus::Error;
                row.error.clone_from(error);
            }
            None => return,
        }
        (row.updated_at, row.completed_at) = (Some(at), Some(at));
        let backup = row.clone();
        self.event(at, "", "cluster_backup", id, &backup);
    }

    /// Returns the jobs that dump databases: the database, the app with its release, and the command.
    fn dumps(&self) -> Vec<(&'static Dump, (String, String), Command)> {
        let mut dumps = Vec::new();
        for dump in &DUMPS {
            let Ok(app) = self.tables.app(dump.app) else { continue };
            let formation = self.tables.formation(&app.id, &app.release).ok();
            let counts = formation.and_then(|formation| formation.processes.as_ref());
            let running = counts.and_then(|counts| counts.get(dump.app)).is_some_and(|n| *n > 0);
            if !running && dump.app != "postgres" {
                continue;
            }
            let env = self.tables.release(&app.release).map(|release| release.env.clone());
            let env = env.unwrap_or_default();
            let own =
                dump.env.iter().filter_map(|name| Some(((*name).to_owned(), env.get(*name)?)));
            let command = Command {
                args: vec!["bash".to_owned(), "-c".to_owned(), (dump.script)(&env)],
                env: own.map(|(name, value)| (name, value.clone())).collect(),
                tty: false,
                size: (0, 0),
                attached: true,
            };
            dumps.push((dump, (app.id.clone(), app.release.clone()), command));
        }
        dumps
    }

    /// Returns the output of the jobs that dump databases, which is requested before a backup starts.
    pub(crate) fn ask_for_dumps(&mut self) -> Result<Vec<Given>, Fail> {
        if self.options.backup_error.is_some() {
            return Ok(Vec::new());
        }
        let ask = |engine: &mut Self, command| {
            engine
                .ask(|engine| Question::Run { programs: engine.options.programs.clone(), command })
        };
        self.dumps().into_iter().map(|(.., command)| ask(self, command)).collect()
    }

    /// Returns the tar of a backup, as far as it succeeds.
    pub(crate) fn archive(
        &mut self,
        folder: &str,
        given: Vec<Given>,
    ) -> (Bytes, Result<(), String>) {
        let mut archive = Archive {
            tar: tar::Builder::new(Vec::new()),
            folder: folder.to_owned(),
            seconds: u64::try_from(self.now.as_second()).unwrap_or(0),
        };
        let result = self.fill(&mut archive, given);
        (archive.tar.into_inner().unwrap_or_default().into(), result)
    }

    fn fill(&mut self, archive: &mut Archive, given: Vec<Given>) -> Result<(), String> {
        if let Some(error) = &self.options.backup_error {
            return Err(error.clone());
        }
        let formations = self.formations_for_backup()?;
        archive.add("flynn.json", format!("{}\n", to_pretty_json(&formations)).as_bytes());
        let mut given = given.into_iter();
        for (dump, (app, release), command) in self.dumps() {
            let content = self
                .dump(dump, (&app, &release), command, given.next())
                .map_err(|why| format!("error dumping {} database: {why}", dump.app))?;
            archive.add(dump.member, &content);
        }
        Ok(())
    }

    /// Returns the document from which a restore starts.
    fn formations_for_backup(&self) -> Result<BTreeMap<&str, ExpandedFormation>, String> {
        let mut formations = BTreeMap::new();
        for name in APPS {
            let failed = |what: &str| format!("error getting {name} app {what}");
            let app = match self.tables.app(name) {
                Ok(app) => app,
                Err(_) if name.starts_with('m') => continue,
                Err(_) => return Err(failed("details: controller: resource not found")),
            };
            let formation = self
                .tables
                .formation(&app.id, &app.release)
                .map_err(|_| failed("formation: controller: resource not found"))?;
            formations
                .insert(name, self.expanded(formation).in_backup(self.dialect.layered_images));
        }
        Ok(formations)
    }

    /// Returns the output of the job that dumps a database.
    fn dump(
        &mut self,
        dump: &Dump,
        (app, release): (&str, &str),
        command: Command,
        given: Option<Given>,
    ) -> Result<Bytes, String> {
        let Some(Given::Written(written, status)) = given else {
            return Err(format!("error running {} export: EOF", dump.app));
        };
        let job = Job { args: command.args.clone(), ..Job::default() };
        let uuid = self.start_one_off(app, release, job, command, false).uuid;
        self.programs.remove(&uuid);
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
