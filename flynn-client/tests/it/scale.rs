//! Scaling, on both ages of a mocked cluster and against scripts.

use std::time::Duration;

use flynn_client::scale::{ScaleState, ScaleStep};
use flynn_client::{ErrorKind, Pending};
use flynn_mock::{Fault, MockController, Op, ServerAge};
use futures_util::TryStreamExt as _;

use crate::server::{Server, Step, answer, events, json, open_events};

const AGES: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];

async fn cluster(age: ServerAge) -> MockController {
    MockController::builder().bootstrapped("example.com").server(age).start().await
}

#[tokio::test]
async fn scaling_ends_with_the_requested_processes() {
    for age in AGES {
        let mock = cluster(age).await;
        let flynn = mock.client();
        let scaling = flynn.app("blobstore").scale([("web", 4)]).await.unwrap();
        assert_eq!(scaling.id.is_empty(), matches!(age, ServerAge::V2016));
        let formation = scaling.wait().timeout(Duration::from_secs(60)).await.unwrap();
        assert_eq!(formation.processes["web"], 4);
        let up = |job: &&flynn_client::jobs::Job| job.release_id == formation.release_id;
        assert_eq!(flynn.active_jobs().await.unwrap().iter().filter(up).count(), 4);

        // Scale down again, and resume the operation by its ids.
        let scaling = flynn.app("blobstore").scale([("web", 1)]).await.unwrap();
        let again = flynn.app("blobstore").scaling(&scaling.release_id, &scaling.id);
        again.wait().timeout(Duration::from_secs(60)).await.unwrap();
        assert_eq!(flynn.active_jobs().await.unwrap().iter().filter(up).count(), 1);
    }
}

#[tokio::test]
async fn types_that_are_not_named_keep_their_jobs() {
    for age in AGES {
        let mock = cluster(age).await;
        let controller = mock.client().app("controller");
        let release = controller.release().await.unwrap().id;
        let before = controller.formations().get(&release).await.unwrap().processes;
        assert!(before.len() > 1);
        controller
            .scale([("web", 3)])
            .await
            .unwrap()
            .wait()
            .timeout(Duration::from_secs(60))
            .await
            .unwrap();
        let mut expected = before;
        expected.insert("web".to_owned(), 3);
        assert_eq!(
            controller.formations().get(&release).await.unwrap().processes,
            expected,
            "{age:?}"
        );
    }
}

#[tokio::test]
async fn omni_processes_are_counted_on_every_host() {
    let mock = cluster(ServerAge::V2016).await;
    let router = mock.client().app("router");
    let scaling = router.scale([("app", 1)]).await.unwrap();
    scaling.wait().timeout(Duration::from_secs(60)).await.unwrap();
    // A wrong number of hosts is an error.
    let error = scaling.hosts(7).wait().timeout(Duration::from_millis(300)).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn unknown_types_are_refused() {
    for age in AGES {
        let mock = cluster(age).await;
        let error = mock.client().app("blobstore").scale([("nosuch", 1)]).await.unwrap_err();
        assert!(error.is_validation() && error.message().contains("nosuch"), "{error:?}");
        let nothing: [(&str, i64); 0] = [];
        let error = mock.client().app("blobstore").scale(nothing).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidInput, 0));
    }
}

#[tokio::test]
async fn every_step_is_seen_and_the_last_one_ends_it() {
    for age in AGES {
        let mock = cluster(age).await;
        let scaling = mock.client().app("blobstore").scale([("web", 3)]).await.unwrap();
        let steps: Vec<_> = scaling.watch().try_collect().await.unwrap();
        assert_eq!(steps.last(), Some(&ScaleStep::Ended(ScaleState::Complete)), "{age:?}");
        if matches!(age, ServerAge::V2021) {
            assert!(steps.iter().any(|step| matches!(step, ScaleStep::Job(_))), "{steps:?}");
        }
    }
}

fn event(id: u32, kind: &str, state: &str) -> String {
    format!(
        r#"{{"id":{id},"object_type":"{kind}","object_id":"q1","data":{{"id":"q1","state":"{state}"}}}}"#
    )
}

const CANCELATION: &str = "scale_request_cancelation";

