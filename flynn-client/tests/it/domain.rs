use std::time::Duration;

use flynn_client::domain::{ClusterCertificate, MissingRoute};
use flynn_client::{ErrorKind, Pending};
use futures_util::TryStreamExt;
use serde_json::json as value;

use crate::server::{Server, Step, answer, events, json, open_events};

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
        json(200, "[]"),
        json(200, ACCEPTED),
        events(
            &(event(1, false, "")
                + &event(2, false, "deploy failed")
                + "event: error\ndata: controller: shutting down\n\n"),
        ),
        events(&event(3, true, "")),
        json(200, "[]"),
    ])
    .await;
    let migration = server.client().domain().migrate("new.example.com").await.unwrap();
    assert!(!format!("{migration:?}").contains("s3cret"));
    assert_eq!(migration.wait().await.unwrap().domain, "new.example.com");
    assert_eq!(
        server.lines(),
        [
            "GET /apps/controller/release",
            "GET /events?object_types=domain_migration&count=1",
            "PUT /domain",
            "GET /events?object_id=m1&object_types=domain_migration&past=true",
            "GET /events?object_id=m1&object_types=domain_migration",
            "GET /routes",
        ]
    );
    assert_eq!(
        server.seen()[2].json(),
        value!({"old_domain": "old.example.com", "domain": "new.example.com"})
    );
}

#[tokio::test]
async fn a_certificate_of_ones_own() {
    let steps = [json(200, CONTROLLER), json(200, "[]"), json(200, ACCEPTED)];
    let server = Server::play(steps).await;
    let domain = server.client().domain();
    let certificate = ClusterCertificate::new("CA", "CERT", "KEY", "PIN");
    domain.migrate("new.example.com").certificate(certificate).await.unwrap();
    assert_eq!(
        server.seen()[2].json()["tls_cert"],
        value!({"ca_cert": "CA", "cert": "CERT", "key": "KEY", "pin": "PIN"})
    );
    let without = ClusterCertificate::new("", "CERT", "KEY", "PIN");
    assert!(
        domain.migrate("x.example.com").certificate(without).await.unwrap_err().is_validation()
    );
}

#[tokio::test]
async fn an_earlier_migration_is_not_the_lost_one() {
    let listed = |id: u32, of: &str| {
        format!(
            r#"{{"id":{id},"object_id":"{of}","data":{{"domain_migration":{{"id":"{of}","domain":"new.example.com"}}}}}}"#
        )
    };
    let earlier = listed(7, "m0");
    // The server still retries the earlier one.
    let retried = format!("{},{earlier}", listed(8, "m0"));
    let arrived = format!("{},{},{earlier}", listed(9, "m0"), listed(8, "m1"));
    for (later, found) in [(&earlier, None), (&retried, None), (&arrived, Some("m1"))] {
        let (before, later) = (format!("[{earlier}]"), format!("[{later}]"));
        let steps = [json(200, CONTROLLER), json(200, before), Step::Drop, json(200, later)];
        let server = Server::play(steps.clone()).await;
        let migrated = server.client().domain().migrate("new.example.com").await;
        match (migrated, found) {
            (Ok(migration), Some(found)) => assert_eq!(migration.id, found),
            (Err(error), None) => {
                let domain = "new.example.com".to_owned();
                let pending = Pending::PerhapsMigrating { domain, after: 7 };
                assert_eq!(error.pending(), Some(&pending));
                // Resuming looks for the same migration.
                let server = Server::play(steps.into_iter().skip(3)).await;
                assert!(server.client().resume(pending).await.unwrap_err().is_not_found());
            }
            (other, _) => panic!("{other:?}, not {found:?}"),
        }
    }
}

#[tokio::test]
async fn invalid_domains_are_refused_before_sending() {
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

#[tokio::test(start_paused = true)]
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
    assert_eq!(error.pending(), Some(&Pending::Migration { migration: "m1".into() }));
    assert!(error.message().ends_with("deploy failed"), "{error}");
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

fn route(id: &str, domain: &str, more: &str) -> String {
    format!(
        r#"{{"type":"http","id":"{id}","parent_ref":"controller/apps/{id}-app","service":"{id}-web","domain":"{domain}","path":"/","drain_backends":true{more}}}"#
    )
}

const CERTIFIED: &str = r#","certificate":{"id":"c1","cert":"OLD","key":"s3cret"}"#;
const ROUTER: &str = r#"{"id":"r2","env":{"TLSCERT":"NEW","TLSKEY":"NEWKEY"}}"#;
const DONE: &str = r#"[{"id":9,"data":{"domain_migration":{"id":"m1","old_domain":"old.example.com","domain":"new.example.com","finished_at":"2026-11-22T21:55:50Z"}}}]"#;

/// One of four names under the old domain has a counterpart. A route without an app, or outside the domain, needs none.
fn routes() -> String {
    let api = route("g", "git.old.example.com", "").replace("\"/\"", "\"/api/\"");
    let all = [
        route(
            "p",
            "Docker.old.example.com",
            r#","sticky":true,"leader":true,"disable_keep_alives":true"#,
        ),
        api.clone(),
        route("c", "controller.old.example.com", CERTIFIED),
        route("g", "git.old.example.com", ""),
        route("n", "git.new.example.com", ""),
        route("x", "xold.example.com", ""),
        route("d", "detached.old.example.com", "").replace("controller/apps/d-app", ""),
        r#"{"type":"tcp","id":"t","parent_ref":"controller/apps/t-app","service":"t","port":3000}"#
            .to_owned(),
    ];
    format!("[{}]", all.join(","))
}

#[tokio::test]
async fn a_migration_that_is_done_and_lacks_routes_says_which() {
    let server =
        Server::play([json(200, DONE), json(200, routes()), json(200, DONE), json(200, routes())])
            .await;
    let migration = server.client().domain().migration("m1");
    let error = migration.wait().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingRoutes);
    assert_eq!(error.pending(), None);
    let names = |missing: &[MissingRoute]| {
        let of = |route: &MissingRoute| format!("{} {}{}", route.app_id, route.domain, route.path);
        missing.iter().map(of).collect::<Vec<_>>()
    };
    let expected = [
        "p-app Docker.new.example.com/",
        "c-app controller.new.example.com/",
        "g-app git.new.example.com/api/",
    ];
    assert_eq!(names(error.missing_routes()), expected);
    assert_eq!(error.missing_routes()[1].old_route.as_str(), "http/c");
    assert_eq!(
        error.to_string(),
        "routes are missing: domain migration m1 has finished, but has not created routes for Docker.new.example.com, \
         controller.new.example.com, git.new.example.com/api; create them before you drop old.example.com"
    );
    assert_eq!(names(&migration.missing_routes().await.unwrap()), expected);
}

