//! Outputs of real migration jobs, and their results.

use flynn_aws::blobstore::{
    BucketCount, Changes, Migration, MigrationError, MigrationEvent, MigrationLog, migrate_command,
};

const GOOD: &str = "\
2016/11/02 12:00:00 Configured additional backend: s3main (s3)
2016/11/02 12:00:00 [1/2] Moving /a to b.tgz (0b8c, 12 bytes) from postgres to s3main
2016/11/02 12:00:01 [2/2] Moving /c.tgz (1b8c, 13 bytes) from postgres to s3main
2016/11/02 12:00:01 Error deleting /c.tgz (1b8c) from postgres: gone
2016/11/02 12:00:01 Finished with no errors.
";
/// Flynn issue #4012: files refer to a backend that was unset.
const PANIC: &str = "\
2018/06/17 10:29:13 Configured additional backend: s3main (s3)
panic: runtime error: invalid memory address or nil pointer dereference [recovered]
\tpanic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x30 pc=0x9a2ed4]

goroutine 1 [running]:
";
/// Flynn issue #3444: the newer command on an older server.
const SERVER: &str = "\
2016/09/29 19:07:29 Configured additional backend: s3main (s3)
2016/09/29 19:07:29 Blobstore serving files on :
";

const ENV: [(&str, &str); 2] = [
    ("BACKEND_S3MAIN", "backend=s3 region=us-east-1 bucket=acme-blobs ec2_role=true"),
    ("DEFAULT_BACKEND", "s3main"),
];
/// The same without `DEFAULT_BACKEND`.
const NO_DEFAULT: [(&str, &str); 1] = [ENV[0]];

fn judge(status: i64, output: &str) -> Result<Migration, MigrationError> {
    Migration::judge("s3main", ENV, status, output)
}

#[test]
fn a_good_run_is_counted() {
    let done = judge(0, GOOD).unwrap();
    assert_eq!((done.moved, done.bytes, done.left_behind), (2, 25, 1));
    assert_eq!(done.target, "s3main");
}

#[test]
fn nothing_to_move_is_fine_when_the_backend_was_read() {
    let output = "Configured additional backend: s3main (s3)\r\nFinished with no errors.\r\n";
    assert_eq!(judge(0, output).unwrap().moved, 0);
    let failed = judge(0, "Finished with no errors.\n").unwrap_err();
    assert!(matches!(failed, MigrationError::NotConfigured { .. }));
}

#[test]
fn the_way_back_to_postgres_succeeds() {
    let back = [ENV[0], ("DEFAULT_BACKEND", "postgres")];
    let nothing = "2016/11/02 12:00:00 Configured additional backend: s3main (s3)\n\
                   2016/11/02 12:00:00 Finished with no errors.\n";
    let some = GOOD.replace("from postgres to s3main", "from s3main to postgres");
    for (output, moved) in [(nothing, 0), ("Finished with no errors.\n", 0), (&some, 2)] {
        let done = Migration::judge("postgres", back, 0, output).unwrap();
        assert_eq!((done.moved, done.target.as_str()), (moved, "postgres"));
    }
    assert!(Migration::judge("postgres", NO_DEFAULT, 0, nothing).is_ok());
}

#[test]
fn without_a_default_nothing_is_a_success() {
    // #4251: the backend is announced, nothing is moved, and the job reports success.
    let output = "2017/12/01 10:00:00 Configured additional backend: s3main (s3)\n\
                  2017/12/01 10:00:00 Finished with no errors.\n";
    let failed = Migration::judge("s3main", NO_DEFAULT, 0, output).unwrap_err();
    let MigrationError::NotDefault { default, wanted } = &failed else { panic!("{failed:?}") };
    assert_eq!((default.as_str(), wanted.as_str()), ("postgres", "s3main"));
    assert!(failed.to_string().contains("DEFAULT_BACKEND=s3main"), "{failed}");
}

#[test]
fn a_panic_and_a_server_are_told_from_other_failures() {
    let panicked = judge(2, PANIC).unwrap_err();
    assert_eq!(panicked, MigrationError::MissingBackend);
    assert!(panicked.to_string().contains("BACKEND_"), "{panicked}");
    for status in [137, 0] {
        let server = judge(status, SERVER).unwrap_err();
        assert_eq!(server, MigrationError::StartedServer);
        assert!(server.to_string().contains("/bin/flynn-blobstore-migrate"), "{server}");
    }
}

#[test]
fn a_migration_without_output_has_failed() {
    assert_eq!(judge(0, ""), Err(MigrationError::Silent));
    let cut = GOOD.lines().take(3).collect::<Vec<_>>().join("\n");
    assert_eq!(judge(0, &cut), Err(MigrationError::Silent));
}

