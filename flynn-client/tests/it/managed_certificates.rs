//! Certificates by ACME, on both states of the fork.

use std::sync::{Arc, Mutex};

use flynn_client::apps::NewApp;
use flynn_client::managed_certificates::ManagedCertificateStatus as Status;
use flynn_client::routes::{NewRoute, Route};
use flynn_client::{Client, ErrorKind};
use flynn_mock::{Fault, MockController, Op, ServerAge};
use futures_util::future::join;
use serde_json::json;
use tokio::sync::oneshot;

const FORKS: [ServerAge; 2] = [ServerAge::Fork2026June, ServerAge::Fork2026September];
const DOMAIN: &str = "shop.test";

async fn fork(age: ServerAge) -> (Arc<MockController>, Client) {
    let mock = MockController::builder().server(age).bootstrapped("example.com").start().await;
    let client = mock.client();
    (Arc::new(mock), client)
}

/// An app whose route asks for a certificate.
async fn asked(client: &Client) -> Route {
    client.acme().enable("ops@shop.test").await.unwrap();
    client.apps().create(NewApp::named("shop")).await.unwrap();
    let route = NewRoute::http(DOMAIN).managed_certificate(DOMAIN);
    client.app("shop").routes().create(route).await.unwrap()
}

#[tokio::test]
async fn one_that_does_not_exist_is_not_found_although_the_server_says_500() {
    for age in FORKS {
        let (mock, client) = fork(age).await;
        asked(&client).await;
        mock.issue_certificate(DOMAIN).unwrap();
        let all = client.managed_certificates();
        let id = all.list().await.unwrap().remove(0).id;
        let unknown = "11111111-0000-4000-8000-00000000000a";
        assert!(all.get(unknown).await.unwrap_err().is_not_found());
        assert!(all.get_opt(unknown).await.unwrap().is_none());
        assert!(all.retry(unknown).await.unwrap_err().is_not_found());
        assert_eq!(all.get_opt(&id).await.unwrap().unwrap().status, Status::Issued);
        mock.fail_next(Op::ManagedCertificateGet, Fault::status(500));
        assert_eq!(all.get(&id).await.unwrap_err().kind(), ErrorKind::Server, "it exists");
    }
}

#[tokio::test]
async fn waiting_shows_each_state_and_ends_with_the_certificate() {
    for age in FORKS {
        let (mock, client) = fork(age).await;
        asked(&client).await;
        let id = client.managed_certificates().list().await.unwrap().remove(0).id;
        let seen = Arc::<Mutex<Vec<Status>>>::default();
        let (begun, waits) = oneshot::channel();
        let (steps, mut begun) = (Arc::clone(&seen), Some(begun));
        let wait = client.managed_certificates().wait(DOMAIN).on_step(move |certificate| {
            steps.lock().unwrap().push(certificate.status.clone());
            begun.take().map(|begun| begun.send(()));
        });
        let drive = async {
            waits.await.unwrap();
            client.managed_certificates().retry(&id).await.unwrap();
            mock.issue_certificate(DOMAIN).unwrap();
        };
        let (issued, ()) = join(wait.into_future(), drive).await;
        let issued = issued.unwrap();
        assert_eq!((&issued.id, issued.domain.as_str()), (&id, DOMAIN));
        assert_eq!(*seen.lock().unwrap(), [Status::Pending, Status::Pending, Status::Issued]);
        let other = client.managed_certificates().wait("other.test").await;
        assert!(other.unwrap_err().is_not_found());
    }
}

#[tokio::test]
async fn a_failure_is_told_with_its_reason_now_or_later() {
    for age in FORKS {
        let (mock, client) = fork(age).await;
        asked(&client).await;
        let all = client.managed_certificates();
        let authority = Arc::clone(&mock);
        // The authority refuses during the wait, and has refused before.
        let refuse = move |_: &_| authority.refuse_certificate(DOMAIN, "no A record").unwrap();
        let now = all.wait(DOMAIN).on_step(refuse_once(refuse)).await.unwrap_err();
        let later = all.wait(DOMAIN).await.unwrap_err();
        for error in [now, later] {
            assert!(error.is_failed() && error.message().contains("no A record"), "{error}");
        }
        // It is retried only on request.
        let id = all.list().await.unwrap().remove(0).id;
        assert_eq!(all.get(&id).await.unwrap().status, Status::Failed);
        assert_eq!(all.retry(&id).await.unwrap().status, Status::Pending);
        mock.issue_certificate(DOMAIN).unwrap();
        assert_eq!(all.wait(DOMAIN).await.unwrap().status, Status::Issued);
    }
}

