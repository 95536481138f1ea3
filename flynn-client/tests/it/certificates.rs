use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flynn_client::certificates::{CertificatePlan, Place, Question};
use flynn_client::{Client, Error, ErrorKind, Pending};
use flynn_mock::{MockController, Op, ServerAge};

use crate::faults;

const DOMAIN: &str = "example.com";

async fn cluster() -> Arc<MockController> {
    Arc::new(MockController::builder().bootstrapped(DOMAIN).start().await)
}

/// A pair for the same domain that another cluster has.
async fn pair() -> (String, String) {
    let other = cluster().await;
    let certificate =
        other.state().app("controller").unwrap().routes().remove(0).certificate.unwrap();
    (certificate.cert, certificate.key.expose().to_owned())
}

async fn plan(client: &Client, (cert, key): &(String, String)) -> Result<CertificatePlan, Error> {
    client.install_certificate(DOMAIN, cert.as_str(), key.as_str()).plan().await
}

/// The certificate that each host presents.
fn presented(mock: &MockController) -> BTreeMap<String, String> {
    let state = mock.state();
    let default = state.app("router").unwrap().release().env["TLSCERT"].clone();
    let routes = state.routes().into_iter().filter(|route| !route.domain.is_empty());
    let presents = routes.map(|route| {
        let own = route.certificate.map(|certificate| certificate.cert);
        (route.domain, own.unwrap_or_else(|| default.clone()).trim().to_owned())
    });
    presents.chain([("default".to_owned(), default.trim().to_owned())]).collect()
}

fn all_present(mock: &MockController, cert: &str) -> bool {
    presented(mock).values().all(|presented| presented == cert.trim())
}

/// Applies the plan as a caller does that checks the hosts.
async fn apply(
    mock: &Arc<MockController>,
    plan: CertificatePlan,
    cert: &str,
) -> Result<Vec<Place>, Error> {
    let (mock, cert) = (Arc::clone(mock), cert.trim().to_owned());
    let applied = plan.apply(move |question| {
        let live = match question {
            Question::IsLive { host } => presented(&mock).get(&host) == Some(&cert),
            _ => true,
        };
        async move { Ok(live) }
    });
    applied.await
}

#[tokio::test]
async fn every_route_and_the_default_get_it_and_the_controller_is_last() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().server(age).bootstrapped(DOMAIN).start().await;
        let mock = Arc::new(mock);
        let pair = pair().await;
        let before = mock.state().routes();
        let planned = plan(&mock.client(), &pair).await.unwrap();
        let places: Vec<_> = planned.steps().map(ToString::to_string).collect();
        assert_eq!(places.last().unwrap(), "route controller.example.com of controller");
        assert_eq!(places[places.len() - 2], "default certificate of the router");
        assert!(!places.iter().any(|place| place.contains("status.")), "{places:?}");

        let done = apply(&mock, planned, &pair.0).await.unwrap();
        assert_eq!(done.len(), places.len());
        assert!(all_present(&mock, &pair.0), "{:?}", presented(&mock).keys());
        // Nothing else of a route has changed.
        for (mut old, mut new) in before.into_iter().zip(mock.state().routes()) {
            assert_eq!(old.certificate.is_some(), new.certificate.is_some());
            (old.certificate, new.certificate) = (None, None);
            (old.updated_at, new.updated_at) = (None, None);
            assert_eq!(old, new);
        }
        assert!(plan(&mock.client(), &pair).await.unwrap().is_empty());
    }
}

