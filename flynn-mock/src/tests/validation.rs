//! The refusals of the engine, and their messages.

use http::Method;
use serde_json::{Value, json};

use super::{Ask as _, add_release, engine, ok, pass, running_app, send};
use crate::dialect::ServerAge;
use crate::life::{Engine, Options, Pace};
use crate::wire::Request;

const BOTH: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];

/// Returns the status, code and message of a refusal.
fn refused(
    engine: &mut Engine,
    method: Method,
    target: &str,
    body: &Value,
) -> (u16, String, String) {
    let (status, reply) = send(engine, method, target, &body.to_string());
    let text = |name: &str| reply[name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("message"))
}

#[test]
fn names_of_apps() {
    for age in BOTH {
        let mut engine = engine(age, Pace::AtOnce);
        let made = ok(&mut engine, Method::POST, "/apps", &json!({ "name": "shop-7" }));
        assert_eq!(made["strategy"], "all-at-once");
        assert_eq!(made["deploy_timeout"], 120);
        let routes = engine.read("/apps/shop-7/routes").unwrap();
        assert_eq!(routes[0]["domain"], "shop-7.example.com");
        assert_eq!(routes[0]["service"], "shop-7-web");
        let again = refused(&mut engine, Method::POST, "/apps", &json!({ "name": "shop-7" }));
        assert_eq!((again.0, again.1.as_str()), (409, "object_exists"));
        for name in ["Shop", "-a", "a-", "a--b", "a_b", "ä"] {
            let bad = refused(&mut engine, Method::POST, "/apps", &json!({ "name": name }));
            assert_eq!(bad.0, 400, "{name}");
            assert!(bad.2.starts_with("name String must match the pattern"), "{}", bad.2);
        }
        let unnamed = ok(&mut engine, Method::POST, "/apps", &json!({}));
        assert!(unnamed["name"].as_str().is_some_and(|name| !name.is_empty()));
    }
}

#[test]
fn updates_of_apps() {
    for age in BOTH {
        let mut engine = engine(age, Pace::AtOnce);
        ok(&mut engine, Method::POST, "/apps", &json!({ "name": "www", "meta": { "a": "1" } }));
        let app = ok(&mut engine, Method::POST, "/apps/www", &json!({ "meta": null }));
        assert_eq!(app["meta"]["a"], "1");
        let app = ok(&mut engine, Method::POST, "/apps/www", &json!({ "meta": {} }));
        assert_eq!(app["meta"], json!({}));
        let app = ok(&mut engine, Method::POST, "/apps/www", &json!({ "deploy_timeout": 0 }));
        assert!(app.get("deploy_timeout").is_none());
        assert_eq!(refused(&mut engine, Method::POST, "/apps/www", &json!({ "x": 1 })).0, 400);
        // The schemas of 2021 mostly lack the definitions that they refer to.
        let status = if age == ServerAge::V2016 { 400 } else { 500 };
        for wrong in [json!({ "deploy_timeout": "7" }), json!({ "strategy": 7 })] {
            assert_eq!(refused(&mut engine, Method::POST, "/apps/www", &wrong).0, status);
        }
        // Wrong values are reported before missing ones.
        assert_eq!(refused(&mut engine, Method::POST, "/apps/none", &json!({ "x": 1 })).0, 400);
        assert_eq!(refused(&mut engine, Method::POST, "/apps/none", &json!({})).0, 404);
    }
}

#[test]
fn names_that_are_no_text() {
    let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
    for path in ["/apps/%ff", "/apps/a%00", "/providers/%c3%28"] {
        assert_eq!(send(&mut engine, Method::GET, path, "").0, 500, "{path}");
    }
    assert_eq!(send(&mut engine, Method::GET, "/releases/%ff", "").0, 404);
}

