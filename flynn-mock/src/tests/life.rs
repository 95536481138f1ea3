//! Background work: deployments, deletions, migrations.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Ask as _, add_release, engine, ok, pass, running_app, send};
use crate::dialect::ServerAge;
use crate::life::{Crash, Engine, Pace};

const AGES: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];

fn events(engine: &mut Engine, query: &str) -> Vec<serde_json::Value> {
    engine.read(&format!("/events?{query}")).unwrap().as_array().unwrap().clone()
}

#[test]
fn a_deployment_replaces_the_jobs() {
    for age in AGES {
        let mut engine = engine(age, Pace::Timed);
        let (app, _) = running_app(&mut engine, "www");
        let next = add_release(&mut engine, &app, &json!({ "V": "2" }));
        let d = ok(&mut engine, Method::POST, "/apps/www/deploy", &json!({ "id": next }));
        assert_eq!(d["status"], "pending");
        let (status, second) =
            send(&mut engine, Method::POST, "/apps/www/deploy", &json!({ "id": next }).to_string());
        assert_eq!((status, &second["code"]), (400, &json!("validation_error")));
        pass(&mut engine, SignedDuration::from_secs(1));
        let id = d["id"].as_str().unwrap();
        let d = engine.read(&format!("/deployments/{id}")).unwrap();
        assert_eq!(d["status"], "complete", "{age:?}");
        assert!(d.get("finished_at").is_some());
        assert_eq!(engine.read("/apps/www").unwrap()["release"], next);
        let jobs = engine.read("/apps/www/jobs").unwrap();
        let up = |job: &&serde_json::Value| job["state"] == "up";
        let up: Vec<_> = jobs.as_array().unwrap().iter().filter(up).collect();
        assert_eq!(up.len(), 3, "{age:?} {jobs}");
        assert!(up.iter().all(|job| job["release"] == next));
        assert_eq!(events(&mut engine, "object_types=app_garbage_collection").len(), 1);
    }
}

#[test]
fn a_crash_rolls_the_deployment_back() {
    for age in AGES {
        let mut engine = engine(age, Pace::Timed);
        let (app, old) = running_app(&mut engine, "www");
        let bad = add_release(&mut engine, &app, &json!({ "CRASH": "true" }));
        let d = ok(&mut engine, Method::POST, "/apps/www/deploy", &json!({ "id": bad }));
        pass(&mut engine, SignedDuration::from_secs(2));
        let id = d["id"].as_str().unwrap();
        let d = engine.read(&format!("/deployments/{id}")).unwrap();
        assert_eq!(d["status"], "failed", "{age:?}");
        assert_eq!(engine.read("/apps/www").unwrap()["release"], old);
        let failed = &events(&mut engine, &format!("object_id={id}&count=1"))[0];
        let error = failed["data"]["error"].as_str().unwrap();
        assert!(error.ends_with("executable file not found in $PATH"), "{error}");
        assert!(engine.read(&format!("/apps/www/formations/{bad}")).is_none());
    }
}

#[test]
fn a_domain_migration_completes() {
    for age in AGES {
        for pace in [Pace::Timed, Pace::AtOnce, Pace::ByHand] {
            let mut engine = engine(age, pace);
            let body = json!({ "old_domain": "example.com", "domain": "new.example.org" });
            let reply = ok(&mut engine, Method::PUT, "/domain", &body);
            assert!(reply.get("finished_at").is_none());
            if pace == Pace::ByHand {
                assert_eq!(engine.domain(), "example.com");
                for _ in 0..200 {
                    engine.step();
                }
            }
            pass(&mut engine, SignedDuration::from_secs(5));
            assert_eq!(engine.domain(), "new.example.org", "{age:?} {pace:?}");
            let all = events(&mut engine, "object_types=domain_migration");
            assert_eq!(all.len(), 2, "{age:?} {pace:?}");
            assert!(all[0]["data"]["domain_migration"]["finished_at"].is_string());
            assert!(engine.certificate(Some("controller.new.example.org")).is_some());
            assert!(engine.certificate(Some("git.example.com")).is_some());
        }
    }
}

