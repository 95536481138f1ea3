//! Users, tokens, roles and grants of September 2026.

use http::Method;
use serde_json::{Value, json};

use super::{Ask as _, add_release, engine, ok, running_app, send};
use crate::dialect::ServerAge::{Fork2026June, Fork2026September};
use crate::life::{Engine, Pace, Token};
use crate::wire::Request;

/// Sends a request with this token. Returns the status and the body.
fn send_as(
    engine: &mut Engine,
    token: &str,
    method: Method,
    target: &str,
    body: &Value,
) -> (u16, Value) {
    let mut request = Request::new(method, target).json(body.to_string());
    request.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    request.headers.insert("accept", "application/json".parse().unwrap());
    let answer = engine.handle(&request);
    (answer.status.as_u16(), serde_json::from_slice(answer.bytes()).unwrap_or(Value::Null))
}

/// Returns a user with a personal token: the id and the token.
fn user(engine: &mut Engine, email: &str) -> (String, String) {
    let made = ok(engine, Method::POST, "/users", &json!({ "email": email, "password": "secret" }));
    let id = made["id"].as_str().unwrap().to_owned();
    let target = format!("/users/{id}/bootstrap-token");
    let token = ok(engine, Method::POST, &target, &Value::Null);
    (id, token["token"].as_str().unwrap().to_owned())
}

#[test]
fn june_knows_no_users() {
    let mut engine = engine(Fork2026June, Pace::AtOnce);
    for path in ["/users", "/whoami", "/tokens", "/tenancy", "/cluster/router-metrics"] {
        assert_eq!(send(&mut engine, Method::GET, path, "").0, 404, "{path}");
    }
}

