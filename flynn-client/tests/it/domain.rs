use std::time::Duration;

use flynn_client::Pending;
use flynn_client::domain::ClusterCertificate;
use futures_util::TryStreamExt;
use serde_json::json as value;

use crate::server::{Server, answer, events, json, open_events};

const CONTROLLER: &str =
    r#"{"id":"r1","env":{"DEFAULT_ROUTE_DOMAIN":"old.example.com","AUTH_KEY":"k"}}"#;
const ACCEPTED: &str = r#"{"id":"m1","old_domain":"old.example.com","domain":"new.example.com","old_tls_cert":{"ca_cert":"","cert":"C","pin":"","key":"s3cret"}}"#;

const BEGUN: &str = r#"[{"id":1,"data":{"domain_migration":{"id":"m1"}}}]"#;

fn event(id: u32, finished: bool, error: &str) -> String {
    let finished = if finished { r#","finished_at":"2026-11-22T21:55:50Z""# } else { "" };
    format!(
        r#"data: {{"id":{id},"object_type":"domain_migration","object_id":"m1","data":{{"domain_migration":{{"id":"m1","old_domain":"old.example.com","domain":"new.example.com"{finished}}},"error":"{error}"}}}}"#
    ) + "\n\n"
}

#[tokio::test]
async fn accepted_and_waited_for_across_a_restart_of_the_controller() {
    let server = Server::play([
        json(200, CONTROLLER),
        json(200, ACCEPTED),
        events(
            &(event(1, false, "")
                + &event(2, false, "deploy failed")
                + "event: error\ndata: controller: shutting down\n\n"),
        ),
        events(&event(3, true, "")),
    ])
    .await;
    let migration = server.client().domain().migrate("new.example.com").await.unwrap();
    assert!(!format!("{migration:?}").contains("s3cret"));
    assert_eq!(migration.wait().await.unwrap().domain, "new.example.com");
    assert_eq!(
        server.lines(),
        [
            "GET /apps/controller/release",
            "PUT /domain",
            "GET /events?object_id=m1&object_types=domain_migration&past=true",
            "GET /events?object_id=m1&object_types=domain_migration",
        ]
    );
    assert_eq!(
        server.seen()[1].json(),
        value!({"old_domain": "old.example.com", "domain": "new.example.com"})
    );
}

#[tokio::test]
async fn a_certificate_of_ones_own() {
    let server = Server::play([json(200, CONTROLLER), json(200, ACCEPTED)]).await;
    let domain = server.client().domain();
    let certificate = ClusterCertificate::new("CA", "CERT", "KEY", "PIN");
    domain.migrate("new.example.com").certificate(certificate).await.unwrap();
    assert_eq!(
        server.seen()[1].json()["tls_cert"],
        value!({"ca_cert": "CA", "cert": "CERT", "key": "KEY", "pin": "PIN"})
    );
    let without = ClusterCertificate::new("", "CERT", "KEY", "PIN");
    assert!(
        domain.migrate("x.example.com").certificate(without).await.unwrap_err().is_validation()
    );
}

#[tokio::test]
async fn what_the_server_would_swallow_is_refused() {
    let server = Server::play([json(200, CONTROLLER)]).await;
    let domain = server.client().domain();
    for name in
        ["", "new.example.com:8443", "New.example.com", "https://x.com", "a..b", "-a.com", "x.com/"]
    {
        assert!(domain.migrate(name).await.unwrap_err().is_validation(), "{name}");
    }
    assert!(
        domain.migrate("old.example.com").await.unwrap_err().is_validation(),
        "the current one"
    );
    assert_eq!(server.lines(), ["GET /apps/controller/release"]);
}

#[tokio::test]
async fn a_timeout_gives_the_id_and_the_last_trouble() {
    let server =
        Server::play([json(200, BEGUN), open_events(&event(1, false, "deploy failed"))]).await;
    let error = server
        .client()
        .domain()
        .migration("m1")
        .wait()
        .timeout(Duration::from_millis(100))
        .await
        .unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.pending(), Some(&Pending::Migration("m1".into())));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "deploy failed");
}

#[tokio::test]
async fn the_list_has_the_last_word_and_progress_ends() {
    let list = r#"[{"id":9,"data":{"domain_migration":{"id":"m1","finished_at":"2026-11-22T21:55:50Z"}}},{"id":8,"data":{}}]"#;
    let server = Server::play([json(200, BEGUN), answer(403, "", ""), json(200, list)]).await;
    assert!(server.client().domain().migration("m1").wait().await.unwrap().is_finished());

    let server = Server::play([open_events(&(event(1, false, "x") + &event(2, true, "")))]).await;
    let steps: Vec<_> =
        server.client().domain().migration("m1").watch().try_collect().await.unwrap();
    assert_eq!((steps.len(), steps[0].error.as_str()), (2, "x"));
}

#[tokio::test]
async fn one_named_by_id_is_looked_up_first() {
    let server = Server::play([json(200, "[]")]).await;
    let migration = server.client().domain().migration("m1");
    assert!(migration.wait().await.unwrap_err().is_not_found(), "and not waited for");
}