#[test]
fn deleting_an_app_takes_everything_with_it() {
    for age in AGES {
        let mut engine = engine(age, Pace::AtOnce);
        let (app, release) = running_app(&mut engine, "www");
        assert_eq!(send(&mut engine, Method::DELETE, "/apps/www", "").0, 200);
        assert_eq!(send(&mut engine, Method::GET, "/apps/www", "").0, 404);
        assert_eq!(send(&mut engine, Method::GET, &format!("/releases/{release}"), "").0, 404);
        let deleted =
            &events(&mut engine, &format!("object_id={app}&object_types=app_deletion"))[0];
        let list = &deleted["data"]["app_deletion"];
        assert_eq!(deleted["data"]["error"], "");
        assert_eq!(list["deleted_routes"].as_array().unwrap().len(), 1);
        assert_eq!(list["deleted_releases"].as_array().unwrap().len(), 1);
        assert!(list["deleted_resources"].is_null());
    }
}

#[test]
fn a_worker_of_2016_waits_for_jobs_that_exit() {
    let mut engine = engine(ServerAge::V2016, Pace::Timed);
    engine.options.crash = Crash::Exit;
    let (app, old) = running_app(&mut engine, "www");
    ok(&mut engine, Method::POST, "/apps/www", &json!({ "deploy_timeout": 15 }));
    let bad = add_release(&mut engine, &app, &json!({ "CRASH": "true" }));
    let d = ok(&mut engine, Method::POST, "/apps/www/deploy", &json!({ "id": bad }));
    let target = format!("/deployments/{}", d["id"].as_str().unwrap());
    // Jobs restart every 10 seconds, later every 30. Only then does the worker give up.
    pass(&mut engine, SignedDuration::from_secs(100));
    assert_eq!(engine.read(&target).unwrap()["status"], "pending");
    pass(&mut engine, SignedDuration::from_secs(20));
    assert_eq!(engine.read(&target).unwrap()["status"], "failed");
    let failed = &events(&mut engine, "object_types=deployment&count=1")[0]["data"];
    assert_eq!(
        failed["error"],
        "timed out waiting for job events: map[web:map[up:2] worker:map[up:1]]"
    );
    assert_eq!(engine.read("/apps/www").unwrap()["release"], old);
    let jobs = engine.read("/apps/www/jobs").unwrap();
    let exited = |job: &&serde_json::Value| job["exit_status"] == 1;
    assert!(jobs.as_array().unwrap().iter().filter(exited).all(|job| job["host_error"].is_null()));
}

#[test]
fn tags_that_no_host_has_keep_jobs_waiting() {
    for age in AGES {
        let mut engine = engine(age, Pace::Timed);
        let (app, release) = running_app(&mut engine, "www");
        let target = format!("/apps/www/formations/{release}");
        let body = json!({ "processes": { "web": 2 }, "tags": { "web": { "disk": "ssd" } } });
        ok(&mut engine, Method::PUT, &target, &body);
        pass(&mut engine, SignedDuration::from_secs(15));
        let states = |engine: &mut Engine| {
            let jobs = engine.read("/apps/www/jobs").unwrap();
            let mut states: Vec<_> =
                jobs.as_array().unwrap().iter().map(|j| j["state"].clone()).collect();
            states.sort_by_key(ToString::to_string);
            states
        };
        // The worker process has no tags. In 2016 it is stopped because the body does not name it.
        let down = if age == ServerAge::V2016 { 3 } else { 2 };
        assert_eq!(states(&mut engine).iter().filter(|s| *s == "down").count(), down, "{age:?}");
        assert_eq!(states(&mut engine).iter().filter(|s| *s == "pending").count(), 2, "{age:?}");
        if age == ServerAge::V2021 {
            // The new release gets the tags too, so its deployment times out.
            let next = add_release(&mut engine, &app, &json!({ "V": "2" }));
            let d = ok(&mut engine, Method::POST, "/apps/www/deploy", &json!({ "id": next }));
            let target = format!("/deployments/{}", d["id"].as_str().unwrap());
            pass(&mut engine, SignedDuration::from_secs(119));
            assert_eq!(engine.read(&target).unwrap()["status"], "pending");
            pass(&mut engine, SignedDuration::from_secs(12));
            assert_eq!(engine.read(&target).unwrap()["status"], "failed");
        }
    }
}

