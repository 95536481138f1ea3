//! The race conditions of a loaded cluster.

use std::time::Duration;

use flynn_mock::{AppSeed, Builder, MockController, Op, Races, ServerAge};
use http::Method;
use serde_json::{Value, json};

use crate::raw::{Answer, Events, call, get, post, put};

const AGES: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];
const ROUTES: &str = "/apps/controller/routes";

fn cluster(age: ServerAge, races: Races) -> Builder {
    MockController::builder().bootstrapped("d.test").server(age).seed(1).races(races)
}

/// Deploys the app with one more variable.
async fn deploy(mock: &MockController, app: &str) -> Answer {
    let mut release = get(mock, &format!("/apps/{app}/release")).await.json();
    release["env"]["NEW"] = json!("1");
    for gone in ["id", "created_at", "artifact"] {
        release.as_object_mut().unwrap().remove(gone);
    }
    let release = post(mock, "/releases", release).await;
    let body = json!({"id": release["id"]}).to_string();
    call(mock, Method::POST, &format!("/apps/{app}/deploy"), &body).await
}

#[tokio::test]
async fn old_routers_answer_with_a_500_that_looks_final() {
    for age in AGES {
        let mock = cluster(age, Races::none().router_restart(100)).start().await;
        assert_eq!(get(&mock, ROUTES).await.status, 200);
        assert_eq!(deploy(&mock, "blobstore").await.status, 200);
        assert_eq!(get(&mock, ROUTES).await.status, 200);
        assert_eq!(deploy(&mock, "router").await.status, 200);
        let failed = get(&mock, ROUTES).await;
        assert_eq!(failed.status, 500);
        let wanted =
            json!({"code": "unknown_error", "message": "Something went wrong", "retry": false});
        assert_eq!(failed.json(), wanted);
        let tcp = json!({"type": "tcp", "service": "x"}).to_string();
        assert_eq!(call(&mock, Method::POST, ROUTES, &tcp).await.status, 500);
        assert_eq!(get(&mock, "/apps/nosuch/routes").await.status, 404);
        assert_eq!(get(&mock, "/apps").await.status, 200);
        mock.advance(Duration::from_millis(635 + 4500));
        assert_eq!(get(&mock, ROUTES).await.status, 200);
    }
}

#[tokio::test]
async fn calls_of_routes_stall_while_there_is_no_router() {
    let mock = cluster(ServerAge::V2016, Races::none().router_restart(100)).start().await;
    deploy(&mock, "router").await;
    mock.advance(Duration::from_millis(635));
    let created = async |mock: &MockController| {
        let list = "/events?object_types=route&app_id=controller";
        let mut request = crate::raw::request(mock, Method::GET, list, "");
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        let response = crate::raw::send(mock, request).await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        serde_json::from_slice::<Vec<Value>>(&body.to_bytes()).unwrap().len()
    };
    let before = created(&mock).await;
    let body = json!({"type": "tcp", "service": "x"}).to_string();
    let stalled = call(&mock, Method::POST, ROUTES, &body);
    let rest = async {
        while mock.requests().of(Op::RouteCreate).is_empty() {
            tokio::task::yield_now().await;
        }
        // The same thread serves both, so the first call would have been answered by now.
        assert_eq!(created(&mock).await, before);
        mock.advance(Duration::from_millis(4500));
    };
    let (answer, ()) = tokio::join!(stalled, rest);
    assert_eq!(answer.status, 200);
    assert_eq!(created(&mock).await, before + 1);
}

/// Returns the services that have a route in the new domain after a migration.
async fn migrated(age: ServerAge, seed: u64, races: Races) -> Vec<String> {
    let mock = cluster(age, races).seed(seed).app(AppSeed::new("www")).start().await;
    put(&mock, "/domain", json!({"old_domain": "d.test", "domain": "new.test"})).await;
    let mut services = Vec::new();
    for app in get(&mock, "/apps").await.json().as_array().unwrap() {
        let routes = get(&mock, &format!("/apps/{}/routes", app["name"].as_str().unwrap())).await;
        for route in routes.json().as_array().unwrap() {
            if route["domain"].as_str().is_some_and(|domain| domain.ends_with("new.test")) {
                services.push(route["service"].as_str().unwrap().to_owned());
            }
        }
    }
    services.sort();
    services
}

