//! The job that moves existing blobs into the default backend: its command, its output, and whether it succeeded.

use std::fmt;

use super::Blobstore;
use super::backend::POSTGRES;
use crate::FlynnVersion;

/// The first version that has one blobstore program with subcommands.
const ONE_PROGRAM: FlynnVersion = FlynnVersion::of_day(20_160_924);
/// Longer lines are cut. File names are never that long.
const LONGEST_LINE: usize = 16 * 1024;

/// Returns the command that moves blobs into the default backend and deletes them from their old one.
///
/// Run it as a job of the blobstore app with the release's env (`release_env`). Servers before v20160924.0 need another
/// command: given the newer one, they start a blobstore server that never ends. Without a version this returns the
/// newer command.
///
/// Objects of files that are overwritten or deleted later stay in S3. Do not run `flynn-blobstore cleanup` to get
/// rid of them: it deletes files that are in use.
pub fn migrate_command(server: Option<FlynnVersion>) -> &'static [&'static str] {
    if server.is_some_and(|version| version < ONE_PROGRAM) {
        &["/bin/flynn-blobstore-migrate", "--delete"]
    } else {
        &["/bin/flynn-blobstore", "migrate", "--delete"]
    }
}

/// The result of a successful migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// The backend that the files are in now.
    pub target: String,
    /// The number of moved files; 0 if all were already there.
    pub moved: u64,
    /// The size of the moved files in bytes.
    pub bytes: u64,
    /// The number of old copies that could not be deleted. The files are safe, but the old copies use space.
    pub left_behind: u64,
}

/// The reason why a migration failed, although its exit status may have been 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// The job's env does not make the wanted backend the default.
    #[error(
        "the job's env makes {default} the default backend, not {wanted}: set DEFAULT_BACKEND={wanted} and run the \
         migration again"
    )]
    NotDefault {
        /// The default backend according to the env.
        default: String,
        /// The wanted backend.
        wanted: String,
    },
    /// The job failed, or was killed.
    #[error(
        "the migration job exited with status {status}, {failed} files could not be moved: run it again, files that \
         were moved are skipped"
    )]
    Exit {
        /// The exit status.
        status: i64,
        /// The number of files that could not be moved, according to its output.
        failed: u64,
    },
    /// The job panicked because files refer to a backend that is not set any more.
    #[error(
        "the migration job panicked: files refer to a backend that is not set; set its BACKEND_ variable again and \
         run the migration again"
    )]
    MissingBackend,
    /// The job started a server instead of a migration: its command belongs to another version.
    #[error(
        "the job started a blobstore server instead of a migration: use the command of the server's version, before \
         v20160924.0 that is /bin/flynn-blobstore-migrate"
    )]
    StartedServer,
    /// The job exited with 0 but did not report that it finished. The configuration or the database is broken.
    #[error(
        "the migration job exited with status 0 without finishing: check the BACKEND_ variables and the database"
    )]
    Silent,
    /// The job moved files to another backend.
    #[error(
        "the migration job moved files to {target}, not to {wanted}: its env did not have DEFAULT_BACKEND"
    )]
    WrongTarget {
        /// The current location of the files.
        target: String,
        /// The wanted backend.
        wanted: String,
    },
    /// The job finished, but never read the backend from its env.
    #[error(
        "the migration job finished without knowing the backend {wanted}: run it with release_env"
    )]
    NotConfigured {
        /// The wanted backend.
        wanted: String,
    },
    /// The bucket holds less than was moved.
    #[error(
        "the bucket lacks {objects} objects and {bytes} bytes of what was moved: keep the old backend set, and check \
         that the bucket is the one of the new backend"
    )]
    Short {
        /// The number of missing objects.
        objects: u64,
        /// The number of missing bytes.
        bytes: u64,
    },
}

/// The number and size of the objects in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketCount {
    /// The number of objects.
    pub objects: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// One line of the job's output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MigrationEvent {
    /// The job read a backend from its env.
    Configured {
        /// Its name.
        backend: String,
    },
    /// The job starts to move a file; four at a time.
    Moving {
        /// The number of the file, from 1.
        index: u64,
        /// The number of files.
        total: u64,
        /// The size in bytes.
        bytes: u64,
        /// The backend that the file goes to.
        target: String,
    },
    /// A file could not be moved. The job continues with the others.
    MoveFailed {
        /// The line: name and reason.
        line: String,
    },
    /// A file was moved, but its old copy could not be deleted.
    DeleteFailed {
        /// The line: name and reason.
        line: String,
    },
    /// Everything was moved.
    Finished,
    /// The job panicked.
    Panicked,
    /// The job runs a server and will never end: kill it.
    StartedServer,
}

