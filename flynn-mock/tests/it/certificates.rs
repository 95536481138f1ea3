//! The mock accepts and refuses certificates as Go does.

use flynn_mock::{MockController, ServerAge};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::raw::{call, get, post};

/// A pair and what Go 1.19 says of it, trimmed as the server does; see `verdicts.go` beside the table.
#[derive(Deserialize)]
struct Pair {
    name: String,
    cert: String,
    key: String,
    verdict: String,
}

const PAIRS: &str = include_str!("../data/key_pairs/pairs.json");

/// Errors for files that are not certificates, whose wording in Go 1.17 differs from that of the server's Go, which
/// names the rule of ASN.1.
const REWORDED: [&str; 3] =
    ["x509: malformed certificate", "x509: malformed tbs certificate", "x509: invalid ECDSA"];

#[tokio::test]
async fn a_route_takes_the_pairs_that_go_takes() {
    let pairs: Vec<Pair> = serde_json::from_str(PAIRS).unwrap();
    assert!(pairs.len() > 100);
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().server(age).start().await;
        let app = post(&mock, "/apps", json!({"name": "www"})).await;
        let target = format!("/apps/{}/routes", app["id"].as_str().unwrap());
        let mut wrong = Vec::new();
        for (n, pair) in pairs.iter().enumerate() {
            let route = json!({
                "type": "http", "service": "www-web", "domain": format!("{n}.test"),
                "drain_backends": true, "certificate": {"cert": pair.cert, "key": pair.key},
            });
            let answer = call(&mock, Method::POST, &target, &route.to_string()).await;
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            let message = body["message"].as_str().unwrap_or_default();
            let verdict = message.strip_prefix("Certificate invalid: ").unwrap_or(message);
            // Go had no Ed25519 in 2016.
            let is_ed25519 = pair.name.to_ascii_lowercase().starts_with("ed25519");
            let agrees = if age == ServerAge::V2016 && is_ed25519 {
                answer.status == 400
            } else if REWORDED.iter().any(|text| pair.verdict.starts_with(text)) {
                verdict.starts_with("asn1: ")
            } else {
                verdict == pair.verdict
            };
            if !agrees {
                wrong.push(format!("{}: {verdict:?}, Go: {:?}", pair.name, pair.verdict));
            }
        }
        assert!(wrong.is_empty(), "{age:?}:\n{}", wrong.join("\n"));
    }
}

#[tokio::test]
async fn a_router_whose_certificate_cannot_be_loaded_does_not_come_up() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().bootstrapped("d.test").server(age).tls().start().await;
        let before = get(&mock, "/apps/router/release").await.json();
        let pin = mock.pin();
        let mut release = before.clone();
        release["env"]["TLSKEY"] = json!("-----BEGIN PRIVATE KEY-----\nAAAA\n");
        for gone in ["id", "created_at", "artifact"] {
            release.as_object_mut().unwrap().remove(gone);
        }
        let release = post(&mock, "/releases", release).await;
        let deployment =
            post(&mock, "/apps/router/deploy", json!({"id": release["id"]})).await["id"].clone();
        mock.run_to_end();
        let deployment =
            get(&mock, &format!("/deployments/{}", deployment.as_str().unwrap())).await;
        assert_eq!(deployment.json()["status"], "failed", "{age:?}");
        assert_eq!(get(&mock, "/apps/router/release").await.json()["id"], before["id"]);
        assert_eq!(mock.state().app("router").unwrap().running("app"), 3);
        assert_eq!(mock.pin(), pin);
        let log = get(&mock, "/apps/router/log?lines=-1").await;
        let log = String::from_utf8(log.body.to_vec()).unwrap();
        assert!(log.contains("tls: failed to find any PEM data in key input"), "{log}");
    }
}
