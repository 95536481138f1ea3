//! Resources.

use http::Method;
use serde_json::{Value, json};

use super::{Ask as _, engine, ok, running_app, send};
use crate::dialect::ServerAge;
use crate::life::{Engine, Pace, ProviderApis, ProviderCall, Provision};

const AGES: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];
const ZERO: &str = "00000000-0000-0000-0000-000000000000";

fn status(engine: &mut Engine, method: Method, target: &str, body: &Value) -> (u16, Value) {
    let (status, reply) = send(engine, method, target, &body.to_string());
    (status, reply["retry"].clone())
}

fn event(engine: &mut Engine, kind: &str) -> Value {
    engine.read(&format!("/events?object_types={kind}")).unwrap()[0].clone()
}

#[test]
fn provision_name_apps_delete() {
    for age in AGES {
        let mut engine = engine(age, Pace::AtOnce);
        let (app, _) = running_app(&mut engine, "www");
        let resources = "/providers/postgres/resources";
        let made = ok(&mut engine, Method::POST, resources, &json!({ "apps": ["www"] }));
        assert_eq!(made["apps"], json!([app]), "a name becomes an id");
        let name = made["env"]["PGDATABASE"].as_str().unwrap();
        assert_eq!(made["external_id"], format!("/databases/{name}"));
        assert_eq!(engine.read("/apps/www/resources").unwrap()[0], made);
        assert_eq!(event(&mut engine, "resource")["app"], app);
        let target = format!("{resources}/{}", made["id"].as_str().unwrap());
        assert_eq!(ok(&mut engine, Method::DELETE, &target, &json!({})), made);
        assert_eq!(event(&mut engine, "resource_deletion")["data"], made);
        assert_eq!(status(&mut engine, Method::DELETE, &target, &json!({})).0, 404);
        assert_eq!(engine.read("/apps/www/resources").unwrap(), json!([]));
    }
}

#[test]
fn removing_an_app_removes_all_its_links() {
    for age in AGES {
        let mut engine = engine(age, Pace::AtOnce);
        let (www, _) = running_app(&mut engine, "www");
        let (api, _) = running_app(&mut engine, "api");
        let resources = "/providers/redis/resources";
        let both = json!({ "apps": ["www", "api"] });
        let a = ok(&mut engine, Method::POST, resources, &both);
        let b = ok(&mut engine, Method::POST, resources, &json!({ "apps": [www] }));
        let of = |resource: &Value, app: &str| {
            format!("{resources}/{}/apps/{app}", resource["id"].as_str().unwrap())
        };
        let left = ok(&mut engine, Method::DELETE, &of(&a, &www), &json!({}));
        assert_eq!(left["apps"], json!([api]));
        let b_now = engine.read(&format!("{resources}/{}", b["id"].as_str().unwrap()));
        assert_eq!(b_now.unwrap().get("apps"), None, "the other resource too");
        assert_eq!(event(&mut engine, "resource_app_deletion")["app"], www);
        let again = ok(&mut engine, Method::PUT, &of(&a, &www), &json!({}));
        assert_eq!(again["apps"], json!([api, www]), "appended in the reply");
        let read = engine.read(&format!("{resources}/{}", a["id"].as_str().unwrap()));
        assert_eq!(read.unwrap()["apps"], json!([www, api]), "the newest link first");
        for (method, app) in [
            (Method::PUT, www.as_str()),
            (Method::PUT, "www"),
            (Method::PUT, ZERO),
            (Method::DELETE, "www"),
            (Method::DELETE, ZERO),
        ] {
            let got = status(&mut engine, method.clone(), &of(&a, app), &json!({}));
            assert_eq!(got, (500, json!(true)), "{method} {app}");
        }
    }
}

#[test]
fn registering_and_its_errors() {
    for age in AGES {
        let mut engine = engine(age, Pace::AtOnce);
        let target = |id: &str| format!("/providers/mysql/resources/{id}");
        let body = json!({ "external_id": "/x", "env": { "A": "b" }, "apps": [] });
        let id = "11111111-1111-4111-8111-111111111111";
        let made = ok(&mut engine, Method::PUT, &target(id), &body);
        assert_eq!((&made["id"], &made["external_id"]), (&json!(id), &json!("/x")));
        for (place, body, wanted) in [
            (target(id), body.clone(), (500, json!(true))),
            (target(ZERO), body.clone(), (500, json!(true))),
            (target("nosuch"), body.clone(), (500, json!(false))),
            (target(ZERO), json!({ "external_id": "/y", "apps": ["no"] }), (500, json!(true))),
            ("/providers/no/resources/1".to_owned(), body.clone(), (404, Value::Null)),
        ] {
            let got = status(&mut engine, Method::PUT, &place, &body);
            assert_eq!(got, wanted, "{place} {body}");
        }
        assert_eq!(send(&mut engine, Method::GET, &target("nosuch"), "").0, 404);
        let other = format!("/providers/redis/resources/{id}");
        assert_eq!(engine.read(&other).unwrap(), made, "any provider will do");
    }
}

#[test]
fn providers_refuse_and_are_scripted() {
    let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
    let own = json!({ "name": "own", "url": "http://own.test/x" });
    ok(&mut engine, Method::POST, "/providers", &own);
    let resources = "/providers/own/resources";
    assert_eq!(status(&mut engine, Method::POST, resources, &json!({})), (500, json!(false)));
    engine.options.providers = ProviderApis::new(|url, call, secret| {
        let ProviderCall::Provision(config) = call else { return None };
        let env = [("KEY".to_owned(), format!("{} {}", config["size"], secret().len()))];
        (url == "http://own.test/x")
            .then(|| Provision { external_id: "1".to_owned(), env: env.into() })
    });
    let config = json!({ "config": { "size": 3 } });
    let made = ok(&mut engine, Method::POST, resources, &config);
    assert_eq!(made["env"]["KEY"], "3 32");
    let target = format!("{resources}/{}", made["id"].as_str().unwrap());
    assert_eq!(status(&mut engine, Method::DELETE, &target, &json!({})), (500, json!(false)));
}

#[test]
fn providers_and_their_errors() {
    for age in AGES {
        let mut engine = engine(age, Pace::AtOnce);
        let a = json!({ "name": "a", "url": "http://a.test", "id": "ignored" });
        let made = ok(&mut engine, Method::POST, "/providers", &a);
        assert_ne!(made["id"], "ignored");
        assert_eq!(engine.read("/providers/a").unwrap(), made);
        assert_eq!(engine.read("/providers").unwrap()[0], made, "the newest first");
        assert_eq!(event(&mut engine, "provider")["data"], made);
        for (body, wanted) in [
            (json!({}), (500, json!(false))),
            (json!({ "name": "b" }), (500, json!(false))),
            (json!({ "url": "http://b.test" }), (500, json!(false))),
            (json!({ "name": "a", "url": "http://b.test" }), (500, json!(true))),
            (json!({ "name": "b", "url": "http://a.test" }), (500, json!(true))),
            (json!({ "name": "b", "url": "b" }), (400, json!(false))),
            (json!({ "name": 1 }), (400, json!(false))),
            (json!({ "name": "b", "created_at": "x" }), (500, json!(false))),
        ] {
            assert_eq!(status(&mut engine, Method::POST, "/providers", &body), wanted, "{body}");
        }
    }
}
