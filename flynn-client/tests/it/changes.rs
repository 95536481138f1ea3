//! Streams of objects, backups, and the fork's calls.

use flynn_client::backup::BackupStatus;
use flynn_client::managed_certificates::ManagedCertificateStatus;
use flynn_client::sinks::{NewSink, SyslogConfig};
use flynn_client::{Change, ErrorKind};
use flynn_mock::{MockController, ServerAge};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::server::{Server, answer, events, json};

#[tokio::test]
async fn existing_objects_come_before_changes() {
    let mock = MockController::builder().bootstrapped("example.com").start().await;
    let flynn = mock.client();
    let config = SyslogConfig::new("syslog://h:514");
    let first = flynn.sinks().create(NewSink::syslog(&config)).await.unwrap();
    let mut stream = flynn.sinks().stream().await.unwrap();
    assert_eq!(stream.try_next().await.unwrap(), Some(Change::Existing(first)));
    assert_eq!(stream.try_next().await.unwrap(), Some(Change::CaughtUp));
    let second = flynn.sinks().create(NewSink::syslog(&config)).await.unwrap();
    assert_eq!(stream.try_next().await.unwrap(), Some(Change::Changed(second.clone())));
    flynn.sinks().delete(&second.id).await.unwrap();
    let Some(Change::Changed(gone)) = stream.try_next().await.unwrap() else { panic!() };
    assert_eq!((gone.id, gone.config), (second.id, None));
}

#[tokio::test]
async fn formations_and_volumes_are_streamed_too() {
    let mock = MockController::builder().bootstrapped("example.com").start().await;
    let flynn = mock.client();
    let active = flynn.formations().active().await.unwrap().len();
    let existing = |change: &Result<Change<_>, _>| matches!(change, Ok(Change::Existing(_)));
    let stream = flynn.formations().stream().await.unwrap();
    let formations = stream.take_while(|change| std::future::ready(existing(change))).count().await;
    assert!(formations >= active && active > 3, "{formations} {active}");
    let mut stream = flynn.volumes().stream().since("2100-01-01T00:00:00Z").await.unwrap();
    assert_eq!(stream.try_next().await.unwrap(), Some(Change::CaughtUp));
}

#[tokio::test]
async fn a_marker_after_the_backlog_is_an_object_like_any_other() {
    let server = Server::play([events("data: {\"id\":\"\"}\n\ndata: {\"id\":\"\"}\n\n")]).await;
    let items: Vec<_> = server.client().volumes().stream().await.unwrap().collect().await;
    assert!(matches!(items[0], Ok(Change::CaughtUp)) && matches!(items[1], Ok(Change::Changed(_))));
    assert_eq!(server.seen()[0].query(), "since=1970-01-01T00%3A00%3A00Z");
}

#[tokio::test]
async fn counts_that_are_not_named_are_written_back() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
        let controller = mock.client().app("controller");
        let release = controller.release().await.unwrap().id;
        let before = controller.formations().get(&release).await.unwrap();
        controller.formations().update(&release).process("web", 5).await.unwrap();
        let after = controller.formations().get(&release).await.unwrap();
        let mut expected = before.processes;
        expected.insert("web".to_owned(), 5);
        assert_eq!(after.processes, expected, "{age:?}");
        let expanded = controller.formations().expanded(&release).await.unwrap();
        assert_eq!(expanded.app.as_ref().unwrap().name, "controller");
        assert_eq!(expanded.all_artifacts().count(), 1, "{age:?}");
    }
}

#[tokio::test]
async fn a_backup_is_a_tar_with_a_name_and_a_record() {
    let mock = MockController::builder().bootstrapped("example.com").start().await;
    let backup = mock.client().backup();
    assert!(backup.latest_opt().await.unwrap().is_none());
    let mut tar = backup.tar().await.unwrap();
    assert!(tar.file_name().unwrap().starts_with("flynn-backup-"));
    let mut size = 0;
    while let Some(bytes) = tar.try_next().await.unwrap() {
        size += bytes.len() as u64;
    }
    assert!(size == tar.size() && size > 0);
    let record = backup.latest().await.unwrap();
    assert_eq!((record.status, record.sha512.len()), (BackupStatus::Complete, 128));
}

