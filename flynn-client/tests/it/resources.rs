//! Resources, and the trap of removing one app from one of them.

use std::time::Duration;

use flynn_client::Pending;
use flynn_client::apps::NewApp;
use flynn_client::resources::{ExternalResource, NewResource, Resource};
use flynn_client::{AppId, ProviderId};
use flynn_mock::{MockController, ServerAge};

use crate::server::{Server, Step, answer, json};

const AGES: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];
const APP: &str = "11111111-0000-4000-8000-000000000001";
const LINKED: &str =
    r#"[{"id":"r1","provider":"p1"},{"id":"r2","provider":"p2"},{"id":"r3","provider":"p3"}]"#;

fn ids(resources: &[Resource]) -> Vec<&str> {
    let mut ids: Vec<_> = resources.iter().map(|resource| resource.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn the_safe_way_keeps_the_other_links_and_the_servers_own_does_not() {
    for age in AGES {
        let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
        let flynn = mock.client();
        let www = flynn.apps().create(NewApp::named("www")).await.unwrap();
        let postgres = flynn.provider("postgres").resources();
        let mut made = Vec::new();
        for _ in 0..3 {
            made.push(postgres.provision(NewResource::for_app("www")).await.unwrap());
        }
        assert_eq!(made[0].apps, std::slice::from_ref(&www.id));

        let removed = postgres.remove_app(&made[0].id, "www").await.unwrap();
        assert!(removed.apps.is_empty(), "{age:?} {removed:?}");
        assert_eq!(ids(&flynn.app("www").resources().list().await.unwrap()), ids(&made[1..]));
        // A second call finds no link and sends only reads.
        mock.clear_requests();
        postgres.remove_app(&made[0].id, "www").await.unwrap();
        assert!(mock.requests().iter().all(|request| request.method == "GET"));

        postgres.add_app(&made[0].id, "www").await.unwrap();
        assert_eq!(ids(&flynn.app("www").resources().list().await.unwrap()), ids(&made));

        postgres.remove_app_everywhere(&made[0].id, &www.id).await.unwrap();
        assert!(flynn.app("www").resources().list().await.unwrap().is_empty(), "{age:?}");
    }
}

#[tokio::test]
async fn what_exists_outside_is_registered_under_a_chosen_id() {
    for age in AGES {
        let mock = MockController::builder().bootstrapped("example.com").server(age).start().await;
        let postgres = mock.client().provider("postgres").resources();
        let id = "aaaaaaaa-0000-4000-8000-000000000001";
        let env: flynn_client::Env = [("DATABASE_URL", "postgres://u:p@h/d")].into_iter().collect();
        let external = || ExternalResource::new("/databases/d").env(env.clone()).app("blobstore");
        let made = postgres.register(id, external()).await.unwrap();
        assert_eq!((made.id.as_str(), made.external_id.as_str()), (id, "/databases/d"));
        assert_eq!(postgres.get(id).await.unwrap().env["DATABASE_URL"], "postgres://u:p@h/d");
        // It is not an update.
        assert_eq!(postgres.register(id, external()).await.unwrap_err().status().unwrap(), 500);
        assert_eq!(postgres.delete(id).await.unwrap().unwrap().id, made.id);
        assert!(postgres.get_opt(id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn links_that_could_not_be_put_back_are_named() {
    let server = Server::answering(|request| match request.line().split_once(' ').unwrap() {
        ("GET", "/apps/11111111-0000-4000-8000-000000000001/resources") => json(200, LINKED),
        ("DELETE", _) => json(200, r#"{"id":"r1","provider":"p1"}"#),
        ("PUT", path) if path.starts_with("/providers/p2") => {
            json(500, r#"{"code":"unknown_error","message":"no","retry":true}"#)
        }
        ("PUT", _) => json(200, r#"{"id":"r3","provider":"p3"}"#),
        _ => answer(404, "", ""),
    })
    .await;
    let error = server.client().provider("p1").resources().remove_app("r1", APP).await.unwrap_err();
    let lost = Pending::ResourceLinks {
        app: AppId::new(APP),
        resources: vec![(ProviderId::new("p2"), "r2".into())],
    };
    assert_eq!(error.pending(), Some(&lost));
    // The link after the failure was still restored.
    let final_line = server.lines().pop().unwrap();
    assert_eq!(final_line, format!("PUT /providers/p3/resources/r3/apps/{APP}"));
}

#[tokio::test(start_paused = true)]
async fn links_are_put_back_beyond_the_timeout() {
    let server = Server::answering(|request| match request.line().split_once(' ').unwrap() {
        ("GET", _) => json(200, LINKED),
        ("DELETE", _) => json(200, r#"{"id":"r1","provider":"p1"}"#),
        ("PUT", path) if path.starts_with("/providers/p2") => {
            let head =
                "HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n";
            Step::Trickle(format!(r#"{head}{{"id":"r2"}}"#), " ", 3, Duration::from_millis(200))
        }
        ("PUT", _) => json(200, r#"{"id":"r3","provider":"p3"}"#),
        _ => answer(404, "", ""),
    })
    .await;
    let remove = server.client().provider("p1").resources().remove_app("r1", APP);
    let removed = remove.timeout(Duration::from_millis(300)).await.unwrap();
    assert_eq!(removed.id, "r1");
    assert_eq!(server.lines().len(), 4, "{:?}", server.lines());
}

#[tokio::test]
async fn a_removal_whose_answer_was_lost_names_all_links() {
    let server = Server::answering(|request| match request.line().split_once(' ').unwrap() {
        ("GET", _) => json(200, LINKED),
        _ => Step::Drop,
    })
    .await;
    let error = server.client().provider("p1").resources().remove_app("r1", APP).await.unwrap_err();
    let Some(Pending::ResourceLinks { resources, .. }) = error.pending() else {
        panic!("{error:?}")
    };
    assert_eq!(resources.len(), 2);
    // After a refusal nothing is pending.
    let server = Server::answering(|request| match request.line().split_once(' ').unwrap() {
        ("GET", _) => json(200, LINKED),
        _ => answer(404, "", ""),
    })
    .await;
    let error = server.client().provider("p1").resources().remove_app("r1", APP).await.unwrap_err();
    assert!(error.is_not_found() && error.pending().is_none());
}

#[test]
fn the_urls_of_providers_stay_out_of_debug() {
    let url = "http://user:s3cret@mine.discoverd/x";
    let new = flynn_client::providers::NewProvider::new("mine", url);
    let mut provider = flynn_client::providers::Provider::default();
    provider.url = url.to_owned();
    assert!(!format!("{new:?} {provider:?}").contains("s3cret"));
}

#[tokio::test]
async fn nothing_is_made_for_an_app_that_is_not_there() {
    let mock = MockController::builder().bootstrapped("example.com").start().await;
    let flynn = mock.client();
    let postgres = flynn.provider("postgres").resources();
    let error = postgres.provision(NewResource::for_app("nosuch")).await.unwrap_err();
    assert!(error.is_not_found() && error.path() == Some("/apps/nosuch"), "{error:?}");
    assert!(mock.requests().iter().all(|request| request.method == "GET"));
}