#[test]
fn users_are_created_changed_and_deleted() {
    let mut engine = engine(Fork2026September, Pace::AtOnce);
    for (body, status, said) in [
        (json!({ "email": "nobody" }), 400, "email must be an email address"),
        (json!({ "email": "a@b.c" }), 400, "password password is required"),
        (json!({ "email": " Ann@Example.com ", "password": "x" }), 200, ""),
        (
            json!({ "email": "ann@example.com", "password": "x" }),
            409,
            "handle or email is already taken",
        ),
    ] {
        let (got, reply) = send(&mut engine, Method::POST, "/users", &body.to_string());
        assert_eq!((got, reply["message"].as_str().unwrap_or_default()), (status, said), "{body}");
    }
    let list = engine.read("/users").unwrap();
    let ann = &list[0];
    assert_eq!((&ann["email"], &ann["handle"]), (&json!("ann@example.com"), &json!("ann")));
    assert_eq!(ann["email_verified"], true);
    assert_eq!(ann.get("password"), None);
    let target = format!("/users/{}", ann["id"].as_str().unwrap());
    let changed = ok(&mut engine, Method::PATCH, &target, &json!({ "cluster_admin": true }));
    assert_eq!((&changed["cluster_admin"], &changed["email"]), (&json!(true), &ann["email"]));
    assert_eq!(send(&mut engine, Method::PATCH, &target, r#"{"handle":"x"}"#).0, 400);
    assert_eq!(send(&mut engine, Method::DELETE, &target, "").0, 200);
    assert_eq!(send(&mut engine, Method::GET, &target, "").0, 404);
    assert_eq!(engine.read("/users").unwrap(), json!([]));
}

#[test]
fn personal_tokens_act_as_their_user() {
    let mut engine = engine(Fork2026September, Pace::AtOnce);
    let cluster = engine.read("/whoami").unwrap();
    assert_eq!((&cluster["handle"], &cluster["account"]), (&json!("cluster"), &json!("")));
    let (id, first) = user(&mut engine, "ann@example.com");
    assert!(first.starts_with("flynn_pat_") && first.len() == 74, "{first}");
    let me = send_as(&mut engine, &first, Method::GET, "/whoami", &Value::Null).1;
    assert_eq!(me["account"], format!("user:{id}"));
    let body = json!({ "name": "ci", "scopes": "deploy", "expires_at": "2026-11-22T21:00:00Z" });
    let expired = send_as(&mut engine, &first, Method::POST, "/tokens", &body).1;
    let listed = send_as(&mut engine, &first, Method::GET, "/tokens", &Value::Null).1;
    assert_eq!(listed[1]["name"], "ci");
    assert_eq!(listed[1].get("token"), None, "shown once");
    let expired = expired["token"].as_str().unwrap();
    assert_eq!(send_as(&mut engine, expired, Method::GET, "/whoami", &Value::Null).0, 401);
    let revoke = format!("/tokens/{}", listed[0]["id"].as_str().unwrap());
    assert_eq!(send_as(&mut engine, &first, Method::DELETE, &revoke, &Value::Null).0, 200);
    assert_eq!(send_as(&mut engine, &first, Method::GET, "/whoami", &Value::Null).0, 401);
    let (status, why) = send(&mut engine, Method::POST, "/tokens", "{}");
    assert_eq!((status, &why["message"]), (403, &json!("personal access tokens require a user")));
}

#[test]
fn collaborators_may_do_what_their_role_says() {
    let mut engine = engine(Fork2026September, Pace::AtOnce);
    let (ann, ann_token) = user(&mut engine, "ann@example.com");
    let (bob, bob_token) = user(&mut engine, "bob@example.com");
    let made =
        send_as(&mut engine, &ann_token, Method::POST, "/apps", &json!({ "name": "shop" })).1;
    assert_eq!(made["owner_account"], format!("user:{ann}"));
    assert_eq!(made["created_by"], ann);
    let target = "/apps/shop/collaborators";
    let add = |role: &str| json!({ "email": "bob@example.com", "role": role });
    let as_bob = |engine: &mut Engine, method, target: &str, body: &Value| {
        send_as(engine, &bob_token, method, target, body).0
    };
    assert_eq!(as_bob(&mut engine, Method::GET, "/apps/shop", &Value::Null), 403);
    assert_eq!(as_bob(&mut engine, Method::POST, target, &add("admin")), 403);
    assert_eq!(send_as(&mut engine, &ann_token, Method::POST, target, &add("boss")).0, 400);
    for (role, reads, changes) in [("view", 200, 403), ("manage", 200, 200), ("admin", 200, 200)] {
        let added = send_as(&mut engine, &ann_token, Method::POST, target, &add(role)).1;
        assert_eq!((&added["user_id"], &added["role"]), (&json!(bob), &json!(role)));
        assert_eq!(as_bob(&mut engine, Method::GET, "/apps/shop", &Value::Null), reads, "{role}");
        let meta = json!({ "meta": { "a": "b" } });
        assert_eq!(as_bob(&mut engine, Method::POST, "/apps/shop", &meta), changes, "{role}");
    }
    let apps = send_as(&mut engine, &bob_token, Method::GET, "/apps?all=1", &Value::Null).1;
    assert_eq!(apps.as_array().map(Vec::len), Some(1), "no system apps");
    assert_eq!(engine.read(target).unwrap()[0]["email"], "bob@example.com");
    let gone = format!("{target}/{bob}");
    assert_eq!(send_as(&mut engine, &ann_token, Method::DELETE, &gone, &Value::Null).0, 200);
    assert_eq!(as_bob(&mut engine, Method::GET, "/apps/shop", &Value::Null), 403);
    // The owner does not change, because only administrators may transfer an app.
    let owner = json!({ "user_id": ann, "role": "view" });
    assert_eq!(send_as(&mut engine, &ann_token, Method::POST, target, &owner).0, 409);
    let to_bob = json!({ "owner_account": format!("user:{bob}") });
    let transfer = "/apps/shop/transfer";
    assert_eq!(send_as(&mut engine, &ann_token, Method::POST, transfer, &to_bob).0, 403);
    let moved = ok(&mut engine, Method::POST, transfer, &to_bob);
    assert_eq!(moved["owner_account"], format!("user:{bob}"));
    assert_eq!(send(&mut engine, Method::DELETE, &format!("/users/{bob}"), "").0, 409);
}

#[test]
fn a_suspended_account_is_locked_out_and_its_apps_stop() {
    let mut engine = engine(Fork2026September, Pace::AtOnce);
    let (ann, token) = user(&mut engine, "ann@example.com");
    running_app(&mut engine, "shop");
    let account = format!("user:{ann}");
    ok(&mut engine, Method::POST, "/apps/shop/transfer", &json!({ "owner_account": account }));
    let login = engine.issue_token(Token::new().user(&ann));
    assert_eq!(send_as(&mut engine, &login, Method::GET, "/apps/shop", &Value::Null).0, 200);
    user(&mut engine, "bob@example.com");
    let both = json!({ "suspended": true, "email": "bob@example.com" }).to_string();
    assert_eq!(send(&mut engine, Method::PATCH, &format!("/users/{ann}"), &both).0, 409);
    assert_eq!(send_as(&mut engine, &token, Method::GET, "/whoami", &Value::Null).0, 200);
    ok(&mut engine, Method::PATCH, &format!("/users/{ann}"), &json!({ "suspended": true }));
    let (status, why) = send_as(&mut engine, &login, Method::GET, "/whoami", &Value::Null);
    assert_eq!((status, &why["message"]), (403, &json!("this account is suspended")));
    assert_eq!(send_as(&mut engine, &token, Method::GET, "/whoami", &Value::Null).0, 401);
    let release = engine.read("/apps/shop").unwrap()["release"].clone();
    let target = format!("/apps/shop/formations/{}", release.as_str().unwrap());
    let formation = engine.read(&target).unwrap();
    assert_eq!(formation["processes"], json!({ "web": 0, "worker": 0 }));
    let lift = format!("/accounts/{account}/unsuspend");
    assert_eq!(send(&mut engine, Method::POST, &lift, "{}").0, 200);
    assert_eq!(send_as(&mut engine, &login, Method::GET, "/whoami", &Value::Null).0, 200);
}

#[test]
fn fine_grants_cover_their_own_calls() {
    let mut engine = engine(Fork2026September, Pace::AtOnce);
    let (app, _) = running_app(&mut engine, "shop");
    let path = |of: &str| format!("/apps/{app}{of}");
    let get = Method::GET;
    for (grant, allowed, refused) in [
        ("app:logs:read", path("/log"), path("/routes")),
        ("app:env:write", path(""), path("/log")),
        ("app:read", path("/jobs"), "/apps/shop".to_owned()),
        ("app:admin", path("/collaborators-nosuch"), "/apps".to_owned()),
        ("app:admin", path("/routes"), path("/collaborators")),
    ] {
        let token = engine.issue_token(Token::new().grant(&app, grant));
        let status = send_as(&mut engine, &token, get.clone(), &allowed, &Value::Null).0;
        assert_ne!(status, 403, "{grant} {allowed}");
        let status = send_as(&mut engine, &token, get.clone(), &refused, &Value::Null).0;
        assert_eq!(status, 403, "{grant} {refused}");
    }
    let token = engine.issue_token(Token::new().grant(&app, "app:env:write"));
    let release = json!({ "artifacts": [], "env": { "A": "1" } });
    let (status, why) = send_as(&mut engine, &token, Method::POST, "/releases", &release);
    assert_eq!((status, &why["message"]), (403, &json!("app_id is required to create a release")));
    let controller = engine.read("/apps/controller").unwrap()["id"].as_str().unwrap().to_owned();
    let token = engine.issue_token(Token::new().grant(&controller, "app:admin"));
    let target = format!("/apps/{controller}/release");
    let (status, why) = send_as(&mut engine, &token, get, &target, &Value::Null);
    let said = "system apps require the cluster controller credential";
    assert_eq!((status, &why["message"]), (403, &json!(said)));
}

#[test]
fn scheduled_jobs_leave_events() {
    let mut engine = engine(Fork2026September, Pace::AtOnce);
    let (app, _) = running_app(&mut engine, "shop");
    let target = "/apps/shop/scheduler-events";
    assert_eq!(send(&mut engine, Method::POST, target, "{}").0, 400);
    let body = json!({ "schedule_id": "nightly", "command": "bin/report", "process_type": "web",
                       "schedule": "0 3 * * *" });
    let told = ok(&mut engine, Method::POST, target, &body);
    assert_eq!(told["app_id"], app);
    assert_eq!(told["fired_at"], "2026-11-22T21:00:01Z");
    let events = engine.read("/events?object_types=scheduler").unwrap();
    assert_eq!((&events[0]["object_id"], &events[0]["data"]), (&json!("nightly"), &told));
}

#[test]
fn september_has_more_fields() {
    let mut engine = engine(Fork2026September, Pace::AtOnce);
    let (app, release) = running_app(&mut engine, "shop");
    let jobs = engine.read("/apps/shop/jobs").unwrap();
    let name = jobs[0]["name"].as_str().unwrap();
    let (kind, number) = name.split_once('.').unwrap();
    assert_eq!(jobs[0]["type"], kind);
    assert!((1..=9999).contains(&number.parse::<u32>().unwrap()), "{name}");
    assert_eq!(jobs[0]["meta"]["name"], name);
    let run = json!({ "release": release, "args": ["true"] });
    let job = ok(&mut engine, Method::POST, "/apps/shop/jobs", &run);
    assert_eq!(job["type"], "runner");
    let routes = engine.read("/apps/shop/routes").unwrap();
    assert_eq!(routes[0]["included"], true);
    let tcp = json!({ "type": "tcp", "service": "db", "domain": "db.example.com",
                      "tls_mode": "passthrough" });
    let made = ok(&mut engine, Method::POST, "/apps/shop/routes", &tcp);
    let target = format!("/apps/shop/routes/tcp/{}", made["id"].as_str().unwrap());
    let stored = engine.read(&target).unwrap();
    assert_eq!(
        (&stored["tls_mode"], &stored["domain"]),
        (&json!("passthrough"), &json!("db.example.com"))
    );
    let sink = json!({ "kind": "otel", "app_id": app, "config": { "endpoint": "http://a:4318" } });
    assert_eq!(ok(&mut engine, Method::POST, "/sinks", &sink)["app_id"], app);
    let (status, why) = send(&mut engine, Method::POST, "/apps/postgres/jobs", &run.to_string());
    assert_eq!(status, 400, "{why}");
    let other = ok(&mut engine, Method::POST, "/apps", &json!({ "name": "other" }));
    let foreign = add_release(&mut engine, other["id"].as_str().unwrap(), &json!({}));
    let body = json!({ "id": foreign }).to_string();
    assert_eq!(send(&mut engine, Method::PUT, "/apps/shop/release", &body).0, 403);
}

#[test]
fn earlier_releases_forget_those_fields() {
    let mut engine = engine(Fork2026June, Pace::AtOnce);
    let body = json!({ "name": "shop", "owner_account": "user:1", "building": true });
    let made = ok(&mut engine, Method::POST, "/apps", &body);
    assert_eq!((made.get("owner_account"), made.get("building")), (None, None));
    let tcp = json!({ "type": "tcp", "service": "db", "tls_mode": "passthrough" });
    let made = ok(&mut engine, Method::POST, "/apps/shop/routes", &tcp);
    assert_eq!(made.get("tls_mode"), None);
    assert_eq!(engine.read("/apps/shop/routes").unwrap()[0].get("included"), None);
}