#[test]
fn jobs_that_wait_for_tags_go_on_waiting_when_these_are_cleared() {
    let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
    let (_, release) = running_app(&mut engine, "www");
    let target = format!("/apps/www/scale/{release}");
    let body = |tags: &Value| json!({ "state": "pending", "new_tags": { "web": tags } });
    let mut web = |body: &Value| {
        ok(&mut engine, Method::PUT, &target, body);
        let jobs = engine.read("/apps/www/jobs").unwrap();
        let is_web = |job: &&Value| job["type"] == "web" && job["state"] != "down";
        jobs.as_array().unwrap().iter().filter(is_web).map(|j| j["state"].clone()).collect()
    };
    let states: Vec<Value> = web(&body(&json!({ "disk": "ssd" })));
    assert!(!states.is_empty() && states.iter().all(|state| state == "pending"), "{states:?}");
    let cleared: Vec<Value> = web(&body(&json!({})));
    assert_eq!(cleared, states);
}

#[test]
fn a_deployment_of_a_deleted_app_fails_in_the_end() {
    for age in AGES {
        let mut engine = engine(age, Pace::Timed);
        let (app, _) = running_app(&mut engine, "www");
        let next = add_release(&mut engine, &app, &json!({ "V": "2" }));
        let d = ok(&mut engine, Method::POST, "/apps/www/deploy", &json!({ "id": next }));
        pass(&mut engine, SignedDuration::from_millis(20));
        ok(&mut engine, Method::DELETE, "/apps/www", &json!({}));
        let id = d["id"].as_str().unwrap();
        pass(&mut engine, SignedDuration::from_secs(119));
        assert_eq!(engine.read(&format!("/deployments/{id}")).unwrap()["status"], "pending");
        pass(&mut engine, SignedDuration::from_secs(2));
        assert_eq!(engine.read(&format!("/deployments/{id}")).unwrap()["status"], "failed");
        let last = &events(&mut engine, &format!("object_id={id}&count=1"))[0]["data"];
        assert_eq!(last["status"], "failed", "{age:?}");
    }
}

#[test]
fn a_scale_request_that_replaces_a_deployments_own_fails_it() {
    let mut engine = engine(ServerAge::V2021, Pace::Timed);
    let (app, _) = running_app(&mut engine, "www");
    let next = add_release(&mut engine, &app, &json!({ "V": "2" }));
    let d = ok(&mut engine, Method::POST, "/apps/www/deploy", &json!({ "id": next }));
    pass(&mut engine, SignedDuration::from_millis(50));
    let body = json!({ "state": "pending", "new_processes": { "web": 1 } });
    ok(&mut engine, Method::PUT, &format!("/apps/www/scale/{next}"), &body);
    pass(&mut engine, SignedDuration::from_secs(110));
    let requests = events(&mut engine, "object_types=scale_request&count=1");
    assert_eq!(requests[0]["data"]["state"], "pending");
    pass(&mut engine, SignedDuration::from_secs(15));
    let id = d["id"].as_str().unwrap();
    let failed = &events(&mut engine, &format!("object_id={id}&count=1"))[0]["data"];
    let error = "timed out waiting for scale to complete (waited 120 seconds)";
    assert_eq!((&failed["status"], &failed["error"]), (&json!("failed"), &json!(error)));
}

#[test]
fn deploying_what_already_runs() {
    for age in AGES {
        let mut engine = engine(age, Pace::Timed);
        let (_, release) = running_app(&mut engine, "www");
        let d = ok(&mut engine, Method::POST, "/apps/www/deploy", &json!({ "id": release }));
        let target = format!("/deployments/{}", d["id"].as_str().unwrap());
        let mut status = |seconds| {
            pass(&mut engine, SignedDuration::from_secs(seconds));
            engine.read(&target).unwrap()["status"].clone()
        };
        if age == ServerAge::V2021 {
            assert_eq!(status(1), "complete");
        } else {
            // It waits until jobs are up, and gives up if none is.
            assert_eq!(status(119), "pending");
            assert_eq!(status(15), "failed");
            let formation = format!("/apps/www/formations/{release}");
            assert!(engine.read(&formation).is_none());
        }
    }
}
