//! Volumes.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Ask as _, engine, ok, pass, send};
use crate::dialect::ServerAge;
use crate::life::{Engine, Pace};

fn of_postgres(engine: &mut Engine) -> Vec<Value> {
    engine.read("/apps/postgres/volumes").unwrap().as_array().unwrap().clone()
}

#[test]
fn jobs_bring_volumes_and_leave_them_behind() {
    let mut engine = engine(ServerAge::V2021, Pace::Timed);
    let before = of_postgres(&mut engine);
    assert_eq!(before.len(), 3);
    let volume = &before[0];
    let (job, id) = (volume["job"].as_str().unwrap(), volume["id"].as_str().unwrap());
    let place = format!("{}-{job}", volume["host_id"].as_str().unwrap());
    let read = engine.read(&format!("/apps/postgres/jobs/{place}")).unwrap();
    assert_eq!(read["volumes"], json!([id]));
    ok(&mut engine, Method::DELETE, &format!("/apps/postgres/jobs/{place}"), &json!({}));
    pass(&mut engine, SignedDuration::from_secs(5));
    let after = of_postgres(&mut engine);
    let same = after.iter().find(|v| v["id"] == id).unwrap();
    assert_ne!(same["job"], job, "the old job has let go of it");
    assert!(same["updated_at"].as_str() > volume["updated_at"].as_str());
}

#[test]
fn decommissioning_goes_by_the_body() {
    let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
    let id = of_postgres(&mut engine)[0]["id"].clone();
    let target = "/apps/postgres/volumes/whatever/decommission";
    let reply = ok(&mut engine, Method::PUT, target, &json!({ "id": id }));
    assert_eq!(reply["decommissioned_at"], reply["updated_at"]);
    assert_eq!(reply["host_id"], "");
    assert_eq!(of_postgres(&mut engine)[0]["decommissioned_at"], reply["updated_at"]);
    for (target, body) in [
        (target, json!({})),
        (target, json!({ "id": "nosuch" })),
        ("/apps/redis/volumes/whatever/decommission", json!({ "id": id })),
    ] {
        let (status, reply) = send(&mut engine, Method::PUT, target, &body.to_string());
        assert_eq!((status, &reply["retry"]), (500, &json!(false)), "{target} {body}");
    }
}

#[test]
fn putting_changes_only_the_job_of_one_that_is_there() {
    let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
    let volume = of_postgres(&mut engine)[0].clone();
    let target = format!("/volumes/{}", volume["id"].as_str().unwrap());
    let mut changed = volume.clone();
    changed["state"] = json!("destroyed");
    changed["job"] = json!("11111111-1111-4111-8111-111111111111");
    let reply = ok(&mut engine, Method::PUT, &target, &changed);
    assert_eq!(reply["state"], "destroyed");
    let read = of_postgres(&mut engine)[0].clone();
    assert_eq!((&read["state"], &read["job"]), (&volume["state"], &changed["job"]));
    for (field, value, wanted) in [
        ("type", json!("x"), (400, json!(false))),
        ("state", json!(""), (400, json!(false))),
        ("app", json!("postgres"), (500, json!(false))),
        ("job", json!(""), (500, json!(false))),
        ("app", json!("00000000-0000-0000-0000-000000000000"), (500, json!(true))),
    ] {
        let mut body = volume.clone();
        body[field] = value;
        let (status, reply) = send(&mut engine, Method::PUT, &target, &body.to_string());
        assert_eq!((status, reply["retry"].clone()), wanted, "{field}");
    }
}
