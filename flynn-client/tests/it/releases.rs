//! Releases created from the current one, without and with another writer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use flynn_client::apps::NewApp;
use flynn_client::releases::ProcessType;
use flynn_client::{Client, ErrorKind, Pending};
use flynn_mock::{MockController, ServerAge};
use serde_json::json as value;

use crate::faults::is_long;
use crate::server::{Seen, Server, answer, json};

const RELEASE: &str = r#"{"id":"r1","app_id":"a1","artifacts":["x"],"artifact":"x","env":{"A":"1"},
    "new_field":{"kept":[1]},"created_at":"2026-11-22T21:54:47.723721Z",
    "processes":{"web":{"args":["/bin/web"],"cmd":["x"],"entrypoint":["y"],"odd":true}}}"#;

fn deployed(deployment: &str, old: &str, new: &str) -> String {
    format!(
        r#"{{"id":"{deployment}","app":"a1","old_release":"{old}","new_release":"{new}","status":"complete","finished_at":"2026-11-22T21:54:53Z"}}"#
    )
}

fn sent(server: &Server) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.call() == "POST /releases").collect()
}

#[tokio::test]
async fn unnamed_fields_of_a_release_are_kept() {
    let app = r#"{"id":"a1","name":"www"}"#;
    let server = Server::play([
        json(200, app),
        json(200, RELEASE),
        json(200, app),
        json(200, RELEASE),
        json(200, "[]"),
        json(200, r#"{"id":"r2"}"#),
        json(200, deployed("d1", "r1", "r2")),
    ])
    .await;
    let change = server
        .client()
        .app("a1")
        .change_release()
        .artifacts(["y"])
        .env([("B", "s3cret")])
        .unset_env(["A"])
        .process_env("web", [("P", "1")])
        .args("web", ["/bin/other"])
        .process("worker-web", ProcessType::web(["/bin/worker"]).env("W", "1"))
        .meta("team", "shop");
    assert!(!format!("{change:?}").contains("s3cret"));
    let preview = change.preview().await.unwrap();
    assert_eq!(
        preview.diff.to_string(),
        "~ artifacts\n- env.A\n+ env.B\n+ meta.team\n~ processes.web.args\n+ processes.web.env.P\n+ processes.worker-web"
    );
    assert_eq!(preview.release.env["B"], "s3cret");
    assert!(sent(&server).is_empty(), "a preview creates nothing");
    let done = change.await.unwrap();
    assert_eq!((done.release.unwrap().id.as_str(), &done.diff), ("r2", &preview.diff));
    let service = value!({"name": "www-worker-web", "create": true, "check": {"type": "tcp"}});
    assert_eq!(
        sent(&server)[0].json(),
        value!({
            "app_id": "a1", "artifacts": ["y"], "env": {"B": "s3cret"}, "meta": {"team": "shop"},
            "new_field": {"kept": [1]},
            "processes": {
                "web": {"args": ["/bin/other"], "env": {"P": "1"}, "odd": true},
                "worker-web": {
                    "args": ["/bin/worker"], "env": {"W": "1"}, "service": "www-worker-web",
                    "ports": [{"port": 8080, "proto": "tcp", "service": service}]
                }
            }
        })
    );
}

#[tokio::test]
async fn a_release_alone_and_another_one_than_expected() {
    let server = Server::play([json(200, RELEASE), json(200, r#"{"id":"r2"}"#)]).await;
    let change = server.client().app("www").change_release().env([("B", "1")]);
    let done = change.clone().without_deploying().await.unwrap();
    assert!(done.changed() && done.deployment.is_none());
    assert_eq!(server.lines(), ["GET /apps/www/release", "POST /releases"]);

    let server = Server::play([json(200, RELEASE)]).await;
    let change = server.client().app("www").change_release().env([("B", "1")]);
    let error = change.if_release("r0").await.unwrap_err();
    assert_eq!((error.kind(), server.lines().len()), (ErrorKind::Conflict, 1), "{error}");
}

/// A server on which another writer has deployed `theirs` between the read and the deployment.
async fn overtaken(theirs: &'static str) -> Server {
    let (number, current) = (AtomicU32::new(1), Mutex::new(RELEASE.to_owned()));
    Server::answering(move |seen| match seen.call() {
        "GET /apps/www/release" => json(200, current.lock().unwrap().as_str()),
        "GET /apps/www/deployments" => json(200, "[]"),
        "POST /releases" => {
            let mut release = seen.json();
            release["id"] = format!("r{}", number.fetch_add(1, Relaxed) + 1).into();
            *current.lock().unwrap() = release.to_string();
            json(200, release.to_string())
        }
        "GET /releases/r9" => json(200, theirs),
        "POST /apps/www/deploy" if seen.body.contains("r2") => {
            json(200, deployed("d1", "r9", "r2"))
        }
        "POST /apps/www/deploy" => json(200, deployed("d2", "r2", "r3")),
        other => panic!("{other}"),
    })
    .await
}

#[tokio::test]
async fn the_release_of_another_writer_is_merged() {
    let server = overtaken(
        r#"{"id":"r9","app_id":"a1","artifacts":["z"],"env":{"A":"1","C":"3"},"new_field":{"kept":[1]},
            "processes":{"web":{"args":["/bin/web"],"odd":true}}}"#,
    )
    .await;
    let done = server.client().app("www").env().set([("B", "2")]).await.unwrap();
    assert_eq!(done.release.unwrap().id, "r3");
    let sent = sent(&server);
    assert_eq!((sent.len(), &sent[1].json()["env"]), (2, &value!({"A": "1", "B": "2", "C": "3"})));
    assert_eq!(sent[1].json()["artifacts"], value!(["z"]));
}

#[tokio::test]
async fn process_types_and_metadata_are_removed() {
    let server = Server::play([json(200, RELEASE)]).await;
    let change = server.client().app("a1").change_release();
    let change = change.meta("team", "shop").unset_meta("team").remove_process("web");
    assert_eq!(change.preview().await.unwrap().diff.to_string(), "- processes.web");
}

#[tokio::test]
async fn conflicting_changes_fail_with_both_diffs() {
    let server =
        overtaken(r#"{"id":"r9","app_id":"a1","artifacts":["x"],"env":{"A":"theirs"}}"#).await;
    let error = server.client().app("www").env().set([("A", "ours")]).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    let (ours, theirs) = error.conflicting_changes().unwrap();
    assert_eq!(ours.to_string(), "~ env.A");
    assert!(theirs.to_string().contains("~ env.A"), "{theirs}");
    let pending = Pending::Replaced { app: "www".into(), release: "r9".into() };
    assert_eq!(error.pending(), Some(&pending));
    let refused = server.client().resume(pending).await.unwrap_err();
    assert!(refused.is_validation(), "the other release is not deployed: {refused}");
    assert!(!format!("{error} {error:?}").contains("theirs\""));
    assert_eq!(sent(&server).len(), 1);

    // The same value is not a conflict.
    let server = overtaken(
        r#"{"id":"r9","app_id":"a1","artifacts":["x"],"env":{"A":"2"},"new_field":{"kept":[1]},
            "processes":{"web":{"args":["/bin/web"],"odd":true}}}"#,
    )
    .await;
    server.client().app("www").env().set([("A", "2")]).await.unwrap();
}

#[tokio::test]
async fn a_running_deployment_is_waited_for_on_request() {
    let running = r#"[{"id":"d0","app":"a1","status":"pending"}]"#;
    let after = RELEASE.replace("r1", "r5").replace("\"A\":\"1\"", "\"A\":\"1\",\"C\":\"3\"");
    let server = Server::play([
        json(200, running),
        json(200, deployed("d0", "r1", "r5")),
        json(200, "[]"),
        json(200, &after),
        json(200, r#"{"id":"r6"}"#),
        json(200, deployed("d1", "r5", "r6")),
    ])
    .await;
    let change = server.client().app("www").env().set([("B", "2")]).after_running();
    assert!(change.await.unwrap().changed());
    assert_eq!(sent(&server)[0].json()["env"], value!({"A": "1", "B": "2", "C": "3"}));
}

#[tokio::test]
async fn mistakes_are_refused_before_anything_is_made() {
    let server = Server::answering(|_| json(200, RELEASE)).await;
    let change = || server.client().app("www").change_release();
    for wrong in [
        change().env([("", "1")]),
        change().process_env("worker", [("A", "1")]),
        change().args("worker", ["x"]),
        change().process("", ProcessType::running(["x"])),
    ] {
        assert!(wrong.await.unwrap_err().is_validation());
    }
    assert!(sent(&server).is_empty());
    let server = Server::play([answer(404, "", ""), answer(404, "", "")]).await;
    let change = server.client().app("www").change_release().env([("A", "1")]);
    assert!(change.await.unwrap_err().is_not_found(), "no such app");
}

/// A server on which another writer deploys a different variable before each of our deployments.
async fn always_overtaken() -> Server {
    let number = AtomicU32::new(2);
    Server::answering(move |seen| match seen.call() {
        "GET /apps/www/release" => json(200, RELEASE),
        "GET /apps/www/deployments" => json(200, "[]"),
        "POST /releases" => json(200, format!(r#"{{"id":"r{}"}}"#, number.fetch_add(1, Relaxed))),
        "POST /apps/www/deploy" => {
            let ours = seen.json()["id"].as_str().unwrap().to_owned();
            json(200, deployed("d", &ours.replace('r', "their"), &ours))
        }
        call => {
            let theirs = call.strip_prefix("GET /releases/").unwrap();
            let env = format!(r#""A":"1","{theirs}":"1""#);
            json(200, RELEASE.replace("r1", theirs).replace(r#""A":"1""#, &env))
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn pauses_between_merges_end_at_the_deadline() {
    let server = always_overtaken().await;
    for millis in [300, 700, 1100] {
        let change = server.client().app("www").env().set([("B", "2")]).after_running();
        let (begun, limit) = (tokio::time::Instant::now(), Duration::from_millis(millis));
        let error = change.timeout(limit).await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        let over = begun.elapsed().saturating_sub(limit);
        assert!(over < Duration::from_millis(5), "{over:?} too long");
        assert!(error.pending().is_some(), "{error}");
    }
}

/// Sets a different variable in every round.
async fn writer(client: Client, name: &'static str, rounds: u32) {
    for round in 0..rounds {
        let change = client.app("shop").env().set([(format!("{name}{round}"), "1")]);
        change.after_running().await.unwrap();
    }
}

#[tokio::test]
async fn two_writers_lose_no_variable() {
    let rounds = if is_long() { 200 } else { 20 };
    for age in [ServerAge::V2016, ServerAge::V2021, ServerAge::Fork2026September] {
        let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
        let client = mock.client();
        client.apps().create(NewApp::named("shop")).await.unwrap();
        let artifacts = client.app("blobstore").release().await.unwrap().artifact_ids;
        let change = client.app("shop").change_release().artifacts(artifacts);
        change.process("web", ProcessType::running(["x"])).await.unwrap();
        client.app("shop").scale([("web", 1)]).await.unwrap().wait().await.unwrap();
        tokio::join!(writer(client.clone(), "A", rounds), writer(client.clone(), "B", rounds));
        let env = client.app("shop").env().get().await.unwrap();
        assert_eq!(env.len(), 2 * rounds as usize, "{age:?}");
    }
}