/// A domain that ends with a port, as the domains of clusters may.
#[tokio::test]
async fn other_domains_leave_the_default_alone() {
    let mock = cluster().await;
    let (cert, key) = pair().await;
    let client = mock.client();
    let install = client.install_certificate("example.com:8443", cert.as_str(), key.as_str());
    let all = install.clone().plan().await.unwrap().steps().len();
    let git = install.clone().only(|route| route.domain.starts_with("git.")).router_default(false);
    let places: Vec<_> = git.plan().await.unwrap().steps().map(ToString::to_string).collect();
    assert_eq!(places, ["route git.example.com of gitreceive"]);
    assert!(all > 2);
    let other = client.install_certificate("other.test", cert.as_str(), key.as_str());
    assert!(other.plan().await.unwrap().is_empty());
    for (domain, cert, key) in [("", "x", "y"), (DOMAIN, " ", "y"), (DOMAIN, "x", "")] {
        let refused = client.install_certificate(domain, cert, key).plan().await.unwrap_err();
        assert!(refused.is_validation(), "{refused}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_live_or_not_trusted_is_taken_back() {
    for (dead, says) in [
        ("git.example.com", "git.example.com does not present the new certificate"),
        ("controller.example.com", "controller.example.com does not present the new certificate"),
        ("trust", "the caller does not trust the new certificate"),
        ("trust later", "the caller does not trust the new certificate"),
        ("error", "cannot verify the certificate of git.example.com"),
    ] {
        let mock = cluster().await;
        let before = presented(&mock);
        let planned = plan(&mock.client(), &pair().await).await.unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let questions = Arc::clone(&asked);
        let refused = planned
            .apply(move |question| {
                let mut asked = questions.lock().unwrap();
                let first = !asked.contains(&question);
                asked.push(question.clone());
                let answer = match question {
                    Question::IsTrusted => Ok(dead != "trust" && (first || dead != "trust later")),
                    Question::IsLive { host } if dead == "error" && host.starts_with("git.") => {
                        Err("no route to host".into())
                    }
                    Question::IsLive { host } => Ok(host != dead),
                    _ => Ok(true),
                };
                async move { answer }
            })
            .live_within(Duration::from_millis(300))
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Failed);
        assert!(refused.to_string().contains(says), "{refused}");
        assert_eq!(presented(&mock), before, "{dead}");
        assert!(refused.all_pending().is_empty(), "{refused}");
        // A route that was not changed is not restored.
        let puts = mock.requests().of(Op::RouteUpdate);
        let of_controller =
            puts.iter().filter(|put| put.json()["domain"] == "controller.example.com").count();
        assert_eq!(of_controller, if dead == "controller.example.com" { 2 } else { 0 }, "{dead}");
        let asked = asked.lock().unwrap();
        assert_eq!(asked[0], Question::IsTrusted);
        assert_eq!(format!("{refused:#}").contains("no route to host"), dead == "error");
    }
}

/// Returns a cluster of the fork that has obtained the certificates of these names itself.
async fn managed(names: &[&str]) -> Arc<MockController> {
    let age = ServerAge::Fork2026September;
    let mock = MockController::builder().server(age).bootstrapped(DOMAIN).start().await;
    let client = mock.client();
    client.acme().enable("ops@example.com").await.unwrap();
    for route in mock.state().routes() {
        if names.contains(&route.domain.as_str()) {
            let routes = client.app(route.parent_ref.rsplit('/').next().unwrap()).routes();
            routes.update(&route).managed_certificate(&route.domain).await.unwrap();
            mock.issue_certificate(&route.domain).unwrap();
        }
    }
    Arc::new(mock)
}

/// The names whose certificate the cluster manages.
fn managed_names(mock: &MockController) -> Vec<String> {
    let mut names: Vec<_> =
        mock.state().routes().into_iter().map(|route| route.managed_certificate_domain).collect();
    names.retain(|name| !name.is_empty());
    names.sort();
    names
}

#[tokio::test]
async fn managed_certificates_are_replaced_on_request_alone() {
    let names = ["controller.example.com", "git.example.com"];
    let mock = managed(&names).await;
    let (cert, key) = pair().await;
    let client = mock.client();
    let install = client.install_certificate(DOMAIN, cert.as_str(), key.as_str());
    let places = |plan: &CertificatePlan| plan.steps().map(ToString::to_string).collect::<Vec<_>>();
    let without = places(&install.plan().await.unwrap());
    assert!(!without.iter().any(|place| place.contains("git.")), "{without:?}");

    let planned = install.clone().detach_managed(true).plan().await.unwrap();
    let with = places(&planned);
    assert_eq!(with.len(), without.len() + 2);
    assert_eq!(
        with[with.len() - 2..],
        [
            "route auth.example.com of controller",
            "route controller.example.com of controller, whose certificate is no longer managed",
        ]
    );
    // After the undo they are managed again.
    let refused = planned
        .apply(|question| async move {
            Ok(!matches!(question, Question::IsLive { host } if host == "controller.example.com"))
        })
        .live_within(Duration::from_millis(100))
        .await
        .unwrap_err();
    assert!(refused.all_pending().is_empty(), "{refused}");
    assert_eq!(managed_names(&mock), names);

    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let planned = install.detach_managed(true).plan().await.unwrap();
    let apply = planned.apply(|_| async { Ok(true) });
    let apply = apply.on_step(move |place| seen.lock().unwrap().push(place.to_string()));
    apply.await.unwrap();
    assert_eq!(*steps.lock().unwrap(), with);
    assert!(managed_names(&mock).is_empty());
    assert!(all_present(&mock, &cert), "{:?}", presented(&mock).keys());
}

/// A fault at a request: the cluster is as before or as asked, or the error names what has the new certificate, and
/// another plan ends it.
#[tokio::test]
async fn a_fault_at_any_request_leaves_nothing_unsaid() {
    let pair = pair().await;
    let run = async |at, fault| {
        let mock = cluster().await;
        let before = presented(&mock);
        let operation = async |client| {
            let planned = plan(&client, &pair).await?;
            apply(&mock, planned, &pair.0).await
        };
        let (result, count) = faults::run(&mock, at, fault, operation).await;
        match &result {
            None => {}
            Some(Ok(_)) => assert!(all_present(&mock, &pair.0), "{fault:?} {at}"),
            Some(Err(error)) => {
                let named =
                    error.all_pending().iter().any(|p| matches!(p, Pending::Certificate { .. }));
                assert!(named || presented(&mock) == before, "{fault:?} {at}: {error}");
                assert!(!format!("{error:?} {error:#}").contains("PRIVATE KEY"));
            }
        }
        let again = plan(&mock.client(), &pair).await.unwrap();
        apply(&mock, again, &pair.0).await.unwrap();
        assert!(all_present(&mock, &pair.0), "{fault:?} {at}");
        count
    };
    faults::everywhere(7, 20, run).await;
}