/// Reads the job's output while it runs.
///
/// ```
/// use flynn_aws::blobstore::{MigrationEvent, MigrationLog};
///
/// let mut log = MigrationLog::default();
/// log.push(b"2016/11/02 12:00:00 [1/2] Moving /a.tgz (0b8c, 12 bytes) from postgres to s3main\n");
/// assert!(matches!(log.next_event(), Some(MigrationEvent::Moving { index: 1, total: 2, .. })));
/// ```
#[derive(Debug, Clone, Default)]
pub struct MigrationLog {
    line: Vec<u8>,
    events: std::collections::VecDeque<MigrationEvent>,
    configured: Vec<String>,
    targets: Vec<String>,
    started: u64,
    bytes: u64,
    failed: u64,
    left_behind: u64,
    finished: bool,
    panicked: bool,
    server: bool,
}

impl MigrationLog {
    /// Appends bytes of the job's output. Pass both stdout and stderr: the job logs to stderr.
    pub fn push(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            let room = LONGEST_LINE.saturating_sub(self.line.len());
            self.line.extend(part.iter().filter(|b| **b != b'\n').take(room));
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    /// Returns the next event of the output so far.
    pub fn next_event(&mut self) -> Option<MigrationEvent> {
        self.events.pop_front()
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let Some(event) = event_of(&String::from_utf8_lossy(&line)) else { return };
        match &event {
            MigrationEvent::Configured { backend } => self.configured.push(backend.clone()),
            MigrationEvent::Moving { bytes, target, .. } => {
                self.started += 1;
                self.bytes = self.bytes.saturating_add(*bytes);
                if !self.targets.contains(target) {
                    self.targets.push(target.clone());
                }
            }
            MigrationEvent::MoveFailed { .. } => self.failed += 1,
            MigrationEvent::DeleteFailed { .. } => self.left_behind += 1,
            MigrationEvent::Finished => self.finished = true,
            MigrationEvent::Panicked => self.panicked = true,
            MigrationEvent::StartedServer => self.server = true,
        }
        self.events.push_back(event);
    }

    /// Decides whether the job succeeded, after it has ended.
    ///
    /// `wanted` is the backend that the files should be in, and `env` is the job's env. The exit status is not enough:
    /// with an error in its configuration the job exits with 0, and without `DEFAULT_BACKEND` it reports success after
    /// moving everything back into Postgres.
    ///
    /// # Errors
    /// Returns why the files are not where they should be.
    pub fn judge<K: AsRef<str>, V: AsRef<str>>(
        mut self,
        wanted: &str,
        env: impl IntoIterator<Item = (K, V)>,
        exit_status: i64,
    ) -> Result<Migration, MigrationError> {
        if !self.line.is_empty() {
            self.end_line();
        }
        if self.server {
            return Err(MigrationError::StartedServer);
        }
        if self.panicked {
            return Err(MigrationError::MissingBackend);
        }
        let default = Blobstore::read(env).default_backend().to_owned();
        if default != wanted {
            return Err(MigrationError::NotDefault { default, wanted: wanted.to_owned() });
        }
        if exit_status != 0 || self.failed > 0 {
            return Err(MigrationError::Exit { status: exit_status, failed: self.failed });
        }
        if !self.finished {
            return Err(MigrationError::Silent);
        }
        if let Some(target) = self.targets.into_iter().find(|target| target != wanted) {
            return Err(MigrationError::WrongTarget { target, wanted: wanted.to_owned() });
        }
        // Postgres is built in, so the job never announces it.
        let announced = wanted == POSTGRES || self.configured.iter().any(|name| name == wanted);
        if !announced && self.started == 0 {
            return Err(MigrationError::NotConfigured { wanted: wanted.to_owned() });
        }
        Ok(Migration {
            target: wanted.to_owned(),
            moved: self.started.saturating_sub(self.failed),
            bytes: self.bytes,
            left_behind: self.left_behind,
        })
    }
}

impl Migration {
    /// Decides whether the job succeeded from its complete output. See [`MigrationLog::judge`].
    ///
    /// # Errors
    /// Returns why the files are not where they should be.
    pub fn judge<K: AsRef<str>, V: AsRef<str>>(
        wanted: &str,
        env: impl IntoIterator<Item = (K, V)>,
        exit_status: i64,
        output: &str,
    ) -> Result<Self, MigrationError> {
        let mut log = MigrationLog::default();
        log.push(output.as_bytes());
        log.judge(wanted, env, exit_status)
    }

