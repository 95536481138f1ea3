//! Retries.

use std::time::Duration;

use flynn_client::apps::NewApp;
use flynn_client::http::Method;
use flynn_client::providers::NewProvider;
use flynn_client::routes::NewRoute;
use flynn_client::{Client, ErrorKind, RetryPolicy};
use serde_json::Value;

use crate::server::{Server, Step, answer, json};

const UNAVAILABLE: &str = r#"{"code":"service_unavailable","message":"down","retry":true}"#;
/// The answer of a router that has closed its database, which permanent errors share.
const PLAIN: &str = r#"{"code":"unknown_error","message":"Something went wrong","retry":false}"#;
const BROKEN: &str = r#"{"code":"unknown_error","message":"db","retry":true}"#;

#[tokio::test]
async fn a_read_survives_what_may_pass() {
    let server = Server::play([
        Step::Drop,
        json(503, UNAVAILABLE),
        json(500, BROKEN),
        json(200, r#"{"id":"1","name":"www"}"#),
    ])
    .await;
    assert_eq!(server.client().app("www").get().await.unwrap().name, "www");
    assert_eq!(server.lines(), ["GET /apps/www"; 4]);
}

/// What is created by a call of one request.
fn provider() -> NewProvider {
    NewProvider::new("pg", "http://pg.discoverd")
}

#[tokio::test]
async fn a_creation_is_sent_once_when_it_may_have_happened() {
    for step in [
        Step::Drop,
        json(500, BROKEN),
        answer(502, "", ""),
        answer(503, "", ""),
        answer(504, "", ""),
    ] {
        let server = Server::play([step.clone(), json(200, "{}")]).await;
        let error = server.client().providers().create(provider()).await.unwrap_err();
        assert_eq!((server.seen().len(), error.attempts()), (1, 1), "{step:?}");
        assert!(error.is_retryable(), "{step:?}");
    }
}

#[tokio::test]
async fn a_creation_is_repeated_when_it_cannot_have_happened() {
    for step in [json(503, UNAVAILABLE), answer(429, "Retry-After: 0\r\n", "")] {
        let server = Server::play([step, json(200, r#"{"name":"pg"}"#)]).await;
        server.client().providers().create(provider()).await.unwrap();
        let seen = server.seen();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1].json()["name"], "pg", "the body is sent again");
        assert_eq!(seen[1].body, seen[0].body);
    }
}

#[tokio::test]
async fn refused_connections_are_tried_again_for_every_call() {
    let server = Server::play([]).await;
    let address = server.address;
    drop(server);
    let quick = RetryPolicy::default()
        .delays(Duration::from_millis(1), Duration::from_millis(1))
        .max_attempts(3);
    let client =
        Client::builder(format!("http://{address}")).no_proxy().retry(quick).build().unwrap();
    let error = client.apps().create(NewApp::named("www")).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3));
    let text = format!("cannot connect: {address}: connection refused (POST /apps, 3 attempts)");
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_named() {
    let client = Client::builder("http://controller.invalid").no_proxy();
    let error = client.retry(RetryPolicy::none()).build().unwrap().ping().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot connect: controller.invalid:80: name not resolved (GET /ping)"
    );
}

