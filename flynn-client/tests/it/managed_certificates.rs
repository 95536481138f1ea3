//! Certificates by ACME, as the fork answers.

use std::sync::{Arc, Mutex};

use flynn_client::ErrorKind;
use flynn_client::managed_certificates::ManagedCertificateStatus as Status;
use flynn_client::routes::NewRoute;
use serde_json::json as value;

use crate::server::{Seen, Server, Step, answer, json, open_events};

const BROKEN: &str = r#"{"code":"unknown_error","message":"Something went wrong","retry":false}"#;

fn certificate(status: &str) -> String {
    format!(r#"{{"id":"c1","domain":"www.test","route_id":"r1","status":"{status}"}}"#)
}

#[tokio::test]
async fn one_that_does_not_exist_is_not_found_although_the_server_says_500() {
    let server = Server::answering(|seen| match seen.call() {
        "GET /managed-certificates" => json(200, format!("[{}]", certificate("issued"))),
        "GET /managed-certificates/c2" => json(200, certificate("issued")),
        _ => json(500, BROKEN),
    })
    .await;
    let all = server.client().managed_certificates();
    assert!(all.get("unknown").await.unwrap_err().is_not_found());
    assert!(all.get_opt("unknown").await.unwrap().is_none());
    assert!(all.retry("unknown").await.unwrap_err().is_not_found());
    assert_eq!(all.get("c1").await.unwrap_err().kind(), ErrorKind::Server, "it exists");
    assert_eq!(all.get_opt("c2").await.unwrap().unwrap().status, Status::Issued);
}

/// Lists the certificate in one state and tells of others by events.
fn worker(listed: &str, told: &[String]) -> impl Fn(&Seen) -> Step + Send + Sync + 'static {
    let listed = certificate(listed);
    let event = |(id, data): (usize, &String)| {
        let id = id + 2;
        format!(
            r#"{{"id":{id},"object_type":"managed_certificate","object_id":"c1","data":{data}}}"#
        )
    };
    let events: Vec<_> = told.iter().enumerate().map(event).collect();
    let last = told.last().cloned().unwrap_or_else(|| listed.clone());
    move |seen| match seen.call() {
        "GET /events" if seen.header("accept") == Some("application/json") => {
            if seen.query().contains("object_id") {
                let newest_first: Vec<_> = events.iter().rev().cloned().collect();
                json(200, format!("[{}]", newest_first.join(",")))
            } else {
                json(200, r#"[{"id":1}]"#)
            }
        }
        "GET /events" => open_events(
            &events.iter().fold(String::new(), |text, event| text + "data: " + event + "\n\n"),
        ),
        "GET /managed-certificates" => json(200, format!("[{listed}]")),
        "GET /managed-certificates/c1" => json(200, &last),
        _ => answer(404, "", ""),
    }
}

#[tokio::test]
async fn waiting_shows_each_state_and_ends_with_the_certificate() {
    let server =
        Server::answering(worker("pending", &[certificate("pending"), certificate("issued")]))
            .await;
    let seen = Arc::<Mutex<Vec<Status>>>::default();
    let steps = Arc::clone(&seen);
    let wait = server.client().managed_certificates().wait("www.test");
    let issued = wait.on_step(move |c| steps.lock().unwrap().push(c.status.clone())).await.unwrap();
    assert_eq!(issued.id, "c1");
    assert_eq!(*seen.lock().unwrap(), [Status::Pending, Status::Pending, Status::Issued]);
    let other = server.client().managed_certificates().wait("other.test").await;
    assert!(other.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_failure_is_told_with_its_reason_now_or_later() {
    let failed = r#"{"id":"c1","domain":"www.test","status":"failed",
        "errors":[{"type":"urn:ietf:params:acme:error:dns","detail":"no A record"}]}"#
        .replace('\n', "");
    for listed in ["pending", "failed"] {
        let server = Server::answering(worker(listed, std::slice::from_ref(&failed))).await;
        let error = server.client().managed_certificates().wait("www.test").await.unwrap_err();
        assert!(error.is_failed() && error.message().contains("no A record"), "{error}");
    }
}

#[tokio::test]
async fn the_certificate_of_a_managed_route_is_not_replaced_by_mistake() {
    let managed =
        r#"{"type":"http","id":"r1","domain":"www.test","managed_certificate_domain":"www.test",
        "certificate":{"cert":"old","key":"old"},"extra":1}"#
            .replace('\n', "");
    let server = Server::answering(move |seen| {
        if seen.call().starts_with("PUT") { json(200, &seen.body) } else { json(200, &managed) }
    })
    .await;
    let routes = server.client().app("www").routes();
    let error = routes.update("http/r1").certificate("new", "new").await.unwrap_err();
    assert!(error.is_conflict() && error.message().contains("detach"), "{error}");
    routes.update("http/r1").certificate("new", "new").detach_managed_certificate().await.unwrap();
    routes.update("http/r1").sticky(true).await.unwrap();
    let sent: Vec<_> =
        server.seen().iter().filter(|seen| !seen.body.is_empty()).map(Seen::json).collect();
    assert_eq!(sent[0].get("managed_certificate_domain"), None);
    assert_eq!(sent[0]["certificate"], value!({"cert": "new", "key": "new"}));
    assert_eq!(sent[1]["managed_certificate_domain"], "www.test", "an update keeps it");
    assert_eq!(sent[1]["extra"], 1);
    let new = serde_json::to_value(NewRoute::http("a.test").managed_certificate("a.test")).unwrap();
    assert_eq!(new["managed_certificate_domain"], "a.test");
}

#[tokio::test]
async fn enabling_keeps_the_other_settings() {
    let server = Server::answering(|seen| match seen.call() {
        "GET /acme/config" => json(200, r#"{"enabled":false,"directory_url":"https://d","new":1}"#),
        _ => json(200, &seen.body),
    })
    .await;
    server.client().acme().enable("ops@www.test").await.unwrap();
    assert_eq!(
        server.seen()[1].json(),
        value!({"enabled": true, "directory_url": "https://d", "new": 1,
            "contact_email": "ops@www.test", "terms_of_service_agreed": true})
    );
}