#[test]
fn images_that_are_known_already() {
    for age in BOTH {
        let mut engine = engine(age, Pace::AtOnce);
        let kind = if age == ServerAge::V2016 { "docker" } else { "flynn" };
        let mut add = |meta: Value| {
            let image =
                json!({ "type": kind, "uri": "https://x.test/i", "manifest": {}, "meta": meta });
            ok(&mut engine, Method::POST, "/artifacts", &image)
        };
        let first = add(json!({ "a": "1" }));
        let again = add(json!({ "a": "2", "b": "3" }));
        assert_eq!(again["id"], first["id"]);
        assert_eq!(again["meta"], json!({ "a": "1", "b": "3" }));
        assert_eq!(add(json!({}))["meta"], json!({ "a": "1" }));
    }
}

#[test]
fn the_content_type_counts_from_2021() {
    for (age, status) in [(ServerAge::V2016, 200), (ServerAge::V2021, 400)] {
        let mut engine = engine(age, Pace::AtOnce);
        let mut request = Request::new(Method::POST, "/apps");
        request.headers.insert("authorization", "Basic OmtleQ==".parse().unwrap());
        request.body = "{\"name\":\"www\"}".into();
        assert_eq!(engine.handle(&request).status.as_u16(), status);
    }
}

#[test]
fn keys_and_what_needs_none() {
    for age in BOTH {
        let mut engine = engine(age, Pace::AtOnce);
        let mut status = |target: &str, key: &str| {
            use base64::Engine as _;
            let mut request = Request::new(Method::GET, target);
            if !key.is_empty() {
                let text = base64::engine::general_purpose::STANDARD.encode(format!("x:{key}"));
                let value = format!("Basic {text}").parse().unwrap();
                request.headers.insert("authorization", value);
            }
            let answer = engine.handle(&request);
            assert!(answer.status != 401 || answer.bytes().is_empty());
            answer.status.as_u16()
        };
        assert_eq!(status("/apps", "key"), 200);
        assert_eq!(status("/apps", "yek"), 401);
        assert_eq!(status("/apps", ""), 401);
        assert_eq!(status("/ping", ""), 200);
        assert_eq!(status("/ca-cert", ""), 200);
        assert_eq!(status("/ca-cert", "yek"), 401);
        let by_query = if age == ServerAge::V2016 { 200 } else { 401 };
        assert_eq!(status("/backup?key=key", ""), by_query);
        assert_eq!(status("/apps?key=key", ""), 401);
    }
}

#[test]
fn releases() {
    for age in BOTH {
        let mut engine = engine(age, Pace::AtOnce);
        let app = ok(&mut engine, Method::POST, "/apps", &json!({ "name": "www" }));
        let app = app["id"].as_str().unwrap();
        let body = json!({ "app_id": app, "env": { "": "x" } });
        let bad = refused(&mut engine, Method::POST, "/releases", &body);
        assert_eq!(bad.0, 400);
        assert!(bad.2.starts_with("env you can't create an env var with an empty key"));
        let process = json!({ "entrypoint": ["/init"], "cmd": ["web"], "args": ["lost"] });
        let body = json!({ "app_id": app, "processes": { "web": process } });
        let made = ok(&mut engine, Method::POST, "/releases", &body);
        assert_eq!(made["processes"]["web"]["args"], json!(["/init", "web"]));
        assert_eq!(made["processes"]["web"]["resources"]["cpu"]["limit"], 1000);
        let disk = made["processes"]["web"]["resources"].get("temp_disk").is_some();
        assert_eq!(disk, age == ServerAge::V2021);
        let nothing = json!({ "id": "11111111-2222-4333-8444-555555555555" });
        let bad = refused(&mut engine, Method::POST, "/apps/www/deploy", &nothing);
        assert_eq!(bad.0, 400);
        let id = nothing["id"].as_str().unwrap();
        assert_eq!(bad.2, format!("could not find release with ID {id}"));
        let release = add_release(&mut engine, app, &json!({ "A": "1" }));
        ok(&mut engine, Method::POST, "/apps/www/deploy", &json!({ "id": release }));
        let target = format!("/apps/www/releases/{release}");
        let bad = refused(&mut engine, Method::DELETE, &target, &Value::Null);
        assert_eq!(bad.2, "cannot delete current app release");
    }
}