    /// Checks that the bucket has grown by at least the moved files.
    ///
    /// Every file is one object. Files that are uploaded in the meantime only increase the difference.
    ///
    /// # Errors
    /// Fails with [`MigrationError::Short`] if objects or bytes are missing.
    pub fn verify(&self, before: BucketCount, after: BucketCount) -> Result<(), MigrationError> {
        let objects = self.moved.saturating_sub(after.objects.saturating_sub(before.objects));
        let bytes = self.bytes.saturating_sub(after.bytes.saturating_sub(before.bytes));
        if objects == 0 && bytes == 0 {
            return Ok(());
        }
        Err(MigrationError::Short { objects, bytes })
    }
}

fn event_of(line: &str) -> Option<MigrationEvent> {
    let message = message_of(line);
    if let Some(moving) = moving(message) {
        return Some(moving);
    }
    let line = || message.to_owned();
    if message.starts_with("Error moving ") {
        Some(MigrationEvent::MoveFailed { line: line() })
    } else if message.starts_with("Error deleting ") {
        Some(MigrationEvent::DeleteFailed { line: line() })
    } else if message.starts_with("Finished with no errors") {
        Some(MigrationEvent::Finished)
    } else if message.starts_with("panic: ") {
        Some(MigrationEvent::Panicked)
    } else if message.starts_with("Blobstore serving files on ") {
        Some(MigrationEvent::StartedServer)
    } else {
        let rest = message.strip_prefix("Configured additional backend: ")?;
        let backend = rest.split(' ').next()?.to_owned();
        Some(MigrationEvent::Configured { backend })
    }
}

/// Removes the timestamp that Go's logger writes before each line: `2016/11/02 12:00:00 `.
fn message_of(line: &str) -> &str {
    let line = line.trim_end();
    match line.split_once(' ').map(|(date, rest)| (date, rest.split_once(' '))) {
        Some((date, Some((time, message))))
            if date.split('/').count() == 3 && time.split(':').count() == 3 =>
        {
            message
        }
        _ => line,
    }
}

/// Parses `[1/3] Moving NAME (ID, N bytes) from postgres to s3main`. The name can contain anything, so the rest is
/// parsed from the end.
fn moving(message: &str) -> Option<MigrationEvent> {
    let (counter, rest) = message.strip_prefix('[')?.split_once("] Moving ")?;
    let (index, total) = counter.split_once('/')?;
    let (rest, target) = rest.rsplit_once(" to ")?;
    let (rest, _) = rest.rsplit_once(" from ")?;
    let (_, size) = rest.strip_suffix(" bytes)")?.rsplit_once(", ")?;
    Some(MigrationEvent::Moving {
        index: index.parse().ok()?,
        total: total.parse().ok()?,
        bytes: size.parse().ok()?,
        target: target.to_owned(),
    })
}

/// Writes one line for people. File names are escaped and truncated.
impl fmt::Display for MigrationEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| -> String {
            text.chars().take(300).flat_map(char::escape_debug).collect()
        };
        match self {
            Self::Configured { backend } => {
                write!(f, "the job knows the backend {}", shown(backend))
            }
            Self::Moving { index, total, bytes, target } => {
                write!(f, "moving file {index} of {total} ({bytes} bytes) to {}", shown(target))
            }
            Self::MoveFailed { line } | Self::DeleteFailed { line } => f.write_str(&shown(line)),
            Self::Finished => f.write_str("the job finished"),
            Self::Panicked => f.write_str("the job panicked"),
            Self::StartedServer => f.write_str("the job started a server"),
        }
    }
}

impl fmt::Display for BucketCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} objects, {} bytes", self.objects, self.bytes)
    }
}