#[tokio::test]
async fn a_migration_that_succeeds_can_lack_routes() {
    for age in AGES {
        let all = migrated(age, 0, Races::none()).await;
        assert!(all.contains(&"controller".to_owned()) && all.contains(&"gitreceive".to_owned()));
        let without_controller: Vec<String> =
            all.iter().filter(|name| *name != "controller").cloned().collect();
        // Routes without a certificate of the cluster are never lost.
        let without_others = ["controller", "status-web", "www-web"];
        let mut seen = [0, 0];
        for seed in 0..8 {
            let got = migrated(age, seed, Races::none().lost_routes(100)).await;
            if got == without_controller {
                seen[0] += 1;
            } else {
                assert_eq!(got, without_others, "{age:?}, seed {seed}");
                seen[1] += 1;
            }
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    }
}

#[tokio::test]
async fn a_new_certificate_makes_false_conflicts() {
    for age in AGES {
        let mock = cluster(age, Races::none().route_conflict(100)).start().await;
        let app = post(&mock, "/apps", json!({"name": "www"})).await;
        let target = format!("/apps/{}/routes", app["id"].as_str().unwrap());
        let made = flynn_tls::generate::bootstrap("x.test").unwrap();
        let certificate = json!({
            "cert": &*made.leaf.certificate_pem(),
            "key": &*made.leaf.key_pem(),
        });
        let route = |domain: &str| {
            json!({"type": "http", "service": "www-web", "domain": domain, "drain_backends": true,
                   "certificate": certificate})
        };
        let create = async |domain: &str| {
            call(&mock, Method::POST, &target, &route(domain).to_string()).await
        };
        assert_eq!(create("a.x.test").await.status, 200);
        let refused = create("b.x.test").await;
        assert_eq!(refused.status, 409);
        assert_eq!(refused.json()["message"], "Duplicate route");
        assert_eq!(refused.json()["detail"]["domain"], "b.x.test");
        let listed = get(&mock, &target).await.json();
        let is_b = |route: &&Value| route["domain"] == "b.x.test";
        assert!(listed.as_array().unwrap().iter().find(is_b).is_none());
        let b = create("b.x.test").await;
        assert_eq!(b.status, 200);
        // A real duplicate is still a duplicate.
        assert_eq!(create("b.x.test").await.status, 409);
        assert_eq!(create("b.x.test").await.status, 409);

        let mut plain = route("c.x.test");
        plain.as_object_mut().unwrap().remove("certificate");
        let mut c = post(&mock, &target, plain).await;
        c["certificate"] = certificate.clone();
        let one = format!("{target}/http/{}", c["id"].as_str().unwrap());
        let failed = call(&mock, Method::PUT, &one, &c.to_string()).await;
        assert_eq!((failed.status.as_u16(), &failed.json()["retry"]), (500, &json!(true)));
        put(&mock, &one, c).await;

        mock.advance(Duration::from_millis(100));
        assert_eq!(create("d.x.test").await.status, 200);
    }
}

#[tokio::test]
async fn a_complete_deployment_can_be_finished_later() {
    for age in AGES {
        let races = Races::none().late_finish(100);
        let mock = cluster(age, races).app(AppSeed::new("www").process("web", 1)).start().await;
        let deployment = deploy(&mock, "www").await.json();
        let one = format!("/deployments/{}", deployment["id"].as_str().unwrap());
        let read = get(&mock, &one).await.json();
        assert_eq!((&read["status"], &read["finished_at"]), (&json!("complete"), &Value::Null));
        let refused = deploy(&mock, "www").await;
        assert_eq!(refused.status, 400);
        assert!(refused.json()["message"].as_str().unwrap().contains("already one in progress"));
        mock.advance(Duration::from_millis(500));
        assert!(get(&mock, &one).await.json()["finished_at"].is_string());
        assert_eq!(deploy(&mock, "www").await.status, 200);
    }
}

#[tokio::test]
async fn a_stream_can_begin_with_the_last_events_before_it() {
    let mock = cluster(ServerAge::V2021, Races::none().older_events(100)).start().await;
    let names = async |mock: &MockController| {
        let mut events = Events::open(mock, "/events?object_types=app", None).await;
        let end = format!("end-{}", mock.now().as_millisecond());
        post(mock, "/apps", json!({"name": end})).await;
        let mut names = Vec::new();
        loop {
            let name = events.event().await["data"]["name"].as_str().unwrap().to_owned();
            if name == end {
                return names;
            }
            names.push(name);
        }
    };
    post(&mock, "/apps", json!({"name": "old"})).await;
    mock.advance(Duration::from_millis(50));
    post(&mock, "/apps", json!({"name": "new"})).await;
    assert_eq!(names(&mock).await, ["new"]);
    mock.advance(Duration::from_millis(50));
    assert!(names(&mock).await.is_empty());
}

#[tokio::test]
async fn events_can_come_out_of_order() {
    let mock = cluster(ServerAge::V2021, Races::none().unordered_events(100)).start().await;
    let mut events = Events::open(&mock, "/events?object_types=app,route", None).await;
    post(&mock, "/apps", json!({"name": "www"})).await;
    let ids = [events.event().await["id"].as_u64(), events.event().await["id"].as_u64()];
    assert!(ids[0] > ids[1], "{ids:?}");
}

#[tokio::test]
async fn the_seed_decides_how_the_races_go() {
    let run = async |seed| {
        let races = Races::none().router_restart(50);
        let mock = cluster(ServerAge::V2016, races).seed(seed).start().await;
        deploy(&mock, "router").await;
        let mut statuses = Vec::new();
        for _ in 0..24 {
            statuses.push(get(&mock, ROUTES).await.status.as_u16());
        }
        statuses
    };
    let first = run(1).await;
    assert!(first.contains(&500) && first.contains(&200), "{first:?}");
    assert_eq!(run(1).await, first);
    assert_ne!(run(2).await, first);
}

#[tokio::test]
async fn a_seeded_mock_can_follow_the_machines_clock() {
    let before = jiff::Timestamp::now();
    let mock = MockController::builder().seed(1).wall_clock().start().await;
    assert!(mock.now() >= before);
    let driven = MockController::builder().seed(1).start().await;
    assert!(driven.now() < before);
    assert_eq!(mock.key(), driven.key());
}