#[test]
fn routes() {
    for age in BOTH {
        let mut engine = engine(age, Pace::AtOnce);
        ok(&mut engine, Method::POST, "/apps", &json!({ "name": "www" }));
        let at = "/apps/www/routes";
        let route = |domain: &str, path: &str| {
            json!({ "type": "http", "service": "www-web", "domain": domain, "path": path,
                    "drain_backends": true })
        };
        let orphan = refused(&mut engine, Method::POST, at, &route("a.example.org", "/x"));
        assert_eq!((orphan.0, orphan.2.as_str()), (400, "Invalid route"));
        let first = ok(&mut engine, Method::POST, at, &route("a.example.org", ""));
        let twice = refused(&mut engine, Method::POST, at, &route("a.example.org", "/"));
        assert_eq!((twice.0, twice.2.as_str()), (409, "Duplicate route"));
        let below = ok(&mut engine, Method::POST, at, &route("a.example.org", "/x"));
        let id = first["id"].as_str().unwrap();
        let needed = refused(&mut engine, Method::DELETE, &format!("{at}/http/{id}"), &Value::Null);
        assert_eq!(needed.2, "Route has dependent routes");
        let below = below["id"].as_str().unwrap();
        assert_eq!(send(&mut engine, Method::DELETE, &format!("{at}/http/{below}"), "").0, 200);
        assert_eq!(send(&mut engine, Method::DELETE, &format!("{at}/http/{id}"), "").0, 200);
        assert_eq!(send(&mut engine, Method::GET, &format!("{at}/http/{id}"), "").0, 404);
        let tcp = json!({ "type": "tcp", "service": "db", "port": 443 });
        let status = send(&mut engine, Method::POST, at, &tcp.to_string()).0;
        assert_eq!(status, if age == ServerAge::V2021 { 409 } else { 200 });
        let bad = json!({ "type": "http", "service": "www-web", "domain": "c.example.org",
                          "drain_backends": true, "certificate": { "cert": "x", "key": "y" } });
        let bad = refused(&mut engine, Method::POST, at, &bad);
        let reason = "Certificate invalid: tls: failed to find any PEM data in certificate input";
        assert_eq!(bad.2, reason);
    }
}

#[test]
fn a_put_replaces_the_whole_route() {
    for age in BOTH {
        let mut engine = engine(age, Pace::AtOnce);
        ok(&mut engine, Method::POST, "/apps", &json!({ "name": "www" }));
        let route = engine.read("/apps/www/routes").unwrap()[0].clone();
        let target = format!("/apps/www/routes/http/{}", route["id"].as_str().unwrap());
        let mut all = route.clone();
        all["sticky"] = true.into();
        let kept = ok(&mut engine, Method::PUT, &target, &all);
        assert_eq!((&kept["sticky"], &kept["parent_ref"]), (&true.into(), &route["parent_ref"]));
        let some = json!({ "type": "http", "id": route["id"], "service": "www-web",
                           "domain": route["domain"] });
        let lost = ok(&mut engine, Method::PUT, &target, &some);
        assert!(lost.get("sticky").is_none() && lost.get("parent_ref").is_none());
        assert_eq!(lost["drain_backends"], true);
        // It no longer belongs to the app.
        assert_eq!(send(&mut engine, Method::GET, &target, "").0, 404);
        let other =
            json!({ "type": "http", "id": route["id"], "service": "x", "domain": "o.test" });
        assert_eq!(send(&mut engine, Method::PUT, &target, &other.to_string()).0, 404);
    }
}

