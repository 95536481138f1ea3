use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use flynn_client::deployments::DeploymentStatus;
use flynn_client::{ErrorKind, Pending};
use futures_util::TryStreamExt;

use crate::server::{Seen, Server, Step, answer, events, json, open_events};

fn deployment(status: &str) -> String {
    let finished = if matches!(status, "complete" | "failed") {
        r#","finished_at":"2026-11-22T21:54:53Z""#
    } else {
        ""
    };
    format!(
        r#"{{"id":"d1","app":"a1","old_release":"r1","new_release":"r2","status":"{status}"{finished}}}"#
    )
}

fn event(id: u32, status: &str, error: &str) -> String {
    format!(
        r#"data: {{"id":{id},"app":"a1","object_type":"deployment","object_id":"d1","data":{{"deployment":"d1","release":"r2","status":"{status}","error":"{error}"}}}}"#
    ) + "\n\n"
}

fn pending(app: &str) -> Pending {
    Pending::Deployment { app: app.into(), deployment: "d1".into() }
}

fn perhaps() -> Pending {
    Pending::PerhapsDeployed { app: "www".into(), release: "r2".into() }
}

const APP: &str = r#"{"id":"a1","name":"www","release":"r1"}"#;

#[tokio::test]
async fn accepted_watched_and_confirmed_by_a_get() {
    let server = Server::play([
        json(200, APP),
        json(200, deployment("pending")),
        open_events(&(event(1, "pending", "") + &event(2, "complete", ""))),
        json(200, deployment("complete")),
    ])
    .await;
    let handle = server.client().app("www").deploy("r2").await.unwrap();
    assert_eq!((handle.id.as_str(), handle.accepted().unwrap().is_finished()), ("d1", false));
    let done = handle.wait().await.unwrap();
    assert_eq!(done.status, DeploymentStatus::Complete);
    assert_eq!(
        server.lines(),
        [
            "GET /apps/www",
            "POST /apps/www/deploy",
            "GET /events?object_id=d1&object_types=deployment&past=true",
            "GET /deployments/d1",
        ]
    );
    assert_eq!(server.seen()[1].json(), serde_json::json!({"id": "r2"}));
}

#[tokio::test]
async fn a_finished_deployment_needs_no_events() {
    let server = Server::play([json(200, APP), json(200, deployment("complete"))]).await;
    server.client().app("www").deploy("r2").await.unwrap().wait().await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_broken_stream_is_resumed_after_the_last_event() {
    let server = Server::play([
        json(200, deployment("pending")),
        events(&event(7, "pending", "")),
        events(&(event(7, "pending", "") + "event: error\ndata: controller: shutting down\n\n")),
        events(&event(8, "complete", "")),
        json(200, deployment("complete")),
    ])
    .await;
    let handle = server.client().deployment("d1");
    assert_eq!(handle.wait().await.unwrap().id, "d1");
    let seen = &server.seen()[1..];
    assert_eq!(seen[0].header("last-event-id"), None);
    assert_eq!([1, 2].map(|n: usize| seen[n].header("last-event-id")), [Some("7"); 2]);
    assert!(!seen[1].line().contains("past"), "{}", seen[1].line());
}

#[tokio::test]
async fn a_get_decides_if_the_stream_is_lost() {
    let server = Server::play([
        json(200, deployment("pending")),
        answer(403, "", ""),
        json(200, deployment("complete")),
    ])
    .await;
    assert_eq!(
        server.client().deployment("d1").wait().await.unwrap().status,
        DeploymentStatus::Complete
    );

    let server = Server::play([
        json(200, deployment("pending")),
        answer(403, "", ""),
        json(200, deployment("pending")),
    ])
    .await;
    let error = server.client().deployment("d1").wait().await.unwrap_err();
    assert!(error.is_forbidden());
    assert_eq!(error.pending(), Some(&pending("a1")));
}

#[tokio::test(start_paused = true)]
async fn a_get_decides_if_no_event_arrives() {
    let reads = AtomicU32::new(0);
    let server = Server::answering(move |seen| match seen.call() {
        "GET /events" => open_events(""),
        _ if reads.fetch_add(1, Relaxed) == 0 => json(200, deployment("pending")),
        _ => json(200, deployment("complete")),
    })
    .await;
    let wait = server.client().deployment("d1").wait().timeout(Duration::from_secs(3600));
    assert_eq!(wait.await.unwrap().status, DeploymentStatus::Complete);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_gives_the_id_to_go_on_with() {
    let server =
        Server::play([json(200, deployment("pending")), open_events(&event(1, "pending", ""))])
            .await;
    let error =
        server.client().deployment("d1").wait().timeout(Duration::from_secs(1)).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.pending(), Some(&pending("a1")));
    assert!(error.to_string().contains("deployment d1 of app a1 continues"), "{error}");
}

#[tokio::test]
async fn a_failure_says_why_which_job_and_what_it_wrote() {
    let jobs = r#"[
        {"id":"h-3","uuid":"3","release":"r2","state":"down","exit_status":0,"type":"web"},
        {"id":"h-2","uuid":"2","release":"r2","state":"down","exit_status":1,"type":"web"},
        {"id":"h-1","uuid":"1","release":"r1","state":"down","exit_status":1,"type":"web"}]"#;
    let log = r#"data: {"event":"message","data":{"msg":"starting"}}

data: {"event":"message","data":{"msg":"s3cret: no such file"}}

data: {"event":"eof"}

"#;
    let server = Server::play([
        json(200, deployment("pending")),
        events(&event(1, "failed", "web job failed to start")),
        json(200, deployment("failed")),
        json(200, jobs),
        events(log),
    ])
    .await;
    let error = server.client().deployment("d1").wait().await.unwrap_err();
    assert!(error.is_failed());
    assert!(error.message().contains("web job failed to start"));
    assert_eq!(error.failed_job().unwrap(), "h-2");
    assert_eq!(error.log_tail(), ["starting", "s3cret: no such file"]);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    assert!(server.lines()[4].starts_with("GET /apps/a1/log?"), "{:?}", server.lines());
}

