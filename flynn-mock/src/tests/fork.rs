//! The additions of the fork.

use http::Method;
use serde_json::{Value, json};

use super::{Ask as _, add_release, engine, ok, running_app, send};
use crate::dialect::ServerAge::{Fork2026June, Fork2026September, V2021};
use crate::life::{Engine, Pace, Token, Verdict};
use crate::wire::Request;

const ACME: &str = "/acme/config";

fn enable_acme(engine: &mut Engine) {
    let config = json!({ "enabled": true, "contact_email": "ops@example.com",
                         "terms_of_service_agreed": true });
    ok(engine, Method::PUT, ACME, &config);
}

/// Returns the status of a GET with this token.
fn status(engine: &mut Engine, token: &str, target: &str) -> u16 {
    let mut request = Request::new(Method::GET, target);
    request.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    engine.handle(&request).status.as_u16()
}

#[test]
fn the_calls_of_the_fork_are_404_on_2021() {
    let mut engine = engine(V2021, Pace::AtOnce);
    for path in [ACME, "/managed-certificates", "/hosts", "/cluster/stats"] {
        assert_eq!(send(&mut engine, Method::GET, path, "").0, 404, "{path}");
    }
}

#[test]
fn the_authority_refuses_issues_and_renews() {
    let mut engine = engine(Fork2026June, Pace::AtOnce);
    ok(&mut engine, Method::POST, "/apps", &json!({ "name": "shop" }));
    let name = "buy.example.net";
    let route = json!({ "type": "http", "domain": name, "service": "shop-web",
                        "drain_backends": true, "managed_certificate_domain": name });
    let routes = "/apps/shop/routes";
    assert_eq!(send(&mut engine, Method::POST, routes, &route.to_string()).0, 400, "ACME is off");
    enable_acme(&mut engine);
    let made = ok(&mut engine, Method::POST, routes, &route);
    assert_eq!(engine.read("/managed-certificates").unwrap()[0]["status"], "pending");
    engine.answer_order(name, Verdict::Refused("no A record".to_owned())).unwrap();
    assert_eq!(engine.read("/managed-certificates").unwrap()[0]["status"], "failed");
    let events = engine.read("/events?object_types=managed_certificate").unwrap();
    assert_eq!(events[0]["data"]["errors"][0]["detail"], "no A record");
    let target = format!("{routes}/http/{}", made["id"].as_str().unwrap());
    for cert in ["first", "second"] {
        let verdict = Verdict::Issued { cert: cert.to_owned(), key: "key".to_owned() };
        engine.answer_order(name, verdict).unwrap();
        assert_eq!(engine.read(&target).unwrap()["certificate"]["cert"], cert);
    }
    // Without the name a route is detached, and without a certificate it has none.
    let mut bare = made;
    bare.as_object_mut().unwrap().remove("managed_certificate_domain");
    ok(&mut engine, Method::PUT, &target, &bare);
    assert_eq!(engine.read(&target).unwrap().get("certificate"), None);
}

#[test]
fn september_keeps_the_last_error_of_a_renewal() {
    let name = "buy.example.net";
    for (age, last_error) in
        [(Fork2026June, Value::Null), (Fork2026September, json!("no A record"))]
    {
        let mut engine = engine(age, Pace::AtOnce);
        ok(&mut engine, Method::POST, "/apps", &json!({ "name": "shop" }));
        enable_acme(&mut engine);
        let route = json!({ "type": "http", "domain": name, "service": "shop-web",
                            "drain_backends": true, "managed_certificate_domain": name });
        ok(&mut engine, Method::POST, "/apps/shop/routes", &route);
        let leaf = flynn_tls::generate::bootstrap(name).unwrap().leaf;
        let (cert, key) = (leaf.certificate_pem(), leaf.key_pem());
        let issued = Verdict::Issued { cert: cert.clone(), key };
        engine.answer_order(name, issued.clone()).unwrap();
        let shown = |engine: &mut Engine| engine.read("/managed-certificates").unwrap()[0].clone();
        let first = shown(&mut engine);
        assert!(first["expires_at"].as_str().unwrap() > "2027", "{first}");

        engine.answer_order(name, Verdict::Refused("no A record".to_owned())).unwrap();
        let failed = shown(&mut engine);
        assert_eq!((&failed["status"], &failed["cert"]), (&json!("failed"), &json!(cert)));
        assert_eq!(failed["last_error"], last_error, "{age:?}");
        assert_eq!(failed["last_error_at"].is_string(), last_error.is_string(), "{age:?}");
        let routes = engine.read("/apps/shop/routes").unwrap();
        assert_eq!(routes[0]["certificate"]["cert"], cert, "it serves on");

        engine.answer_order(name, issued).unwrap();
        let renewed = shown(&mut engine);
        assert_eq!((&renewed["status"], &renewed["last_error"]), (&json!("issued"), &Value::Null));
    }
}