#[test]
fn formations_and_scale_requests() {
    let mut old = engine(ServerAge::V2016, Pace::Timed);
    let (_, release) = running_app(&mut old, "www");
    let target = format!("/apps/www/formations/{release}");
    let replaced = ok(&mut old, Method::PUT, &target, &json!({ "processes": { "web": 1 } }));
    assert_eq!(replaced["processes"], json!({ "web": 1 }));
    let unknown = json!({ "processes": { "clock": 1 } });
    let bad = refused(&mut old, Method::PUT, &target, &unknown);
    assert!(bad.2.ends_with("Invalid process types: [clock]"), "{}", bad.2);
    assert_eq!(send(&mut old, Method::PUT, &format!("/apps/www/scale/{release}"), "{}").0, 404);

    let mut new = engine(ServerAge::V2021, Pace::Timed);
    let (_, release) = running_app(&mut new, "www");
    let target = format!("/apps/www/scale/{release}");
    let body = json!({ "state": "pending", "new_processes": { "web": 1 } });
    let request = ok(&mut new, Method::PUT, &target, &body);
    assert_eq!(request["old_processes"], json!({ "web": 2, "worker": 1 }));
    pass(&mut new, jiff::SignedDuration::from_secs(1));
    let formation = new.read(&format!("/apps/www/formations/{release}")).unwrap();
    assert_eq!(formation["processes"], json!({ "web": 1, "worker": 1 }));
    let id = request["id"].as_str().unwrap();
    let events = new.read(&format!("/events?object_id={id}")).unwrap();
    assert_eq!(events[0]["data"]["state"], "complete");
    let bad = refused(&mut new, Method::PUT, &target, &json!({ "state": "pending" }));
    assert_eq!(bad.2, "scale request must have either processes or tags set");
    let bad = refused(&mut new, Method::PUT, &target, &json!({ "new_processes": {} }));
    assert!(bad.2.starts_with("state Enum error."), "{}", bad.2);
    let large = json!({ "state": "pending", "new_processes": { "web": i64::MAX, "worker": 9 } });
    ok(&mut new, Method::PUT, &target, &large);
    pass(&mut new, jiff::SignedDuration::from_secs(1));
}

#[test]
fn paths_and_hosts_are_routed() {
    let mut engine = engine(ServerAge::V2016, Pace::AtOnce);
    for target in ["/routes", "/sinks", "/volumes", "/nothing", "/apps/controller/volumes"] {
        let mut request = Request::new(Method::GET, target);
        request.headers.insert("authorization", "Basic OmtleQ==".parse().unwrap());
        let answer = engine.handle(&request);
        assert_eq!(answer.bytes(), b"404 page not found\n", "{target}");
    }
    let mut request = Request::new(Method::GET, "/ping");
    request.host = "controller.example.com".to_owned();
    assert_eq!(engine.handle(&request).status, 200);
    request.host = "nothing.example.com".to_owned();
    assert_eq!(engine.handle(&request).status, 404);
    request.host = "git.example.com".to_owned();
    assert_eq!(engine.handle(&request).status, 503);
}

#[test]
fn times_that_are_none() {
    for age in BOTH {
        let mut engine = engine(age, Pace::AtOnce);
        let app = ok(&mut engine, Method::POST, "/apps", &json!({ "name": "www" }));
        for wrong in [json!(1), json!("x"), json!({})] {
            let body = json!({ "app_id": app["id"], "created_at": wrong });
            assert_eq!(refused(&mut engine, Method::POST, "/releases", &body).0, 500, "{body}");
        }
        let body = json!({ "app_id": app["id"], "created_at": null });
        ok(&mut engine, Method::POST, "/releases", &body);
        let route = json!({
            "type": "http", "domain": "a.test", "service": "a", "created_at": null,
        });
        ok(&mut engine, Method::POST, "/apps/www/routes", &route);
    }
}

#[test]
fn debug_shows_no_secret() {
    let mut options = Options::new(ServerAge::V2021, "example.com");
    options.key = Some("s3cret".to_owned());
    let engine = Engine::new(options);
    let request = Request::new(Method::POST, "/apps").json("s3cret");
    let shown = format!("{engine:?} {request:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
}