#[tokio::test]
async fn missing_routes_are_created_like_the_old_ones() {
    let app = |seen: &crate::server::Seen| {
        let name = seen.call().split('/').nth(2).unwrap_or_default();
        json(200, format!(r#"{{"id":"{name}"}}"#))
    };
    let answering = move |refuse: &'static str, status: u16| {
        Server::answering(move |seen| match seen.call() {
            "GET /routes" => json(200, routes()),
            "GET /apps/router/release" => json(200, ROUTER),
            call if call == refuse => answer(status, "", ""),
            _ if seen.call().starts_with("POST") => json(200, &seen.body),
            _ => app(seen),
        })
    };
    let posts = |server: &Server| {
        let posts = server.seen().into_iter().filter(|seen| seen.call().starts_with("POST"));
        posts.map(|seen| (seen.call().to_owned(), seen.json())).collect::<Vec<_>>()
    };
    let server = answering("", 200).await;
    let domain = server.client().domain();
    let create = domain.create_missing_routes("old.example.com", "new.example.com");
    let made = create.await.unwrap();
    assert_eq!(made.len(), 3);
    let new = |call: &str, body| (format!("POST /apps/{call}/routes"), body);
    assert_eq!(
        posts(&server),
        [
            new(
                "p-app",
                value!({"type": "http", "service": "p-web", "domain": "Docker.new.example.com", "path": "/",
                "sticky": true, "leader": true, "drain_backends": true, "disable_keep_alives": true})
            ),
            new(
                "c-app",
                value!({"type": "http", "service": "c-web", "domain": "controller.new.example.com", "path": "/",
                "leader": false, "drain_backends": true, "certificate": {"cert": "NEW", "key": "NEWKEY"}})
            ),
            new(
                "g-app",
                value!({"type": "http", "service": "g-web", "domain": "git.new.example.com", "path": "/api/",
                "leader": false, "drain_backends": true})
            ),
        ]
    );

    // A route that was created meanwhile is not an error. After a refusal, the error names the missing routes, and the
    // created ones stay.
    let server = answering("POST /apps/c-app/routes", 409).await;
    let create =
        server.client().domain().create_missing_routes("old.example.com", "new.example.com");
    assert_eq!(create.await.unwrap().len(), 2);
    let server = answering("POST /apps/c-app/routes", 500).await;
    let create =
        server.client().domain().create_missing_routes("old.example.com", "new.example.com");
    let error = create.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    let rest: Vec<_> = error.missing_routes().iter().map(|route| route.app_id.as_str()).collect();
    assert_eq!(rest, ["c-app", "g-app"]);
}

#[tokio::test]
async fn domains_that_contain_each_other() {
    for (old, new, there, missing) in [
        // The new domain is below the old one, so routes that moved there need no new counterpart.
        ("example.com", "new.example.com", vec!["git.example.com", "git.new.example.com"], vec![]),
        ("example.com", "new.example.com", vec!["example.com"], vec!["new.example.com"]),
        // The old domain is below the new one, and servers mistake old routes for new ones.
        ("old.example.com", "example.com", vec!["git.old.example.com"], vec!["git.example.com"]),
        ("old.example.com", "example.com", vec!["old.example.com", "example.com"], vec![]),
        ("example.com", "example.com", vec!["git.example.com"], vec![]),
    ] {
        let routes: Vec<_> = there.iter().map(|domain| route("a", domain, "")).collect();
        let server = Server::play([json(200, format!("[{}]", routes.join(",")))]).await;
        let found = server.client().domain().missing_routes(old, new).await.unwrap();
        let names: Vec<_> = found.iter().map(|route| route.domain.as_str()).collect();
        assert_eq!(names, missing, "{old} to {new}");
    }
    let server = Server::play([]).await;
    for (old, new) in [("", "example.com"), ("example.com", "")] {
        let domain = server.client().domain();
        assert!(domain.missing_routes(old, new).await.unwrap_err().is_validation());
        assert!(domain.create_missing_routes(old, new).await.unwrap_err().is_validation());
    }
    assert!(server.seen().is_empty());
}