#[test]
fn tokens_do_what_they_were_granted() {
    for (age, empty) in [(Fork2026June, 200), (Fork2026September, 403)] {
        let mut engine = engine(age, Pace::AtOnce);
        let made = ok(&mut engine, Method::POST, "/apps", &json!({ "name": "shop" }));
        let id = made["id"].as_str().unwrap();
        let by_id = format!("/apps/{id}");
        let any = engine.issue_token(Token::new());
        let admin = engine.issue_token(Token::new().scope("cluster:admin"));
        let odd = engine.issue_token(Token::new().scope("nosuch"));
        let reader = engine.issue_token(Token::new().grant(id, "app:read"));
        for (token, path, wanted) in [
            (any.as_str(), "/apps", empty),
            (&admin, "/apps", 200),
            (&odd, "/apps", 403),
            (&odd, "/ping", 200),
            (&reader, &by_id, 200),
            (&reader, "/apps/shop", 403),
            (&reader, "/nosuch", 403),
            (&reader, "/ca-cert", 200),
            ("made up", "/apps", 401),
        ] {
            assert_eq!(status(&mut engine, token, path), wanted, "{age:?} {path}");
        }
    }
}

#[test]
fn september_hides_reserves_queues_and_has_a_login() {
    let mut engine = engine(Fork2026September, Pace::Timed);
    let names = |apps: Value| apps.as_array().unwrap().len();
    assert_eq!(names(engine.read("/apps").unwrap()), 0);
    assert!(names(engine.read("/apps?all=1").unwrap()) > 10);
    assert!(engine.read("/apps/controller").is_some());
    let (code, why) = send(&mut engine, Method::POST, "/apps", r#"{"name":"www"}"#);
    assert_eq!((code, &why["message"]), (400, &json!("name is reserved")));
    let routes = engine.read("/apps/controller/routes").unwrap();
    assert!(routes.as_array().unwrap().iter().any(|r| r["domain"] == "auth.example.com"));
    let (app, _) = running_app(&mut engine, "shop");
    let mut last = String::new();
    for status in ["pending", "queued"] {
        last = add_release(&mut engine, &app, &json!({ "STATUS": status }));
        let made = ok(&mut engine, Method::POST, "/apps/shop/deploy", &json!({ "id": last }));
        assert_eq!(made["status"], status);
    }
    engine.run_to_end();
    let deployments = engine.read("/apps/shop/deployments").unwrap();
    assert_eq!(
        (&deployments[0]["status"], &deployments[1]["status"]),
        (&json!("complete"), &json!("complete"))
    );
    assert_eq!(engine.read("/apps/shop").unwrap()["release"], last);
}

#[test]
fn hosts_that_do_not_answer_are_left_out() {
    let mut engine = engine(Fork2026June, Pace::AtOnce);
    assert_eq!(engine.read("/hosts").unwrap().as_array().unwrap().len(), 3);
    engine.set_host_reachable("host2", false);
    assert_eq!(engine.read("/cluster/stats").unwrap().as_array().unwrap().len(), 2);
    assert_eq!(send(&mut engine, Method::GET, "/hosts/host2/stats", "").0, 500);
    assert_eq!(send(&mut engine, Method::GET, "/hosts/nosuch/stats", "").0, 500);
}
