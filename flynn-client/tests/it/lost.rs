//! Answers that are lost when something is created.

use flynn_client::apps::NewApp;
use flynn_client::jobs::RUN_ID;
use flynn_client::releases::NewRelease;
use flynn_client::resume::Outcome;
use flynn_client::{AppId, Client, Pending, RetryPolicy};
use flynn_mock::{Fault, MockController, Op, ServerAge};

use crate::server::{Server, Step, json};

async fn clusters() -> impl Iterator<Item = MockController> {
    let mut clusters = Vec::new();
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().bootstrapped("example.com").server(age);
        clusters.push(mock.start().await);
    }
    clusters.into_iter()
}

/// A client that retries at once.
fn client(mock: &MockController) -> Client {
    let brief = std::time::Duration::from_millis(1);
    mock.client_builder().retry(RetryPolicy::default().delays(brief, brief)).build().unwrap()
}

#[tokio::test]
async fn an_app_is_found_by_its_id() {
    for mock in clusters().await {
        let client = client(&mock);
        mock.fail_next(Op::AppCreate, Fault::drop_after());
        let www = client.apps().create(NewApp::named("www")).await.unwrap();
        assert_eq!(mock.state().app("www").unwrap().id, www.id);
        assert!(client.apps().create(NewApp::named("www")).await.unwrap_err().is_conflict());

        mock.fail_next(Op::AppCreate, Fault::drop_before());
        let error = client.apps().create(NewApp::named("shop")).await.unwrap_err();
        let Some(Pending::PerhapsApp { app }) = error.pending().cloned() else { panic!("{error}") };
        assert!(error.to_string().contains("may have been created"), "{error}");
        let pending = Pending::PerhapsApp { app: app.clone() };
        let unknown = client.resume(pending.clone()).await.unwrap_err();
        assert!(unknown.is_not_found() && unknown.pending() == Some(&pending), "{unknown}");
        // It arrives late.
        client.apps().create(NewApp::named("shop").id(&app)).await.unwrap();
        let resumed = client.resume(pending).await.unwrap();
        assert!(matches!(resumed, Outcome::AppCreated(shop) if shop.id == app));
    }
}

#[tokio::test]
async fn another_app_with_the_id_is_not_the_created_one() {
    const ID: &str = "11111111-0000-4000-8000-000000000001";
    let server = Server::answering(|seen| match seen.call().split_once(' ').unwrap() {
        ("GET", _) => json(200, format!(r#"{{"id":"{ID}","name":"shop"}}"#)),
        _ => Step::Drop,
    })
    .await;
    let create = |app: NewApp| server.client().apps().create(app.id(AppId::new(ID)));
    let error = create(NewApp::named("www")).await.unwrap_err();
    assert!(error.is_conflict() && error.pending().is_none(), "{error:?}");
    assert!(!error.may_have_acted());
    assert_eq!(create(NewApp::named("shop")).await.unwrap().name, "shop");
    assert_eq!(create(NewApp::unnamed()).await.unwrap().name, "shop");
}

#[tokio::test]
async fn a_release_is_found_by_its_content() {
    for mock in clusters().await {
        let client = client(&mock);
        let www = client.apps().create(NewApp::named("www")).await.unwrap();
        let artifact = client.app("blobstore").release().await.unwrap().artifact_ids.remove(0);
        let new = |value| NewRelease::of_app(&www.id).artifact(&artifact).env("A", value);
        let before = client.releases().list().await.unwrap().len();
        mock.fail_next(Op::ReleaseCreate, Fault::drop_after());
        let release = client.releases().create(new("1")).await.unwrap();
        assert_eq!(release.env["A"], "1");
        let all = client.releases().list().await.unwrap();
        assert_eq!((all.len(), &all[0].id), (before + 1, &release.id));

        mock.fail_next(Op::ReleaseCreate, Fault::drop_before());
        let error = client.releases().create(new("2")).await.unwrap_err();
        assert!(error.may_have_acted());
        let Some(Pending::PerhapsRelease { app }) = error.pending() else { panic!("{error}") };
        assert_eq!((app.as_str(), error.is_retryable()), (www.id.as_str(), true));
    }
}

#[tokio::test]
async fn a_job_is_found_by_its_metadata() {
    for mock in clusters().await {
        let client = client(&mock);
        let jobs = client.app("blobstore").jobs();
        mock.fail_next(Op::JobRun, Fault::drop_after());
        let job = jobs.run(["exit", "3"]).meta("team", "shop").await.unwrap();
        assert_eq!(job.meta["team"], "shop");
        assert_eq!(jobs.wait(job.uuid).await.unwrap().exit_status, Some(3));

        // The error names a job that can no longer be attached, so that it can be killed.
        mock.fail_next(Op::JobRun, Fault::drop_after());
        let error = jobs.run(["sleep", "3600"]).attached().await.unwrap_err();
        let Some(Pending::Job { job, .. }) = error.pending() else { panic!("{error}") };
        assert_eq!(jobs.get(job).await.unwrap().args.last().unwrap(), "3600");

        mock.fail_next(Op::JobRun, Fault::drop_before());
        let error = jobs.run(["exit", "4"]).await.unwrap_err();
        let pending = error.pending().cloned().unwrap();
        let Pending::PerhapsJob { run, .. } = &pending else { panic!("{error}") };
        assert!(client.resume(pending.clone()).await.unwrap_err().is_not_found());
        // It arrives late.
        jobs.run(["exit", "4"]).meta(RUN_ID, run).await.unwrap();
        let Outcome::JobEnded(job) = client.resume(pending).await.unwrap() else { panic!() };
        assert_eq!(job.exit_status, Some(4));
    }
}
