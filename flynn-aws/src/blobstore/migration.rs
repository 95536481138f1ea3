//! Judging the job that moves existing blobs into the default backend.

use std::fmt;

/// The arguments of the job that moves blobs and deletes them at their old place. It must run on the blobstore
/// app with the release's env (`release_env`).
pub const MIGRATE: [&str; 3] = ["/bin/flynn-blobstore", "migrate", "--delete"];

/// The same before v20160924.0.
pub const MIGRATE_BEFORE_20160924: [&str; 2] = ["/bin/flynn-blobstore-migrate", "--delete"];

/// A migration that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// How many files were moved; none if all were there already.
    pub moved: usize,
    /// How many copies could not be deleted at their old place. The files are safe, the old copies cost space.
    pub left_behind: usize,
}

/// Why a migration did not do its work, although its exit status may have been 0.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MigrationError {
    /// The job failed, or was killed.
    Exit {
        /// The exit status.
        status: i64,
        /// How many files could not be moved, by its output.
        failed: usize,
    },
    /// It exited with 0 without saying that it finished: what it does when its configuration or its database
    /// is broken.
    Silent,
    /// It moved files, but to another backend than the one asked for.
    WrongTarget {
        /// Where the files went.
        target: String,
        /// Where they should have gone.
        wanted: String,
    },
    /// It finished without having read the backend from its env, so that it moved nothing, or moved files back
    /// into Postgres.
    NotConfigured {
        /// The backend asked for.
        wanted: String,
    },
}

impl Migration {
    /// Judges a job by its exit status *and* its output (stdout and stderr together; the job logs to stderr).
    /// `backend` is the lower-case name of the default backend.
    ///
    /// The exit status alone says little: with an error in its configuration the job exits with 0 and without a
    /// word, and without `DEFAULT_BACKEND` it reports success after moving everything back into Postgres. That
    /// last case cannot be told from the output when there is nothing to move: check with
    /// [`Blobstore::read`](super::Blobstore::read) that the env names the backend.
    ///
    /// # Errors
    /// Why the files are not where they should be.
    pub fn judge(backend: &str, exit_status: i64, output: &str) -> Result<Self, MigrationError> {
        let mut moved = 0;
        let mut failed = 0;
        let mut left_behind = 0;
        let mut finished = false;
        let mut configured = false;
        let mut other_target = None;
        for line in output.lines() {
            let message = message_of(line);
            if let Some(target) = target_of(message) {
                moved += 1;
                if target != backend {
                    other_target = Some(target.to_owned());
                }
            } else if message.starts_with("Error moving ") {
                failed += 1;
            } else if message.starts_with("Error deleting ") {
                left_behind += 1;
            } else if message.starts_with("Finished with no errors") {
                finished = true;
            } else if let Some(rest) = message.strip_prefix("Configured additional backend: ") {
                configured |= rest.split(' ').next() == Some(backend);
            }
        }
        if exit_status != 0 || failed > 0 {
            return Err(MigrationError::Exit { status: exit_status, failed });
        }
        if !finished {
            return Err(MigrationError::Silent);
        }
        if let Some(target) = other_target {
            return Err(MigrationError::WrongTarget { target, wanted: backend.to_owned() });
        }
        if !configured && moved == 0 {
            return Err(MigrationError::NotConfigured { wanted: backend.to_owned() });
        }
        Ok(Self { moved, left_behind })
    }
}

/// A line without the time that Go's logger puts before it: `2016/11/02 12:00:00 `.
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

/// The target in `[1/3] Moving NAME (ID, N bytes) from postgres to s3main`.
fn target_of(message: &str) -> Option<&str> {
    let (counter, moving) = message.strip_prefix('[')?.split_once("] Moving ")?;
    counter.split_once('/')?;
    let (_, target) = moving.rsplit_once(" to ")?;
    Some(target)
}

impl fmt::Display for MigrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit { status, failed: 0 } => {
                write!(f, "the migration job exited with status {status}")
            }
            Self::Exit { status, failed } => write!(
                f,
                "the migration job exited with status {status}, {failed} file(s) could not be moved"
            ),
            Self::Silent => f.write_str(
                "the migration job exited with status 0 without finishing: \
                 that is what it does when its configuration or its database is broken",
            ),
            Self::WrongTarget { target, wanted } => write!(
                f,
                "the migration job moved files to {target}, not to {wanted}: DEFAULT_BACKEND did not reach it"
            ),
            Self::NotConfigured { wanted } => write!(
                f,
                "the migration job finished without knowing the backend {wanted}: its env did not reach it"
            ),
        }
    }
}

impl std::error::Error for MigrationError {}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
2016/11/02 12:00:00 Configured additional backend: s3main (s3)
2016/11/02 12:00:00 [1/2] Moving /a to b.tgz (0b8c, 12 bytes) from postgres to s3main
2016/11/02 12:00:01 [2/2] Moving /c.tgz (1b8c, 13 bytes) from postgres to s3main
2016/11/02 12:00:01 Error deleting /c.tgz (1b8c) from postgres: gone
2016/11/02 12:00:01 Finished with no errors.
";

    #[test]
    fn a_good_run_is_counted() {
        let done = Migration::judge("s3main", 0, GOOD).unwrap();
        assert_eq!(done, Migration { moved: 2, left_behind: 1 });
    }

    #[test]
    fn nothing_to_move_is_fine_when_the_backend_was_read() {
        let output = "Configured additional backend: s3main (s3)\r\nFinished with no errors.\r\n";
        assert_eq!(Migration::judge("s3main", 0, output).unwrap().moved, 0);
    }

    #[test]
    fn silence_with_status_zero_is_a_failure() {
        assert_eq!(Migration::judge("s3main", 0, ""), Err(MigrationError::Silent));
        let cut = GOOD.lines().take(3).collect::<Vec<_>>().join("\n");
        assert_eq!(Migration::judge("s3main", 0, &cut), Err(MigrationError::Silent));
    }

    #[test]
    fn files_that_went_back_to_postgres_are_noticed() {
        let output = GOOD.replace("from postgres to s3main", "from s3main to postgres");
        assert!(matches!(
            Migration::judge("s3main", 0, &output),
            Err(MigrationError::WrongTarget { target, .. }) if target == "postgres"
        ));
        assert!(matches!(
            Migration::judge("s3main", 0, "Finished with no errors.\n"),
            Err(MigrationError::NotConfigured { .. })
        ));
    }

    #[test]
    fn failed_files_and_statuses_are_reported() {
        let output = "Error moving /c.tgz (1b8c): no\n";
        let failed = Migration::judge("s3main", 1, output).unwrap_err();
        assert_eq!(failed, MigrationError::Exit { status: 1, failed: 1 });
        assert!(Migration::judge("s3main", 137, GOOD).is_err());
    }
}
