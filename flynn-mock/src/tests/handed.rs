//! Objects with the ids that a test has set.

use http::Method;
use jiff::SignedDuration;
use serde_json::json;

use super::{Ask as _, add_release, engine, ok, pass, send};
use crate::dialect::ServerAge;
use crate::life::Pace;
use crate::store::NextId;

const A: &str = "aaaaaaaa-3160-480e-b16a-bdc4a0e0ffdd";
const B: &str = "bbbbbbbb-3160-480e-b16a-bdc4a0e0ffdd";
const D: &str = "dddddddd-3160-480e-b16a-bdc4a0e0ffdd";
const E: &str = "eeeeeeee-3160-480e-b16a-bdc4a0e0ffdd";
const C: &str = "cccccccc-3160-480e-b16a-bdc4a0e0ffdd";

#[test]
fn ids_go_to_the_objects_that_they_fit() {
    let mut engine = engine(ServerAge::V2021, Pace::Timed);
    let time = "2026-11-22T21:00:00.123456Z".parse().unwrap();
    engine.hand_ids([
        NextId::new("app", A).like("name", "late").created_at(time),
        NextId::new("app", B).like("name", "shop"),
        NextId::new("job", D).like("app", B).like("type", "web").like("host_id", "host3"),
        NextId::new("job", E).like("app", B).like("type", "").like("host_id", "host2"),
    ]);
    let shop = ok(&mut engine, Method::POST, "/apps", &json!({ "name": "shop" }));
    assert_eq!(shop["id"], B);
    assert_eq!(send(&mut engine, Method::POST, "/apps", r#"{"name":"shop"}"#).0, 409);
    let late = ok(&mut engine, Method::POST, "/apps", &json!({}));
    assert_eq!((&late["id"], &late["name"]), (&json!(A), &json!("late")));
    assert_eq!(late["created_at"], "2026-11-22T21:00:00.123456Z");
    let release = add_release(&mut engine, B, &json!({}));
    ok(&mut engine, Method::POST, "/apps/shop/deploy", &json!({ "id": release }));
    let body = json!({ "release": release, "args": ["true"] });
    let run = ok(&mut engine, Method::POST, "/apps/shop/jobs", &body);
    assert_eq!(run["id"], format!("host2-{E}"));
    let target = format!("/apps/shop/formations/{release}");
    ok(&mut engine, Method::PUT, &target, &json!({ "processes": { "web": 2 } }));
    pass(&mut engine, SignedDuration::from_secs(1));
    let jobs = engine.read("/apps/shop/jobs").unwrap();
    let ids: Vec<_> = jobs.as_array().unwrap().iter().map(|job| job["id"].clone()).collect();
    assert!(ids.contains(&json!(format!("host3-{D}"))), "{ids:?}");
    assert_eq!(ids.len(), 3, "one has a made-up id: {ids:?}");
}

#[test]
fn the_debug_form_hides_the_values_of_env() {
    let next = NextId::new("release", A).like("env", json!({ "KEY": "hidden" }));
    let text = format!("{next:?}");
    assert!(text.contains("env") && text.contains(A) && !text.contains("hidden"), "{text}");
}

#[test]
fn an_id_that_a_request_brings_is_used_up() {
    let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
    engine.hand_ids([NextId::new("app", A), NextId::new("app", C)]);
    let own = json!({ "id": A, "name": "own" });
    assert_eq!(ok(&mut engine, Method::POST, "/apps", &own)["id"], A);
    assert_eq!(ok(&mut engine, Method::POST, "/apps", &json!({ "name": "b" }))["id"], C);
    assert_ne!(ok(&mut engine, Method::POST, "/apps", &json!({ "name": "c" }))["id"], C);
}
