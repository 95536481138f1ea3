use flynn_client::{Env, ErrorKind, Pending};
use serde_json::json as value;

use crate::server::{Server, Step, answer, json};

const RELEASE: &str = r#"{"id":"r1","app_id":"a1","artifacts":["x"],"artifact":"x","env":{"A":"1","B":"2"},
    "meta":{"git":"true"},"new_field":{"kept":[1]},"created_at":"2026-11-22T21:54:47.723721Z",
    "processes":{"web":{"args":["/bin/web"],"cmd":["x"],"entrypoint":["y"],"env":{"P":"1"},"odd":true}}}"#;
const MADE: &str = r#"{"id":"r2","app_id":"a1"}"#;
const DEPLOYED: &str = r#"{"id":"d1","app":"a1","new_release":"r2","status":"complete","finished_at":"2026-11-22T21:54:53Z"}"#;

fn release() -> Pending {
    Pending::Release { app: "www".into(), release: "r2".into() }
}

fn other() -> Pending {
    Pending::Deployment { app: "www".into(), deployment: "d0".into() }
}

#[tokio::test]
async fn one_release_one_deploy_and_nothing_lost() {
    let server =
        Server::play([json(200, RELEASE), json(200, "[]"), json(200, MADE), json(200, DEPLOYED)])
            .await;
    let change = server
        .client()
        .app("www")
        .env()
        .set([("A", "new\n\"&<>"), ("C", "")])
        .unset(["B"])
        .await
        .unwrap();
    assert!(change.changed());
    assert_eq!(
        (change.release.unwrap().id.as_str(), change.deployment.unwrap().id.as_str()),
        ("r2", "d1")
    );
    assert_eq!(
        server.lines(),
        [
            "GET /apps/www/release",
            "GET /apps/www/deployments",
            "POST /releases",
            "POST /apps/www/deploy"
        ]
    );
    assert_eq!(
        server.seen()[2].json(),
        value!({
            "app_id": "a1", "artifacts": ["x"], "env": {"A": "new\n\"&<>", "C": ""}, "meta": {"git": "true"},
            "new_field": {"kept": [1]},
            "processes": {"web": {"args": ["/bin/web"], "env": {"P": "1"}, "odd": true}}
        })
    );
}

#[tokio::test]
async fn a_process_of_its_own() {
    let server =
        Server::play([json(200, RELEASE), json(200, "[]"), json(200, MADE), json(200, DEPLOYED)])
            .await;
    server
        .client()
        .app("www")
        .env()
        .of_process("web")
        .replace(Env::from_iter([("Q", "2")]))
        .await
        .unwrap();
    let sent = server.seen()[2].json();
    assert_eq!(
        (&sent["processes"]["web"]["env"], &sent["env"]["A"]),
        (&value!({"Q": "2"}), &value!("1"))
    );

    let server = Server::play([json(200, RELEASE)]).await;
    assert!(
        server
            .client()
            .app("www")
            .env()
            .of_process("worker")
            .set([("Q", "2")])
            .await
            .unwrap_err()
            .is_validation()
    );
}

#[tokio::test]
async fn nothing_to_change_changes_nothing() {
    let server = Server::play([json(200, RELEASE)]).await;
    let change = server.client().app("www").env().set([("A", "1")]).unset(["Z"]).await.unwrap();
    assert!(!change.changed() && change.deployment.is_none());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_app_without_release_begins_with_an_empty_one() {
    let app = r#"{"id":"a1","name":"www"}"#;
    let steps = [
        answer(404, "", ""),
        json(200, app),
        json(200, "[]"),
        json(200, MADE),
        json(200, DEPLOYED),
    ];
    let server = Server::play(steps).await;
    server.client().app("www").env().set([("A", "1")]).await.unwrap();
    assert_eq!(server.seen()[3].json(), value!({"app_id": "a1", "env": {"A": "1"}}));

    let server = Server::play([
        answer(404, "", ""),
        json(200, app),
        answer(404, "", ""),
        answer(404, "", ""),
    ])
    .await;
    let env = server.client().app("www").env();
    assert!(env.get().await.unwrap().is_empty());
    assert!(env.get().await.unwrap_err().is_not_found(), "no such app");
}

#[tokio::test]
async fn what_is_half_done_is_named() {
    let down = r#"{"code":"validation_error","message":"no","retry":false}"#;
    let server =
        Server::play([json(200, RELEASE), json(200, "[]"), json(200, MADE), json(400, down)]).await;
    let error = server.client().app("www").env().set([("A", "s3cret")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(error.pending(), Some(&release()));
    assert!(!format!("{error:?} {error}").contains("s3cret"));
}

#[tokio::test]
async fn another_deployment_in_the_way_and_the_release_are_both_named() {
    let busy = r#"{"code":"validation_error","message":"Cannot create deploy, there is already one in progress for this app.","retry":false}"#;
    let running = r#"[{"id":"d0","status":"pending"}]"#;
    let server = Server::play([
        json(200, RELEASE),
        json(200, "[]"),
        json(200, MADE),
        json(400, busy),
        json(200, running),
    ])
    .await;
    let error = server.client().app("www").env().set([("A", "2")]).await.unwrap_err();
    assert!(error.is_deployment_in_progress());
    assert_eq!(error.all_pending(), [other(), release()]);

    // Detected before anything is created, so nothing is left behind.
    let server = Server::play([json(200, RELEASE), json(200, running)]).await;
    let error = server.client().app("www").env().set([("A", "2")]).await.unwrap_err();
    assert!(error.is_deployment_in_progress());
    assert_eq!(error.all_pending(), [other()]);
    assert_eq!(server.lines(), ["GET /apps/www/release", "GET /apps/www/deployments"]);
}

#[tokio::test]
async fn a_deployment_whose_acceptance_was_lost_is_waited_for() {
    // A new release has no older deployment: even one that has failed is this one.
    let failed = DEPLOYED.replace("complete", "failed");
    for (found, ok) in [(DEPLOYED.to_owned(), true), (failed, false)] {
        let list = json(200, format!("[{found}]"));
        let server = Server::play([
            json(200, RELEASE),
            json(200, "[]"),
            json(200, MADE),
            Step::Drop,
            list,
            json(200, "[]"),
        ])
        .await;
        let change = server.client().app("www").env().set([("A", "2")]).await;
        assert_eq!(change.as_ref().is_ok_and(flynn_client::releases::ReleaseChange::changed), ok);
        assert_eq!(change.is_err_and(|error| error.is_failed()), !ok);
    }
    let server = Server::play([
        json(200, RELEASE),
        json(200, "[]"),
        json(200, MADE),
        Step::Drop,
        json(200, "[]"),
    ])
    .await;
    let error = server.client().app("www").env().set([("A", "2")]).await.unwrap_err();
    assert_eq!(
        error.all_pending(),
        [Pending::PerhapsDeployed { app: "www".into(), release: "r2".into() }]
    );
}

#[tokio::test]
async fn values_show_nowhere() {
    let server = Server::play([json(200, RELEASE), json(200, RELEASE)]).await;
    let app = server.client().app("www");
    let change = app.env().set([("A", "s3cret")]);
    let text = format!(
        "{change:?} {:?} {:?}",
        app.env().get().await.unwrap(),
        Env::from_iter([("A", "s3cret")])
    );
    assert!(text.contains('A') && !text.contains("s3cret"), "{text}");
    assert!(change.set([("", "x")]).await.unwrap_err().is_validation(), "an empty name");
}
