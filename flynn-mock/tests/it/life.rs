//! The scheduler and the worker of 2021.

use std::time::Duration;

use flynn_mock::{MockController, Pace};
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::raw::{self, call, get, post, put};

const SECOND: Duration = Duration::from_secs(1);

/// A mock whose clock the test drives, with an app of one web process that has a volume.
async fn running() -> (MockController, Value, String) {
    let mock = MockController::builder().seed(1).pace(Pace::Timed).start().await;
    let app = post(&mock, "/apps", json!({"name": "www"})).await;
    let web = json!({"processes": {"web": {"args": ["x"], "volumes": [{"path": "/data"}]}}});
    let release = raw::release(&mock, &app, web).await["id"].as_str().unwrap().to_owned();
    put(&mock, "/apps/www/release", json!({"id": release})).await;
    scale(&mock, &release, json!({"new_processes": {"web": 1}})).await;
    mock.advance(SECOND);
    (mock, app, release)
}

async fn scale(mock: &MockController, release: &str, mut request: Value) -> Value {
    request["state"] = json!("pending");
    put(mock, &format!("/apps/www/scale/{release}"), request).await
}

async fn jobs(mock: &MockController, state: &str) -> Vec<Value> {
    let jobs = get(mock, "/apps/www/jobs").await.json();
    jobs.as_array().unwrap().iter().filter(|job| job["state"] == state).cloned().collect()
}

async fn events(mock: &MockController, query: &str) -> Vec<Value> {
    let mut request = raw::request(mock, Method::GET, &format!("/events?{query}"), "");
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    let body = raw::send(mock, request).await.unwrap().into_body().collect().await.unwrap();
    serde_json::from_slice(&body.to_bytes()).unwrap()
}

#[tokio::test]
async fn cleared_tags_start_no_blocked_job() {
    let (mock, _, release) = running().await;
    let tags = json!({"new_tags": {"web": {"disk": "ssd"}}, "new_processes": {"web": 2}});
    scale(&mock, &release, tags).await;
    mock.advance(SECOND);
    let blocked = jobs(&mock, "pending").await.len();
    assert!(blocked > 0);
    scale(&mock, &release, json!({"new_tags": {"web": null}})).await;
    mock.advance(60 * SECOND);
    assert_eq!(jobs(&mock, "pending").await.len(), blocked);
}

#[tokio::test]
async fn jobs_of_a_deleted_release_run_until_the_next_sync() {
    let (mock, app, old) = running().await;
    let new = raw::release(&mock, &app, json!({"processes": {"web": {}}})).await;
    put(&mock, "/apps/www/release", json!({"id": new["id"]})).await;
    call(&mock, Method::DELETE, &format!("/apps/www/releases/{old}"), "").await;
    mock.advance(20 * SECOND);
    assert_eq!(jobs(&mock, "up").await.len(), 1);
    mock.advance(15 * SECOND);
    assert_eq!(jobs(&mock, "up").await.len(), 0);
}

#[tokio::test]
async fn jobs_of_an_app_deleted_in_a_deployment_live_on_for_a_while() {
    let (mock, app, _) = running().await;
    let processes = json!({"processes": {"web": {}}, "env": {"START_DELAY": "60000"}});
    let new = raw::release(&mock, &app, processes).await;
    let deployment = post(&mock, "/apps/www/deploy", json!({"id": new["id"]})).await;
    mock.advance(SECOND);
    call(&mock, Method::DELETE, "/apps/www", "").await;
    mock.advance(20 * SECOND);
    let active = get(&mock, "/active-jobs").await.json();
    let own = |job: &&Value| job["app"] == app["id"];
    assert!(active.as_array().unwrap().iter().any(|job| own(&job) && job["state"] == "up"));
    mock.advance(120 * SECOND);
    let id = deployment["id"].as_str().unwrap();
    let last = events(&mock, &format!("object_id={id}&count=1")).await;
    assert_eq!(last[0]["data"]["status"], "failed");
}

#[tokio::test]
async fn tags_stand_in_later_events_only_if_they_were_sent() {
    let (mock, _, release) = running().await;
    let event = events(&mock, "object_types=scale_request&count=1").await;
    assert_eq!(event[0]["data"]["state"], "complete");
    assert!(event[0]["data"].get("new_tags").is_none(), "{event:?}");
    let tags = json!({"new_processes": {"web": 2}, "new_tags": {}});
    scale(&mock, &release, tags).await;
    mock.advance(SECOND);
    let event = events(&mock, "object_types=scale_request&count=1").await;
    assert_eq!(event[0]["data"]["new_tags"], json!({}));
}

#[tokio::test]
async fn a_volume_that_is_used_again_says_nothing() {
    let (mock, _, release) = running().await;
    let volumes = get(&mock, "/apps/www/volumes").await.json();
    scale(&mock, &release, json!({"new_processes": {"web": 0}})).await;
    mock.advance(SECOND);
    let before = events(&mock, "object_types=volume").await.len();
    scale(&mock, &release, json!({"new_processes": {"web": 1}})).await;
    mock.advance(SECOND);
    assert_eq!(events(&mock, "object_types=volume").await.len(), before);
    let after = get(&mock, "/apps/www/volumes").await.json();
    assert_eq!(after[0]["id"], volumes[0]["id"]);
    assert!(after[0].get("job").is_none_or(Value::is_null), "{after}");
    assert_eq!(jobs(&mock, "up").await[0]["volumes"], json!([volumes[0]["id"]]));
}

#[tokio::test]
async fn the_scheduler_ignores_a_job_that_a_client_stored() {
    let (mock, app, release) = running().await;
    let id = "11111111-1111-4111-8111-111111111111";
    let job = json!({"id": format!("host1-{id}"), "uuid": id, "host_id": "host1", "app": app["id"],
                     "release": release, "type": "web", "state": "up"});
    put(&mock, &format!("/apps/www/jobs/host1-{id}"), job).await;
    scale(&mock, &release, json!({"new_processes": {"web": 2}})).await;
    mock.advance(SECOND);
    assert_eq!(jobs(&mock, "up").await.len(), 3, "two and the stored one");
}