#[tokio::test]
async fn a_delete_that_was_lost_and_is_then_not_found_has_succeeded() {
    let server = Server::play([Step::Drop, answer(404, "", "")]).await;
    server.client().app("www").jobs().kill("host-1").await.unwrap();
    assert_eq!(server.lines(), ["DELETE /apps/www/jobs/host-1"; 2]);

    // A refusal in between changes nothing.
    let server = Server::play([Step::Drop, json(503, UNAVAILABLE), answer(404, "", "")]).await;
    server.client().app("www").jobs().kill("host-1").await.unwrap();

    let server = Server::play([answer(404, "", "")]).await;
    assert!(server.client().app("www").jobs().kill("host-1").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_delete_that_was_refused_and_is_then_not_found_has_failed() {
    for refusal in [json(503, UNAVAILABLE), answer(429, "", "")] {
        let server = Server::play([refusal, answer(404, "", "")]).await;
        let error = server.client().app("www").jobs().kill("host-1").await.unwrap_err();
        assert!(error.is_not_found() && error.attempts() == 2, "{error:?}");
        assert!(!error.may_have_acted());
    }
}

#[tokio::test]
async fn permanent_database_errors_are_bounded() {
    let server = Server::play(vec![json(500, BROKEN); 50]).await;
    let error = server.client().apps().list().await.unwrap_err();
    assert_eq!((error.attempts(), server.seen().len()), (4, 4));
    assert_eq!((error.kind(), error.code()), (ErrorKind::Server, Some("unknown_error")));
    let none = server.builder().retry(RetryPolicy::none()).build().unwrap();
    assert_eq!(none.apps().list().await.unwrap_err().attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured() {
    let server = Server::play([answer(429, "Retry-After: 1\r\n", ""), json(200, "[]")]).await;
    let begun = tokio::time::Instant::now();
    server.client().apps().list().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));

    // Later than the policy allows, so the call does not wait.
    let server = Server::play([answer(429, "Retry-After: 3600\r\n", "")]).await;
    let error = server.client().apps().list().await.unwrap_err();
    assert!(error.is_rate_limited());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn calls_that_the_router_has_a_part_in_survive_its_restart() {
    // More than `max_attempts`, including another fault.
    let restart = || [vec![json(500, PLAIN); 6], vec![Step::Drop], vec![json(500, PLAIN); 6]];
    let route = r#"{"type":"http","id":"u1","domain":"www.example.com","path":"/"}"#;
    let list = format!("[{route}]");
    let then = |body: &str| restart().concat().into_iter().chain([json(200, body)]);

    let server = Server::play(then(&list)).await;
    assert_eq!(server.client().app("www").routes().list().await.unwrap().len(), 1);
    assert_eq!(server.lines(), ["GET /apps/www/routes"; 14]);

    let server = Server::play(then(&list)).await;
    assert_eq!(server.client().routes().list().await.unwrap().len(), 1);

    let server = Server::play(then(route)).await;
    assert_eq!(server.client().app("www").routes().get("http/u1").await.unwrap().uuid, "u1");

    let server = Server::play([json(200, route)].into_iter().chain(then(route))).await;
    server.client().app("www").routes().update("http/u1").sticky(true).await.unwrap();
    assert_eq!(server.lines()[1..], ["PUT /apps/www/routes/http/u1"; 14]);
    assert!(server.seen()[1..].iter().all(|seen| seen.json()["sticky"] == true));
}

#[tokio::test]
async fn a_plain_500_of_any_other_call_is_an_error_at_once() {
    let server = Server::play(vec![json(500, PLAIN); 9]).await;
    let client = server.client();
    let www = client.app("www");
    let errors = [
        client.apps().list().await.unwrap_err(),
        www.get().await.unwrap_err(),
        www.routes().create(NewRoute::http("www.example.com")).await.unwrap_err(),
        www.routes().delete("http/u1").await.unwrap_err(),
        www.set_meta([("a", "b")]).await.unwrap_err(),
    ];
    for error in &errors {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Server, 1), "{error}");
    }
    assert_eq!(server.seen().len(), errors.len());
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_restarting_router_is_bounded() {
    let server = Server::answering(|_| json(500, PLAIN)).await;
    let policy = RetryPolicy::default().delays(Duration::from_millis(1), Duration::from_millis(9));
    let until = |elapsed| server.builder().retry(policy.router_restart(elapsed)).build();
    let error = until(Duration::from_millis(300)).unwrap().routes().list().await.unwrap_err();
    assert!(error.kind() == ErrorKind::Server && error.attempts() > 4, "{error}");

    let begun = server.seen().len();
    let routes = until(Duration::ZERO).unwrap().app("www").routes();
    assert_eq!(routes.list().await.unwrap_err().attempts(), 1);
    let none = server.builder().retry(RetryPolicy::none()).build().unwrap();
    assert_eq!(none.routes().list().await.unwrap_err().attempts(), 1);
    assert_eq!(server.seen().len(), begun + 2);
}

/// The policy of a call of several requests is that of each of them.
#[tokio::test]
async fn a_policy_reaches_every_step() {
    let app = r#"{"id":"11111111-0000-4000-8000-00000000000a","name":"www"}"#;
    let steps = || [answer(404, "", ""), Step::Drop, json(200, app)];
    let server = Server::play(steps()).await;
    assert!(server.client().app("www").env().get().await.unwrap().is_empty());
    assert_eq!(server.seen().len(), 3);

    let server = Server::play(steps()).await;
    let env = server.client().app("www").env().get();
    let error = env.retry(RetryPolicy::none()).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Connection, Some("/apps/www")));
    assert_eq!((error.attempts(), server.seen().len()), (1, 2));
}

#[tokio::test]
async fn every_kind_of_call_has_a_policy_of_its_own() {
    let drops = || Server::play([Step::Drop, json(200, "[]")]);
    let none = RetryPolicy::none();
    let server = drops().await;
    assert!(server.client().routes().list().retry(none).await.is_err());
    let server = drops().await;
    assert!(server.client().app("www").env().set([("A", "1")]).retry(none).await.is_err());
    let server = drops().await;
    assert!(
        server.client().request(Method::GET, "/x").retry(none).decode::<Value>().await.is_err()
    );
    let server = drops().await;
    assert!(server.client().app("www").log().retry(none).follow().await.is_err());
    assert_eq!(server.seen().len(), 1);
}
