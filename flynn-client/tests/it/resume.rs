//! Operations that another run of a program resumes.

use flynn_client::apps::NewApp;
use flynn_client::releases::{NewRelease, ProcessType};
use flynn_client::resume::Outcome;
use flynn_client::{AppId, Client, Pending, ProviderId};
use flynn_mock::{MockController, ServerAge};

use crate::server::{Server, json};

/// Through JSON, as another run would read it.
async fn resume(client: &Client, pending: Pending) -> Outcome {
    let text = serde_json::to_string(&pending).unwrap();
    let pending = serde_json::from_str(&text).unwrap();
    client.resume(pending).timeout(std::time::Duration::from_secs(60)).await.unwrap()
}

#[tokio::test]
async fn every_operation_is_taken_up_by_its_ids() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
        let client = mock.client();
        let www = client.apps().create(NewApp::named("www")).await.unwrap();
        let app = client.app("www");
        let artifact = client.app("blobstore").release().await.unwrap().artifact_ids.remove(0);
        let new = || {
            let release = NewRelease::of_app(&www.id).artifact(&artifact);
            release.process("web", ProcessType::running(["x"]))
        };

        // A release that is not deployed, one that may be, and one that is.
        let release = client.releases().create(new()).await.unwrap().id;
        let pending = Pending::Release { app: "www".into(), release: release.clone() };
        let Outcome::Deployed(done) = resume(&client, pending.clone()).await else { panic!() };
        assert_eq!(done.new_release_id, release);
        let Outcome::Deployed(again) = resume(&client, pending).await else { panic!() };
        assert_eq!(again.id, done.id, "deployed once");
        let pending = Pending::PerhapsDeployed { app: "www".into(), release: release.clone() };
        assert!(matches!(resume(&client, pending).await, Outcome::Deployed(_)));
        let deployment = done.id.clone();
        let pending = Pending::Deployment { app: "www".into(), deployment };
        assert!(matches!(resume(&client, pending).await, Outcome::Deployed(_)));

        let scaling = app.scale([("web", 2)]).await.unwrap();
        let pending = Pending::Scale { app: "www".into(), release, request: scaling.id.clone() };
        assert_eq!(scaling.pending(), pending);
        let Outcome::Scaled(formation) = resume(&client, pending).await else { panic!() };
        assert_eq!(formation.processes["web"], 2);

        let job = app.jobs().run(["exit", "3"]).await.unwrap();
        let pending = Pending::Job { app: "www".into(), job: job.id };
        let Outcome::JobEnded(job) = resume(&client, pending).await else { panic!() };
        assert_eq!(job.exit_status, Some(3));

        let deletion = app.delete().await.unwrap();
        let pending = Pending::AppDeletion { app: www.id };
        assert_eq!(deletion.pending(), pending);
        assert!(matches!(resume(&client, pending).await, Outcome::AppDeleted(_)));

        let migration = client.domain().migrate("new.example.com").await.unwrap();
        let pending = migration.pending();
        assert_eq!(pending, Pending::Migration { migration: migration.id });
        assert!(matches!(resume(&client, pending).await, Outcome::Migrated(_)));
        let domain = "new.example.com".to_owned();
        let pending = Pending::PerhapsMigrating { domain, after: 0 };
        assert!(matches!(resume(&client, pending).await, Outcome::Migrated(_)));
    }
}

#[tokio::test]
async fn resume_does_not_start_an_operation() {
    let server = Server::answering(|_| json(200, "[]")).await;
    for pending in [
        Pending::PerhapsMigrating { domain: "example.com".to_owned(), after: 0 },
        Pending::PerhapsJob { app: "www".into(), release: "r1".into(), run: "x".to_owned() },
    ] {
        let error = server.client().resume(pending.clone()).await.unwrap_err();
        assert!(error.is_not_found() && error.pending() == Some(&pending), "{error}");
    }
    assert!(server.lines().iter().all(|line| line.starts_with("GET")), "{:?}", server.lines());
}

#[tokio::test]
async fn links_that_are_missing_are_made_again() {
    let server = Server::answering(|seen| match seen.call() {
        "GET /apps/www/resources" => json(200, r#"[{"id":"x1","provider":"p1"}]"#),
        "GET /apps/www" => json(200, r#"{"id":"a1","name":"www"}"#),
        "PUT /providers/p2/resources/x2/apps/a1" => json(200, r#"{"id":"x2","provider":"p2"}"#),
        other => panic!("{other}"),
    })
    .await;
    let resources =
        vec![(ProviderId::new("p1"), "x1".into()), (ProviderId::new("p2"), "x2".into())];
    let pending = Pending::ResourceLinks { app: AppId::new("www"), resources };
    let Outcome::Linked(made) = server.client().resume(pending).await.unwrap() else { panic!() };
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].id, "x2");
}

#[tokio::test]
async fn a_release_that_may_be_deployed_is_deployed_once() {
    const DONE: &str = r#"{"id":"d2","app":"a1","new_release":"r1","status":"complete","finished_at":"2026-11-22T21:54:53Z"}"#;
    let pending = Pending::PerhapsDeployed { app: "www".into(), release: "r1".into() };
    // An older deployment of the release is not the lost one.
    let older = format!("[{},{DONE}]", DONE.replace("r1", "r0").replace("d2", "d3"));
    for (list, current, posts) in
        [("[]".to_owned(), "r0", 1), (older, "r0", 1), (format!("[{DONE}]"), "r1", 0)]
    {
        let server = Server::answering(move |seen| match seen.call() {
            "GET /apps/www/deployments" => json(200, &list),
            "GET /apps/www" => json(200, format!(r#"{{"id":"a1","release":"{current}"}}"#)),
            "POST /apps/www/deploy" | "GET /deployments/d2" => json(200, DONE),
            other => panic!("{other}"),
        })
        .await;
        let done = server.client().resume(pending.clone()).await.unwrap();
        assert!(matches!(done, Outcome::Deployed(done) if done.id == "d2"));
        let sent = server.lines().iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(sent, posts, "{:?}", server.lines());
    }
}