/// A cluster with this latest record before and after its backup.
async fn backed_up(before: Option<&'static str>, after: Option<&'static str>) -> Server {
    let taken = std::sync::atomic::AtomicBool::new(false);
    Server::answering(move |seen| {
        use std::sync::atomic::Ordering::Relaxed;
        if seen.header("accept") != Some("application/json") {
            taken.store(true, Relaxed);
            return answer(200, "Content-Type: application/tar\r\n", "tar");
        }
        match if taken.load(Relaxed) { after } else { before } {
            Some(record) => json(200, record),
            None => answer(404, "", ""),
        }
    })
    .await
}

#[tokio::test]
async fn a_backup_is_saved_and_verified() {
    // SHA-512 of "tar".
    const COMPLETE: &str = r#"{"id":"b2","status":"complete","size":3,"sha512":"HASH"}"#;
    let complete: &'static str = Box::leak(COMPLETE.replace("HASH", TAR).into_boxed_str());
    let old = Some(r#"{"id":"b1","status":"complete","size":9,"sha512":"00"}"#);
    for (before, after, verified) in [
        (None, Some(complete), Some(true)),
        (old, Some(complete), Some(true)),
        (old, old, Some(false)),
        (None, None, Some(false)),
        (old, Some(r#"{"id":"b2","status":"error","error":"pg_dump failed"}"#), None),
        (old, Some(r#"{"id":"b2","status":"complete","size":4,"sha512":"00"}"#), None),
        (old, Some(r#"{"id":"b2","status":"complete","size":3,"sha512":"00"}"#), None),
    ] {
        let server = backed_up(before, after).await;
        let (mut file, mut written) = (Vec::new(), 0);
        let backup = server.client().backup();
        let saved = backup.save(&mut file).on_progress(|bytes| written = bytes).await;
        assert_eq!((file.as_slice(), written), (&b"tar"[..], 3));
        match saved {
            Ok(saved) => {
                assert_eq!((Some(saved.is_verified()), saved.size), (verified, 3), "{after:?}");
                assert_eq!(saved.sha512, TAR);
            }
            Err(error) => assert!(error.is_failed() && verified.is_none(), "{error}"),
        }
    }
}

const TAR: &str = "5aa4cad81553320574eb72ee92bd45a1f0575528e257749dff298b2a33df9e7fc7f5c1c87fc1c8fde230f1234cca3a99bf8625a0ff7bb3238eb7e5473f9b43c0";

#[tokio::test]
async fn a_backup_that_is_cut_or_cannot_be_written_is_an_error() {
    let mock = MockController::builder().bootstrapped("example.com").start().await;
    let mut file = Vec::new();
    let saved = mock.client().backup().save(&mut file).await.unwrap();
    assert!(saved.is_verified() && saved.size == file.len() as u64);
    let mut read = Vec::new();
    let mut tar = mock.client().backup().tar().await.unwrap();
    tokio::io::AsyncReadExt::read_to_end(&mut tar, &mut read).await.unwrap();
    assert_eq!(read.len() as u64, tar.size());

    let cut = "HTTP/1.1 200 OK\r\nContent-Type: application/tar\r\nContent-Length: 99\r\n\r\nhalf";
    let server =
        Server::play([answer(404, "", ""), crate::server::Step::SendAndClose(cut.into())]).await;
    let error = server.client().backup().save(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let server = backed_up(None, None).await;
    let (mut closed, _) = tokio::io::duplex(1);
    let error = server.client().backup().save(&mut closed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[tokio::test]
async fn a_backup_must_be_a_complete_tar() {
    let server = Server::play([answer(200, "Content-Type: text/html\r\n", "<html>")]).await;
    let error = server.client().backup().tar().await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Decode, Some("/backup")));
    let cut = "HTTP/1.1 200 OK\r\nContent-Type: application/tar\r\nContent-Length: 99\r\n\r\nhalf";
    let server = Server::play([crate::server::Step::SendAndClose(cut.into())]).await;
    let items: Vec<_> = server.client().backup().tar().await.unwrap().collect().await;
    assert!(
        items.last().unwrap().as_ref().is_err_and(|error| error.kind() == ErrorKind::Connection)
    );
}

#[tokio::test]
async fn the_forks_objects_are_written_back_whole() {
    let read =
        r#"{"id":"c1","domain":"example.com","route_id":"u1","status":"pending","novel":[1]}"#;
    let server = Server::play([json(200, read), json(200, read)]).await;
    let update = server.client().managed_certificates().update("c1");
    update.status(&ManagedCertificateStatus::Issued).certificate("chain", "private").await.unwrap();
    let expected = serde_json::json!({
        "id": "c1", "domain": "example.com", "route_id": "u1", "status": "issued", "novel": [1],
        "cert": "chain", "key": "private",
    });
    assert_eq!(server.seen()[1].json(), expected);

    let read =
        r#"{"enabled":false,"contact_email":"a@example.com","has_account_key":true,"novel":true}"#;
    let server = Server::play([json(200, read), json(200, read)]).await;
    let config =
        server.client().acme().update().enabled(true).terms_of_service_agreed(true).await.unwrap();
    assert!(config.has_account_key && config.account_key.is_empty());
    let sent = server.seen()[1].json();
    assert_eq!(
        (&sent["enabled"], &sent["contact_email"], &sent["novel"]),
        (&true.into(), &"a@example.com".into(), &true.into())
    );
    assert!(sent.get("account_key").is_none(), "the server keeps the one it has");
}

#[tokio::test]
async fn the_forks_figures_are_read() {
    let stats = r#"[{"host_id":"host0","timestamp":"2026-06-01T00:00:00Z","cpu_usage_percent":12.5,"cpu_count":2,"memory_total_bytes":17179869184,"load_avg_1":0.5,"uptime_seconds":1.5,"running_jobs_count":3}]"#;
    let jobs = r#"[{"job_id":"host0-j1","timestamp":"2026-06-01T00:00:00Z","cpu_usage_nanoseconds":18446744073709551615,"host_id":"host0","app_name":"www","process_type":"web"}]"#;
    let hosts = r#"[{"id":"host0","tags":null,"addr":"10.0.0.1:1113"}]"#;
    let server = Server::play([json(200, stats), json(200, jobs), json(200, hosts)]).await;
    let flynn = server.client();
    let stats = flynn.hosts().stats().await.unwrap();
    assert_eq!((stats[0].memory_total_bytes, stats[0].running_jobs_count), (17_179_869_184, 3));
    let jobs = flynn.hosts().job_stats().await.unwrap();
    assert_eq!((jobs[0].cpu_usage_nanoseconds, jobs[0].app_name.as_str()), (u64::MAX, "www"));
    assert!(flynn.hosts().list().await.unwrap()[0].tags.is_empty());
    assert_eq!(server.lines(), ["GET /cluster/stats", "GET /cluster/jobs-stats", "GET /hosts"]);
}

#[tokio::test]
async fn calls_that_a_server_lacks_are_unsupported() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
        let flynn = mock.client();
        let mut lacking = vec![
            flynn.hosts().list().await.err(),
            flynn.hosts().stats().await.err(),
            flynn.app("router").job_stats().await.err(),
            flynn.acme().update().enabled(false).await.err(),
            flynn.managed_certificates().get_opt("c1").await.err(),
            flynn.managed_certificates().stream().await.err(),
        ];
        if matches!(age, ServerAge::V2016) {
            let config = SyslogConfig::new("syslog://h:514");
            lacking.extend([
                flynn.volumes().list().await.err(),
                flynn.volumes().stream().await.err(),
                flynn.app("postgres").volumes().get_opt("v1").await.err(),
                flynn.sinks().create(NewSink::syslog(&config)).await.err(),
                flynn.sinks().get_opt("s1").await.err(),
            ]);
        }
        for error in lacking {
            assert!(error.as_ref().is_some_and(flynn_client::Error::is_unsupported), "{error:?}");
        }
    }
}