/// Does this at the first step only.
fn refuse_once<T>(act: impl FnOnce(&T)) -> impl FnMut(&T) {
    let mut act = Some(act);
    move |step| {
        if let Some(act) = act.take() {
            act(step);
        }
    }
}

#[tokio::test]
async fn the_certificate_of_a_managed_route_is_not_replaced_by_mistake() {
    for age in FORKS {
        let (mock, client) = fork(age).await;
        let route = asked(&client).await;
        mock.issue_certificate(DOMAIN).unwrap();
        let routes = client.app("shop").routes();
        let issued = routes.get(&route).await.unwrap();
        let own = client.app("controller").routes().list().await.unwrap().remove(0);
        let own = own.certificate.unwrap();

        let error = routes.update(&route).certificate(&own.cert, &own.key).await.unwrap_err();
        assert!(error.is_conflict() && error.message().contains("detach"), "{error}");
        assert_eq!(routes.get(&route).await.unwrap(), issued, "nothing has changed");

        routes.update(&route).sticky(true).await.unwrap();
        let sticky = routes.get(&route).await.unwrap();
        assert!(sticky.sticky);
        assert_eq!(sticky.managed_certificate_domain, DOMAIN, "an update keeps it");
        assert_eq!(sticky.certificate.unwrap().cert, issued.certificate.unwrap().cert);

        let update = routes.update(&route).certificate(&own.cert, &own.key);
        update.detach_managed_certificate().await.unwrap();
        let detached = routes.get(&route).await.unwrap();
        assert_eq!(detached.managed_certificate_domain, "");
        assert_eq!(detached.certificate.unwrap().cert.trim(), own.cert.trim());
        let sent = mock.requests().of(Op::RouteUpdate);
        let sent = sent.last().unwrap().json();
        assert_eq!(sent.get("managed_certificate_domain"), None);
        assert_eq!(sent["certificate"], json!({ "cert": own.cert, "key": own.key }));
    }
}

#[tokio::test]
async fn enabling_keeps_the_other_settings() {
    for age in FORKS {
        let (_mock, client) = fork(age).await;
        let acme = client.acme();
        let key = "-----BEGIN EC PRIVATE KEY-----";
        acme.update().directory_url("https://d.test").account_key(key).await.unwrap();
        acme.enable("ops@shop.test").await.unwrap();
        let config = acme.get().await.unwrap();
        assert!(config.enabled && config.terms_of_service_agreed && config.has_account_key);
        let texts = (config.directory_url.as_str(), config.contact_email.as_str());
        assert_eq!(texts, ("https://d.test", "ops@shop.test"));
        assert!(config.account_key.is_empty());

        acme.update().enabled(false).await.unwrap();
        let config = acme.get().await.unwrap();
        assert!(!config.enabled && config.contact_email == "ops@shop.test");
        let (_other, without) = fork(age).await;
        assert!(without.acme().update().enabled(true).await.unwrap_err().is_validation());
    }
}

/// No server has such fields today, so only an invented answer can test them.
#[tokio::test]
async fn fields_that_are_not_known_are_written_back() {
    use crate::server::{Server, json as answer};

    let route = r#"{"type":"http","id":"r1","domain":"a.test","extra":1}"#;
    let config = r#"{"enabled":false,"extra":1}"#;
    let certificate = r#"{"id":"c1","domain":"a.test","status":"failed","extra":1}"#;
    let server = Server::answering(move |seen| match seen.call() {
        "GET /acme/config" => answer(200, config),
        "GET /managed-certificates/c1" => answer(200, certificate),
        "GET /apps/shop/routes/http/r1" => answer(200, route),
        _ => answer(200, &seen.body),
    })
    .await;
    let client = server.client();
    client.acme().enable("ops@a.test").await.unwrap();
    client.managed_certificates().retry("c1").await.unwrap();
    client.app("shop").routes().update("http/r1").sticky(true).await.unwrap();
    let sent: Vec<_> = server.seen().into_iter().filter(|seen| !seen.body.is_empty()).collect();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|seen| seen.json()["extra"] == 1), "{sent:?}");
}