#[tokio::test]
async fn the_first_end_counts() {
    let formation = r#"{"app":"a","release":"r1","processes":{"web":2}}"#;
    // Lists are newest first. A cancellation can come after the end, and before v20190730.0 in another form.
    for (past, end) in [
        (vec![event(3, CANCELATION, "cancelled"), event(2, "scale_request", "complete")], Ok(2)),
        (
            vec![event(3, CANCELATION, "cancelled"), event(2, "scale_request", "pending")],
            Err(ErrorKind::Cancelled),
        ),
        (vec![event(2, "scale_request", "cancelled")], Err(ErrorKind::Cancelled)),
        (vec![], Err(ErrorKind::NotFound)),
    ] {
        let listed = format!("[{}]", past.join(","));
        // Two reads if nothing was found, because a lost stream falls back to the same read.
        let steps = [json(200, &listed), json(200, if end.is_ok() { formation } else { &listed })];
        let server = Server::play(steps).await;
        let result = server.client().app("www").scaling("r1", "q1").wait().await;
        assert_eq!(
            result.map(|done| done.processes["web"]).map_err(|error| error.kind()),
            end,
            "{past:?}"
        );
    }
}

#[tokio::test]
async fn a_cancellation_arrives_while_it_is_waited() {
    let server = Server::play([
        json(200, format!("[{}]", event(2, "scale_request", "pending"))),
        events(&format!("data: {}\n\n", event(3, CANCELATION, "cancelled"))),
    ])
    .await;
    let error = server.client().app("www").scaling("r1", "q1").wait().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(
        server.seen()[1].header("last-event-id") == Some("2"),
        "goes on after the request's own event"
    );
}

#[tokio::test(start_paused = true)]
async fn a_timeout_leaves_the_ids_to_go_on_from() {
    let server = Server::play([
        json(200, r#"{"id":"q1","release":"r1","state":"pending"}"#),
        json(200, format!("[{}]", event(2, "scale_request", "pending"))),
        open_events(""),
    ])
    .await;
    let scaling = server.client().app("www").scale([("web", 2)]).release("r1").await.unwrap();
    assert_eq!(scaling.accepted().unwrap().state, ScaleState::Pending);
    let error = scaling.wait().timeout(Duration::from_millis(300)).await.unwrap_err();
    assert!(error.is_timeout());
    let pending = Pending::Scale { app: "www".into(), release: "r1".into(), request: "q1".into() };
    assert_eq!(error.pending(), Some(&pending));
}

#[tokio::test]
async fn a_lost_stream_does_not_end_a_wait() {
    let server = Server::answering(|request| {
        match (request.call(), request.header("accept"), request.query().contains("app_id")) {
            ("GET /events", Some("application/json"), _) => {
                // First it is pending, then it is complete.
                json(200, format!("[{}]", event(2, "scale_request", "pending")))
            }
            ("GET /events", ..) => answer(404, "", ""),
            _ => Step::Drop,
        }
    })
    .await;
    let error = server.client().app("www").scaling("r1", "q1").wait().await.unwrap_err();
    assert!(error.is_not_found() && error.pending().is_some(), "{error:?}");
    let lists = server
        .seen()
        .iter()
        .filter(|seen| seen.header("accept") == Some("application/json"))
        .count();
    assert_eq!(lists, 2, "what became of it is read once more: {:?}", server.lines());
}

#[tokio::test]
async fn a_scaling_that_nobody_knows_is_not_watched_for_ever() {
    let server = Server::play([json(200, "[]")]).await;
    let mut watch = server.client().app("www").scaling("r1", "q1").watch();
    assert!(watch.next().await.unwrap().unwrap_err().is_not_found());
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_final_read_that_fails_does_not_fail_a_scaling() {
    for age in AGES {
        let mock = cluster(age).await;
        let scaling = mock.client().app("blobstore").scale([("web", 3)]).await.unwrap();
        // Without scale requests, the end is found by reading the formation.
        let earlier = usize::from(age == ServerAge::V2016);
        mock.fail_next(Op::FormationGet, Fault::malformed_json()).skip(earlier).until_lifted();
        assert_eq!(scaling.wait().await.unwrap().processes["web"], 3, "{age:?}");
    }
}
