//! The refusals of a real server of 2021.

use flynn_mock::{MockController, ServerAge};
use http::Method;
use serde_json::{Value, json};

use crate::raw::{self, call, get, post};

async fn status(mock: &MockController, method: Method, target: &str, body: Value) -> (u16, Value) {
    let answer = call(mock, method, target, &body.to_string()).await;
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status.as_u16(), body)
}

/// An app with a release, and the release's id.
async fn app(mock: &MockController) -> (Value, Value) {
    let app = post(mock, "/apps", json!({"name": "www"})).await;
    let release = raw::release(mock, &app, json!({"processes": {"web": {}}})).await;
    (app, release["id"].clone())
}

#[tokio::test]
async fn the_seed_decides_what_differs_from_start_to_start() {
    // The recorded order of the schemas, then every other order.
    for (seed, app_status, partition_status) in
        [(None, 500, 400), (Some(1), 500, 400), (Some(2), 400, 400), (Some(4), 500, 200)]
    {
        let builder = MockController::builder();
        let mock = match seed {
            Some(seed) => builder.seed(seed).start().await,
            None => builder.start().await,
        };
        let (_, release) = app(&mock).await;
        for wrong in [
            json!({"strategy": "nosuch"}),
            json!({"strategy": 7}),
            json!({"meta": {"a": 7}}),
            json!({"deploy_timeout": "7"}),
        ] {
            let got = status(&mock, Method::POST, "/apps/www", wrong.clone()).await.0;
            assert_eq!(got, app_status, "{seed:?} {wrong}");
        }
        let job = json!({"release": release, "args": ["exit", "0"], "partition": "nosuch"});
        let got = status(&mock, Method::POST, "/apps/www/jobs", job).await.0;
        assert_eq!(got, partition_status, "{seed:?}");
    }
}

#[tokio::test]
async fn routes() {
    let mock = MockController::builder().start().await;
    app(&mock).await;
    let route = |domain: &str| {
        json!({"type": "http", "domain": domain, "service": "www-web",
                                    "drain_backends": true})
    };
    let made = post(&mock, "/apps/www/routes", route("a.test")).await;
    let mut again = route("b.test");
    again["id"] = made["id"].clone();
    let (code, body) = status(&mock, Method::POST, "/apps/www/routes", again).await;
    assert_eq!((code, &body["code"]), (409, &json!("conflict")));
    assert!(body["message"].as_str().unwrap().contains("Duplicate route"), "{body}");
    let long = route(&"a".repeat(300));
    let (code, body) = status(&mock, Method::POST, "/apps/www/routes", long).await;
    assert_eq!((code, &body["retry"]), (500, &json!(true)));
}

#[tokio::test]
async fn ports_of_tcp_routes_are_drawn_in_2016() {
    let mock = MockController::builder().server(ServerAge::V2016).seed(1).start().await;
    post(&mock, "/apps", json!({"name": "www"})).await;
    let mut ports = Vec::new();
    for _ in 0..3 {
        let route = json!({"type": "tcp", "service": "www-web"});
        ports.push(post(&mock, "/apps/www/routes", route).await["port"].as_i64().unwrap());
    }
    assert!(ports.iter().all(|port| (3000..=3500).contains(port)), "{ports:?}");
    assert_ne!(ports, [3000, 3001, 3002]);
}

#[tokio::test]
async fn artifacts_jobs_releases_providers() {
    let mock = MockController::builder().start().await;
    let (app, release) = app(&mock).await;
    let image = json!({"type": "flynn", "uri": "https://images.test/x", "size": 9});
    let (code, body) = status(&mock, Method::POST, "/artifacts", image).await;
    assert_eq!(code, 400);
    assert_eq!(
        body["message"],
        "manifest failed to download from https://images.test/x: verify: no hashes provided"
    );

    for wrong in [json!({"memory": 1}), json!([]), json!({"memory": {"limit": "1"}})] {
        let job = json!({"release": release, "args": ["x"], "resources": wrong});
        let (code, body) = status(&mock, Method::POST, "/apps/www/jobs", job).await;
        assert_eq!((code, &body["code"]), (400, &json!("syntax_error")));
    }

    let id = "11111111-1111-4111-8111-111111111111";
    let job = json!({"id": format!("host1-{id}"), "uuid": id, "host_id": "host1", "app": app["id"],
                     "release": release, "state": "up", "volumes": ["x"]});
    let target = format!("/apps/www/jobs/host1-{id}");
    let (code, body) = status(&mock, Method::PUT, &target, job).await;
    assert_eq!((code, &body["retry"]), (500, &json!(true)));

    let release = json!({"app_id": app["id"], "env": {"\0": "x"}});
    let (code, body) = status(&mock, Method::POST, "/releases", release).await;
    assert_eq!((code, &body["retry"]), (500, &json!(true)));

    let provider = json!({"name": "x", "url": "http://[::1"});
    assert_eq!(status(&mock, Method::POST, "/providers", provider).await.0, 400);
}

#[tokio::test]
async fn two_slashes_lead_to_the_list() {
    let mock = MockController::builder().start().await;
    let answer = get(&mock, "/apps//").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["location"]),
        (301, &"/apps".parse().unwrap())
    );
}