#[tokio::test]
async fn an_old_failure_still_has_its_reason() {
    let list = event(2, "failed", "web job failed to start").replace("data: ", "");
    let jobs = r#"[{"uuid":"2","release":"r2","state":"failed","type":"web"}]"#;
    let server = Server::play([
        json(200, deployment("failed")),
        json(200, format!("[{}]", list.trim())),
        json(200, jobs),
    ])
    .await;
    let error = server.client().deployment("d1").wait().await.unwrap_err();
    assert_eq!(error.message(), "deployment d1: web job failed to start");
    assert_eq!((error.failed_job().unwrap().as_str(), error.log_tail().len()), ("2", 0));
    assert_eq!(server.lines()[1], "GET /events?object_id=d1&object_types=deployment&count=500");
}

#[tokio::test(start_paused = true)]
async fn reading_the_failed_job_ends_at_the_deadline() {
    let server = Server::play([json(200, deployment("failed")), Step::Hang]).await;
    let begun = tokio::time::Instant::now();
    let wait = server.client().deployment("d1").wait().timeout(Duration::from_millis(200));
    assert!(wait.await.unwrap_err().is_failed());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_running_deployment_in_the_way_is_named() {
    let refusal = r#"{"code":"validation_error","message":"Cannot create deploy, there is already one in progress for this app.","retry":false}"#;
    let list = format!("[{},{}]", deployment("pending"), deployment("complete"));
    let server = Server::play([json(200, APP), json(400, refusal), json(200, list)]).await;
    let error = server.client().app("www").deploy("r2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeploymentInProgress);
    assert!(error.is_deployment_in_progress() && error.is_conflict());
    assert_eq!(error.pending(), Some(&pending("www")));
}

#[tokio::test]
async fn a_deployment_whose_answer_was_lost_is_found() {
    let list = |status| json(200, format!("[{}]", deployment(status)));
    let server = Server::play([json(200, APP), Step::Drop, list("pending")]).await;
    let handle = server.client().app("www").deploy("r2").await.unwrap();
    assert_eq!(handle.id, "d1");
    assert_eq!(server.lines()[2], "GET /apps/www/deployments");

    // No deployment, one of another release, or one that failed earlier: the outcome is unknown.
    let other = json(200, format!("[{}]", deployment("pending").replace("\"r2\"", "\"r9\"")));
    for found in [json(200, "[]"), other, list("failed"), answer(403, "", "")] {
        let server = Server::play([json(200, APP), Step::Drop, found]).await;
        let error = server.client().app("www").deploy("r2").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert_eq!(error.all_pending(), [perhaps()]);
    }
}

#[tokio::test]
async fn an_older_deployment_of_the_release_is_not_taken_for_the_lost_one() {
    let list = || json(200, format!("[{}]", deployment("complete")));
    // The app has been set to another release since then.
    let server = Server::play([json(200, APP), Step::Drop, list(), json(200, APP)]).await;
    let error = server.client().app("www").deploy("r2").await.unwrap_err();
    assert_eq!(error.all_pending(), [perhaps()]);

    // It was complete at once.
    let now = json(200, APP.replace("r1", "r2"));
    let server = Server::play([json(200, APP), Step::Drop, list(), now]).await;
    assert_eq!(server.client().app("www").deploy("r2").await.unwrap().id, "d1");
}

#[tokio::test]
async fn an_acceptance_may_be_lost_behind_another_answer() {
    let down = r#"{"code":"service_unavailable","message":"down","retry":true}"#;
    let found = || json(200, format!("[{}]", deployment("pending")));
    for lost in [
        answer(502, "", "<html>"),
        answer(504, "", ""),
        answer(503, "", ""),
        json(200, "<html>"),
        json(200, "[]"),
        answer(418, "", ""),
    ] {
        let server = Server::play([json(200, APP), lost.clone(), found()]).await;
        let handle = server.client().app("www").deploy("r2").await;
        assert_eq!(handle.unwrap().id, "d1", "{lost:?}");
        let server = Server::play([json(200, APP), lost, json(200, "[]")]).await;
        let error = server.client().app("www").deploy("r2").await.unwrap_err();
        assert_eq!(error.all_pending(), [perhaps()]);
    }

    // These errors say that nothing was done.
    for refused in [json(400, r#"{"code":"validation_error","message":"no"}"#), json(503, down)] {
        let refused = move |seen: &Seen| match seen.call() {
            "GET /apps/www" => json(200, APP),
            _ => refused.clone(),
        };
        let server = Server::answering(refused).await;
        let error = server.client().app("www").deploy("r2").await.unwrap_err();
        assert_eq!(error.pending(), None, "{error:?}");
        assert!(server.lines().iter().all(|line| line != "GET /apps/www/deployments"));
    }
}

#[tokio::test]
async fn the_current_release_is_refused() {
    let server = Server::play([json(200, APP)]).await;
    assert!(server.client().app("www").deploy("r1").await.unwrap_err().is_validation());
    assert_eq!(server.lines(), ["GET /apps/www"]);
}

#[tokio::test]
async fn progress_ends_with_the_deployment() {
    let steps = event(1, "pending", "") + &event(2, "running", "") + &event(3, "failed", "no");
    let server = Server::play([open_events(&steps)]).await;
    let steps: Vec<_> = server.client().deployment("d1").watch().try_collect().await.unwrap();
    assert_eq!(
        steps.iter().map(|step| step.status.as_str()).collect::<Vec<_>>(),
        ["pending", "running", "failed"]
    );
    assert_eq!(steps[2].error, "no");
}

#[tokio::test(start_paused = true)]
async fn an_event_before_its_row_counts() {
    let server = Server::play([
        json(200, deployment("pending")),
        events(&event(1, "complete", "")),
        json(200, deployment("pending")),
        answer(403, "", ""),
    ])
    .await;
    assert_eq!(
        server.client().deployment("d1").wait().await.unwrap().status,
        DeploymentStatus::Complete
    );
    let hang = Server::play([json(200, deployment("pending")), Step::Hang]).await;
    let handle = hang.client().deployment("d1");
    assert!(
        handle.wait().timeout(Duration::from_millis(50)).await.unwrap_err().pending().is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn one_named_by_id_is_looked_up_first() {
    let server = Server::play([answer(404, "", ""), json(200, deployment("complete"))]).await;
    let handle = server.client().deployment("d1");
    assert!(handle.wait().await.unwrap_err().is_not_found(), "and not waited for");
    assert!(handle.wait().await.unwrap().is_finished());
    let nothing = server.client().deployment("").wait().await.unwrap_err();
    assert!(nothing.is_validation() && nothing.pending().is_none(), "{nothing}");
    let hang = Server::play([Step::Hang]).await;
    let wait = hang.client().deployment("d1").wait().timeout(Duration::from_millis(50));
    assert_eq!(wait.await.unwrap_err().pending(), Some(&pending("")));
}

fn ended(status: &str, finished: bool) -> Step {
    let finished = if finished { r#","finished_at":"2026-11-22T21:54:53Z""# } else { "" };
    json(
        200,
        format!(r#"{{"id":"d1","app":"a1","new_release":"r2","status":"{status}"{finished}}}"#),
    )
}

#[tokio::test]
async fn waiting_ends_when_the_next_one_would_be_accepted() {
    let complete = events(&(event(1, "pending", "") + &event(2, "complete", "")));
    for before in [vec![ended("pending", false), complete], vec![]] {
        let late = [ended("complete", false), ended("complete", false), ended("complete", true)];
        let server = Server::play(before.iter().cloned().chain(late)).await;
        let done = server.client().deployment("d1").wait().await.unwrap();
        assert!(done.finished_at.is_some());
        assert_eq!(server.seen().len(), before.len() + 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_finished_at_is_waited_for_until_the_deadline() {
    // The deadline passes, but the outcome is still known.
    let server = Server::answering(|_| ended("complete", false)).await;
    let wait = server.client().deployment("d1").wait().timeout(Duration::from_millis(200));
    assert_eq!(wait.await.unwrap().status, DeploymentStatus::Complete);
    assert!(server.seen().len() > 2, "{:?}", server.lines());
}

#[tokio::test(start_paused = true)]
async fn a_rolled_back_deployment_has_failed() {
    // A server of 2016 sets `finished_at`, rolls back, and then says that it has failed.
    let server = Server::play([
        ended("pending", true),
        ended("running", true),
        ended("failed", true),
        json(200, format!("[{}]", event(3, "failed", "no").trim().trim_start_matches("data: "))),
        json(200, "[]"),
    ])
    .await;
    let error = server.client().deployment("d1").wait().await.unwrap_err();
    assert!(error.is_failed() && error.message() == "deployment d1: no", "{error}");

    let server = Server::answering(|seen| match seen.call() {
        "GET /deployments/d1" => ended("pending", true),
        _ => json(200, "[]"),
    })
    .await;
    let wait = server.client().deployment("d1").wait().timeout(Duration::from_millis(200));
    let error = wait.await.unwrap_err();
    assert!(error.is_failed(), "{error}");
}

const IN_PROGRESS: &str = r#"{"code":"validation_error","message":"Cannot create deploy, there is already one in progress for this app.","retry":false}"#;

#[tokio::test(start_paused = true)]
async fn a_finished_deployment_in_the_way_is_retried() {
    for list in ["[]".to_owned(), format!("[{}]", deployment("complete"))] {
        let server = Server::play([
            json(200, APP),
            json(400, IN_PROGRESS),
            json(200, &list),
            json(400, IN_PROGRESS),
            json(200, &list),
            json(200, deployment("pending")),
        ])
        .await;
        assert_eq!(server.client().app("www").deploy("r2").await.unwrap().id.as_str(), "d1");
    }
    // No repetition if the outcome is unknown or retries are disabled, and never without a limit.
    let refusing = |list: Step| {
        Server::answering(move |seen| match seen.call() {
            "GET /apps/www" => json(200, APP),
            "GET /apps/www/deployments" => list.clone(),
            _ => json(400, IN_PROGRESS),
        })
    };
    let posts =
        |server: &Server| server.lines().iter().filter(|line| line.starts_with("POST")).count();
    let server = refusing(answer(403, "", "")).await;
    let error = server.client().app("www").deploy("r2").await.unwrap_err();
    assert!(error.is_deployment_in_progress() && error.pending().is_none(), "{error}");
    assert_eq!(posts(&server), 1);

    let server = refusing(json(200, "[]")).await;
    let none = server.builder().retry(flynn_client::RetryPolicy::none()).build().unwrap();
    assert!(none.app("www").deploy("r2").await.unwrap_err().is_deployment_in_progress());
    assert_eq!(posts(&server), 1);

    let deploy = server.client().app("www").deploy("r2").timeout(Duration::from_millis(200));
    let error = deploy.await.unwrap_err();
    assert!(error.is_deployment_in_progress() || error.is_timeout(), "{error}");
    assert!(posts(&server) > 4);
}

#[tokio::test]
async fn a_success_stays_one_when_its_last_read_fails() {
    let server = Server::play([
        json(200, APP),
        json(200, deployment("pending")),
        events(&(event(1, "pending", "") + &event(2, "complete", ""))),
        answer(500, "", ""),
    ])
    .await;
    let handle = server.client().app("www").deploy("r2").await.unwrap();
    let done = handle.wait().await.unwrap();
    assert_eq!((done.status, done.old_release_id.as_str()), (DeploymentStatus::Complete, "r1"));
}

#[tokio::test]
async fn steps_are_shown_while_it_is_waited_for() {
    let server = Server::play([
        json(200, deployment("pending")),
        events(&(event(1, "pending", "") + &event(2, "running", "") + &event(3, "complete", ""))),
        json(200, deployment("complete")),
    ])
    .await;
    let (send, receive) = std::sync::mpsc::channel();
    let wait = server.client().deployment("d1").wait();
    wait.on_step(move |step| send.send(step.status.clone()).unwrap()).await.unwrap();
    let steps: Vec<_> = receive.iter().map(|status| status.to_string()).collect();
    assert_eq!(steps, ["pending", "running", "complete"]);
}
