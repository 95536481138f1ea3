//! Deleting apps.

use std::time::Duration;

use flynn_client::AppId;
use flynn_client::apps::NewApp;
use flynn_client::deletion::DeletionStep;
use flynn_client::releases::NewRelease;
use flynn_client::{ErrorKind, Pending};
use flynn_mock::{MockController, ServerAge};
use futures_util::TryStreamExt as _;

use crate::server::{Server, Step, answer, events, json, open_events};

const APP: &str = r#"{"id":"11111111-0000-4000-8000-000000000001","name":"www"}"#;
const ID: &str = "11111111-0000-4000-8000-000000000001";

fn frame(id: u32, error: &str) -> String {
    format!(
        "data: {{\"id\":{id},\"object_type\":\"app_deletion\",\"object_id\":\"{ID}\",\"data\":{{\
         \"app_deletion\":{{\"app\":\"{ID}\",\"deleted_routes\":null}},\"error\":\"{error}\"}}}}\n\n"
    )
}

#[tokio::test]
async fn an_app_goes_with_what_it_has() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
        let flynn = mock.client();
        let app = flynn.apps().create(NewApp::named("www")).await.unwrap();
        let deletion = flynn.app("www").delete().await.unwrap();
        assert_eq!(deletion.id, app.id);
        let gone = deletion.wait().timeout(Duration::from_secs(60)).await.unwrap();
        assert_eq!((gone.app_id, gone.deleted_routes.len()), (app.id.clone(), 1));
        assert!(flynn.app("www").get_opt().await.unwrap().is_none());
        // The id is enough to wait again after the app has been deleted.
        flynn.app_deletion(&app.id).wait().timeout(Duration::from_secs(60)).await.unwrap();
        assert!(flynn.app("www").delete().await.unwrap_err().is_not_found());
    }
}

#[tokio::test]
async fn a_release_goes_with_its_files() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
        let flynn = mock.client();
        let www = flynn.apps().create(NewApp::named("www")).await.unwrap();
        let mut made = Vec::new();
        for _ in 0..2 {
            let release = flynn.releases().create(NewRelease::of_app(&www.id)).await.unwrap();
            flynn.app("www").set_release(&release.id).await.unwrap();
            made.push(release.id);
        }
        let current = flynn.app("www").delete_release(&made[1]).await.unwrap_err();
        assert!(current.is_validation(), "{current:?}");
        let deletion = flynn.app("www").delete_release(&made[0]).await.unwrap();
        let gone = deletion.wait().timeout(Duration::from_secs(60)).await.unwrap();
        assert_eq!(gone.release_id, made[0]);
        assert!(flynn.releases().get_opt(&made[0]).await.unwrap().is_none());
        flynn
            .app("www")
            .release_deletion(&made[0])
            .wait()
            .timeout(Duration::from_secs(60))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_failed_wait_for_a_release_deletion_is_pending() {
    let server = Server::play([answer(401, "", "")]).await;
    let error = server.client().app("www").release_deletion("r1").wait().await.unwrap_err();
    assert!(error.is_unauthorized());
    assert_eq!(
        error.pending(),
        Some(&Pending::ReleaseDeletion { app: "www".into(), release: "r1".into() })
    );
}

#[tokio::test]
async fn failures_are_steps_on_the_way() {
    let server = Server::play([events(&(frame(1, "a job will not stop") + &frame(2, "")))]).await;
    let gone = server.client().app_deletion(AppId::new(ID)).wait().await.unwrap();
    assert_eq!(gone.app_id, ID);
    assert!(gone.deleted_routes.is_empty());
    let server_again = Server::play([events(&(frame(1, "not yet") + &frame(2, "")))]).await;
    let steps: Vec<_> =
        server_again.client().app_deletion(AppId::new(ID)).watch().try_collect().await.unwrap();
    assert!(
        matches!(&steps[..], [DeletionStep::Failed(why), DeletionStep::Done(_)] if why == "not yet")
    );
    let query = server.seen()[0].query().to_owned();
    assert!(query.contains(&format!("object_id={ID}")) && query.contains("past=true"), "{query}");
    assert!(!query.contains("app_id"), "the app is about to be gone: {query}");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_tells_the_servers_trouble() {
    let server = Server::play([open_events(&frame(1, "a job will not stop"))]).await;
    let wait =
        server.client().app_deletion(AppId::new(ID)).wait().timeout(Duration::from_millis(300));
    let error = wait.await.unwrap_err();
    assert!(error.is_timeout() && error.message().contains("a job will not stop"), "{error:?}");
    assert_eq!(error.pending(), Some(&Pending::AppDeletion { app: AppId::new(ID) }));
}

#[tokio::test]
async fn a_lost_answer_is_no_reason_to_delete_twice() {
    let server = Server::play([json(200, APP), Step::Drop]).await;
    let error = server.client().app("www").delete().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.pending(), Some(&Pending::AppDeletion { app: AppId::new(ID) }));
    assert_eq!(server.lines(), ["GET /apps/www".to_owned(), format!("DELETE /apps/{ID}")]);
}

#[tokio::test]
async fn a_404_ends_the_wait_after_the_stream_is_lost() {
    let server = Server::answering(|request| match request.call() {
        "GET /events" => answer(401, "", ""),
        _ => answer(404, "", ""),
    })
    .await;
    let gone = server.client().app_deletion(AppId::new(ID)).wait().await.unwrap();
    assert_eq!(gone.app_id, ID);
}

#[tokio::test]
async fn an_answer_of_a_proxy_is_no_reason_to_delete_twice() {
    for answered in [answer(502, "", "<html>"), answer(504, "", ""), json(200, "<html>")] {
        let server = Server::play([json(200, APP), answered.clone()]).await;
        let error = server.client().app("www").delete().await.unwrap_err();
        assert_eq!(
            error.pending(),
            Some(&Pending::AppDeletion { app: AppId::new(ID) }),
            "{answered:?}"
        );
        assert_eq!(server.lines().len(), 2, "{:?}", server.lines());
    }
    let server = Server::play([json(200, APP), answer(403, "", "")]).await;
    assert_eq!(server.client().app("www").delete().await.unwrap_err().pending(), None);
}