#[test]
fn files_that_went_elsewhere_are_noticed() {
    let output = GOOD.replace("from postgres to s3main", "from s3main to postgres");
    let failed = judge(0, &output).unwrap_err();
    assert!(matches!(failed, MigrationError::WrongTarget { target, .. } if target == "postgres"));
}

#[test]
fn failed_files_and_statuses_are_reported() {
    let failed = judge(1, "Error moving /c.tgz (1b8c): no\n").unwrap_err();
    assert_eq!(failed, MigrationError::Exit { status: 1, failed: 1 });
    let killed = judge(137, &GOOD.replace("Finished", "")).unwrap_err();
    assert_eq!(killed, MigrationError::Exit { status: 137, failed: 0 });
}

#[test]
fn the_command_follows_the_version() {
    let of = |version: &str| migrate_command(Some(version.parse().unwrap()));
    assert_eq!(of("v20160921.0"), ["/bin/flynn-blobstore-migrate", "--delete"]);
    assert_eq!(migrate_command(None), of("v20210218.0"));
    for version in ["v20160924.0", "v20161015.2", "v20210218.0"] {
        assert_eq!(of(version), ["/bin/flynn-blobstore", "migrate", "--delete"], "{version}");
    }
}

/// Output comes in pieces of any size; each line is one event as soon as it is complete.
#[test]
fn events_come_while_the_job_runs() {
    let output = GOOD.replace("Error deleting", "Error moving");
    for size in [1, 7, 4096] {
        let mut log = MigrationLog::default();
        let mut events = Vec::new();
        for piece in output.as_bytes().chunks(size) {
            log.push(piece);
            events.extend(std::iter::from_fn(|| log.next_event()));
        }
        assert_eq!(events.len(), 5, "{events:?}");
        assert_eq!(events[0], MigrationEvent::Configured { backend: "s3main".to_owned() });
        let MigrationEvent::Moving { index, total, bytes, target, .. } = &events[1] else {
            panic!("{events:?}");
        };
        assert_eq!((*index, *total, *bytes, target.as_str()), (1, 2, 12, "s3main"));
        assert!(
            matches!(&events[3], MigrationEvent::MoveFailed { line } if line.ends_with(": gone"))
        );
        assert_eq!(events[4], MigrationEvent::Finished);
        assert!(matches!(log.judge("s3main", ENV, 1), Err(MigrationError::Exit { failed: 1, .. })));
    }
}

#[test]
fn an_endless_line_takes_no_memory() {
    let mut log = MigrationLog::default();
    for _ in 0..1000 {
        log.push(&vec![b'x'; 64 * 1024]);
    }
    log.push(b"\nFinished with no errors.\n");
    assert_eq!(log.next_event(), Some(MigrationEvent::Finished));
    assert_eq!(log.next_event(), None);
}

#[test]
fn the_bucket_must_hold_what_was_moved() {
    let done = judge(0, GOOD).unwrap();
    let count = |objects, bytes| BucketCount { objects, bytes };
    assert_eq!(done.verify(count(5, 100), count(7, 125)), Ok(()));
    assert_eq!(done.verify(count(5, 100), count(9, 200)), Ok(()));
    let short = done.verify(count(5, 100), count(6, 112)).unwrap_err();
    assert_eq!(short, MigrationError::Short { objects: 1, bytes: 13 });
    let fewer = done.verify(count(5, 100), count(0, 0)).unwrap_err();
    assert_eq!(fewer, MigrationError::Short { objects: 2, bytes: 25 });
}

#[test]
fn a_backend_in_use_is_not_removed_by_accident() {
    let name = "s3main".parse().unwrap();
    let to_s3 = judge(0, GOOD).unwrap();
    let back = [ENV[0], ("BACKEND_S3MAIN_BUCKET", "other-blobs"), ("DEFAULT_BACKEND", "postgres")];
    let nothing = "Finished with no errors.\n";
    let to_postgres = Migration::judge("postgres", back, 0, nothing).unwrap();

    for (env, migration, says) in [
        (&ENV[..], &to_s3, "is the default"),
        (&ENV, &to_postgres, "is the default"),
        (&back, &to_s3, "moved to s3main"),
    ] {
        let env = env.iter().copied();
        let refused = Changes::remove(&name, env).after(migration).unwrap_err();
        assert!(refused.to_string().contains(says), "{refused}");
    }
    let changes = Changes::remove(&name, back).after(&to_postgres).unwrap();
    assert_eq!(changes.unset, ["BACKEND_S3MAIN", "BACKEND_S3MAIN_BUCKET"]);
    assert!(changes.set.is_empty());
    let forced = Changes::remove(&name, ENV).force();
    assert_eq!(forced.unset, ["BACKEND_S3MAIN"]);
    assert_eq!(forced.set.get("DEFAULT_BACKEND"), Some("postgres"));
}
