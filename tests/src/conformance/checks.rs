//! The checks.

use std::pin::Pin;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Target};

type Outcome = Result<(), String>;
type Check = fn(&Target) -> Pin<Box<dyn Future<Output = Outcome> + '_>>;

macro_rules! checks {
    ($($name:ident),+ $(,)?) => {
        /// All checks by name.
        pub(super) const ALL: &[(&str, Check)] =
            &[$((stringify!($name), |target| Box::pin($name(target)))),+];
    };
}

checks! {
    ping_needs_no_key,
    a_wrong_key_is_an_empty_401,
    a_missing_object_is_an_empty_404,
    an_unknown_path_is_a_text_404,
    a_new_app_has_its_defaults,
    an_app_name_is_taken_once,
    a_bad_app_name_names_its_field,
    meta_is_replaced_and_null_is_ignored,
    lists_are_newest_first,
    a_release_comes_back_as_it_was_sent,
    a_deployment_without_processes_is_done_at_once,
    an_unknown_release_is_not_deployed,
    a_formation_of_an_unknown_type_is_refused,
    a_route_is_unique_and_can_be_deleted,
    a_path_needs_its_domain,
    events_are_replayed_after_an_id,
    a_bad_event_id_is_refused_before_the_stream,
    a_deletion_ends_in_an_event,
}

fn must(holds: bool, why: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(why()) }
}

fn equal(what: &str, got: impl Into<Value>, wanted: impl Into<Value>) -> Outcome {
    let (got, wanted) = (got.into(), wanted.into());
    must(got == wanted, || format!("{what} is {got}, not {wanted}"))
}

fn field<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document.pointer(pointer).unwrap_or(&Value::Null)
}

fn text(document: &Value, name: &str) -> Result<String, String> {
    match document.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        other => Err(format!("{name} is {other:?}, not a text")),
    }
}

fn status(answer: &Answer, wanted: StatusCode) -> Outcome {
    must(answer.status == wanted, || {
        let body = String::from_utf8_lossy(&answer.body);
        format!("status {}, not {wanted}: {body}", answer.status)
    })
}

async fn get(target: &Target, path: &str) -> Result<Value, String> {
    let answer = target.call(Method::GET, path, None).await?;
    status(&answer, StatusCode::OK).map_err(|why| format!("GET {path}: {why}"))?;
    Ok(answer.json())
}

async fn send(target: &Target, method: Method, path: &str, body: Value) -> Result<Value, String> {
    let what = format!("{method} {path}");
    let answer = target.call(method, path, Some(&body)).await?;
    status(&answer, StatusCode::OK).map_err(|why| format!("{what}: {why}"))?;
    Ok(answer.json())
}

/// Runs a check with a new app, and deletes the app. The server chooses the app's name, so that no two checks share
/// one.
async fn with_app(
    target: &Target,
    check: impl AsyncFnOnce(&Target, &str, &str) -> Outcome,
) -> Outcome {
    let made = send(target, Method::POST, "/apps", json!({})).await?;
    let (id, name) = (text(&made, "id")?, text(&made, "name")?);
    let outcome = check(target, &id, &name).await;
    let deleted = target.call(Method::DELETE, &format!("/apps/{id}"), None).await;
    outcome.and(deleted.and_then(|answer| status(&answer, StatusCode::OK)))
}

async fn ping_needs_no_key(target: &Target) -> Outcome {
    let answer = target.with_key("wrong").call(Method::GET, "/ping", None).await?;
    status(&answer, StatusCode::OK)
}

async fn a_wrong_key_is_an_empty_401(target: &Target) -> Outcome {
    let answer = target.with_key("wrong").call(Method::GET, "/apps", None).await?;
    status(&answer, StatusCode::UNAUTHORIZED)?;
    must(answer.body.is_empty(), || "it has a body".to_owned())
}

async fn a_missing_object_is_an_empty_404(target: &Target) -> Outcome {
    let none = "00000000-0000-4000-8000-000000000000";
    for path in ["/apps/conformance-nosuch", &format!("/releases/{none}"), "/deployments/x"] {
        let answer = target.call(Method::GET, path, None).await?;
        status(&answer, StatusCode::NOT_FOUND)?;
        must(answer.body.is_empty(), || format!("{path}: it has a body"))?;
    }
    Ok(())
}

async fn an_unknown_path_is_a_text_404(target: &Target) -> Outcome {
    let answer = target.call(Method::GET, "/nosuch", None).await?;
    status(&answer, StatusCode::NOT_FOUND)?;
    must(answer.body == "404 page not found\n", || format!("body {:?}", answer.body))
}

async fn a_new_app_has_its_defaults(target: &Target) -> Outcome {
    with_app(target, async |target, id, name| {
        let app = get(target, &format!("/apps/{name}")).await?;
        equal("strategy", field(&app, "/strategy").clone(), "all-at-once")?;
        equal("deploy_timeout", field(&app, "/deploy_timeout").clone(), 120)?;
        let meta = json!({"gc.max_inactive_slug_releases": "10"});
        equal("meta", field(&app, "/meta").clone(), meta)?;
        equal("by id", get(target, &format!("/apps/{id}")).await?, app)
    })
    .await
}

async fn an_app_name_is_taken_once(target: &Target) -> Outcome {
    with_app(target, async |target, _, name| {
        let body = json!({"name": name});
        let answer = target.call(Method::POST, "/apps", Some(&body)).await?;
        status(&answer, StatusCode::CONFLICT)?;
        equal("code", field(&answer.json(), "/code").clone(), "object_exists")
    })
    .await
}

async fn a_bad_app_name_names_its_field(target: &Target) -> Outcome {
    let body = json!({"name": "Conformance_Bad"});
    let answer = target.call(Method::POST, "/apps", Some(&body)).await?;
    status(&answer, StatusCode::BAD_REQUEST)?;
    equal("code", field(&answer.json(), "/code").clone(), "validation_error")?;
    equal("field", field(&answer.json(), "/detail/field").clone(), "name")
}

async fn meta_is_replaced_and_null_is_ignored(target: &Target) -> Outcome {
    with_app(target, async |target, _, name| {
        let path = format!("/apps/{name}");
        for (body, left) in [
            (json!({"meta": {"a": "1"}}), json!({"a": "1"})),
            (json!({"meta": null}), json!({"a": "1"})),
            (json!({"meta": {}}), json!({})),
        ] {
            send(target, Method::POST, &path, body.clone()).await?;
            let app = get(target, &path).await?;
            equal(&format!("meta after {body}"), field(&app, "/meta").clone(), left)?;
        }
        Ok(())
    })
    .await
}

async fn lists_are_newest_first(target: &Target) -> Outcome {
    with_app(target, async |target, first, _| {
        let first = first.to_owned();
        with_app(target, async |target, second, _| {
            let apps = get(target, "/apps").await?;
            let place = |id: &str| {
                apps.as_array()?.iter().position(|app| app.get("id") == Some(&json!(id)))
            };
            let places = (place(second), place(&first));
            must(matches!(places, (Some(second), Some(first)) if second < first), || {
                format!("the newer one is at {:?}, the older at {:?}", places.0, places.1)
            })
        })
        .await
    })
    .await
}

/// Creates a release of an app that every server accepts.
async fn release(target: &Target, app: &str) -> Result<Value, String> {
    let artifacts = get(target, "/artifacts").await?;
    let body = json!({"app_id": app, "artifacts": [field(&artifacts, "/0/id")],
                      "env": {"A": "1"}, "processes": {"web": {"args": ["/w"]}}});
    send(target, Method::POST, "/releases", body).await
}

async fn a_release_comes_back_as_it_was_sent(target: &Target) -> Outcome {
    with_app(target, async |target, app, _| {
        let made = release(target, app).await?;
        let read = get(target, &format!("/releases/{}", text(&made, "id")?)).await?;
        equal("env", field(&read, "/env").clone(), json!({"A": "1"}))?;
        equal("args", field(&read, "/processes/web/args").clone(), json!(["/w"]))?;
        let cpu = field(&read, "/processes/web/resources/cpu").clone();
        equal("cpu", cpu, json!({"request": 1000, "limit": 1000}))
    })
    .await
}

async fn a_deployment_without_processes_is_done_at_once(target: &Target) -> Outcome {
    with_app(target, async |target, app, _| {
        let id = text(&release(target, app).await?, "id")?;
        let path = format!("/apps/{app}/deploy");
        let deployment = send(target, Method::POST, &path, json!({"id": id})).await?;
        must(deployment.get("finished_at").is_some(), || format!("unfinished: {deployment}"))?;
        let current = get(target, &format!("/apps/{app}/release")).await?;
        equal("the current release", field(&current, "/id").clone(), id)
    })
    .await
}

async fn an_unknown_release_is_not_deployed(target: &Target) -> Outcome {
    with_app(target, async |target, app, _| {
        let none = "00000000-0000-4000-8000-000000000000";
        let path = format!("/apps/{app}/deploy");
        let answer = target.call(Method::POST, &path, Some(&json!({"id": none}))).await?;
        status(&answer, StatusCode::BAD_REQUEST)?;
        let message = format!("could not find release with ID {none}");
        equal("message", field(&answer.json(), "/message").clone(), message)
    })
    .await
}

async fn a_formation_of_an_unknown_type_is_refused(target: &Target) -> Outcome {
    with_app(target, async |target, app, _| {
        let id = text(&release(target, app).await?, "id")?;
        let path = format!("/apps/{app}/formations/{id}");
        let body = json!({"processes": {"nosuch": 1}});
        let answer = target.call(Method::PUT, &path, Some(&body)).await?;
        status(&answer, StatusCode::BAD_REQUEST)?;
        equal("code", field(&answer.json(), "/code").clone(), "validation_error")
    })
    .await
}

async fn a_route_is_unique_and_can_be_deleted(target: &Target) -> Outcome {
    with_app(target, async |target, app, name| {
        let path = format!("/apps/{app}/routes");
        let domain = format!("{name}.conformance.invalid");
        let body = json!({"type": "http", "domain": domain, "service": format!("{name}-web"),
                          "drain_backends": true});
        let route = send(target, Method::POST, &path, body.clone()).await?;
        let again = target.call(Method::POST, &path, Some(&body)).await?;
        status(&again, StatusCode::CONFLICT)?;
        equal("message", field(&again.json(), "/message").clone(), "Duplicate route")?;
        let one = format!("{path}/http/{}", text(&route, "id")?);
        equal("domain", field(&get(target, &one).await?, "/domain").clone(), domain)?;
        status(&target.call(Method::DELETE, &one, None).await?, StatusCode::OK)?;
        status(&target.call(Method::GET, &one, None).await?, StatusCode::NOT_FOUND)
    })
    .await
}

async fn a_path_needs_its_domain(target: &Target) -> Outcome {
    with_app(target, async |target, app, name| {
        let body = json!({"type": "http", "domain": format!("{name}.conformance.invalid"),
                          "path": "/a/", "service": format!("{name}-web")});
        let path = format!("/apps/{app}/routes");
        let answer = target.call(Method::POST, &path, Some(&body)).await?;
        status(&answer, StatusCode::BAD_REQUEST)
    })
    .await
}

/// Returns the ids of the events in a stream's text.
fn ids(text: &str) -> Vec<u64> {
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| event.get("id")?.as_u64())
        .collect()
}

async fn events_are_replayed_after_an_id(target: &Target) -> Outcome {
    with_app(target, async |target, app, name| {
        for n in ["1", "2"] {
            let body = json!({"meta": {"n": n}});
            send(target, Method::POST, &format!("/apps/{name}"), body).await?;
        }
        let path = format!("/events?app_id={app}&object_types=app");
        let past = format!("{path}&past=true");
        let whole = target.stream(&past, None, |text| ids(text).len() >= 3).await?;
        let whole = ids(&String::from_utf8_lossy(&whole.body));
        let [first, rest @ ..] = whole.as_slice() else {
            return Err("no events".to_owned());
        };
        must(rest.len() >= 2, || format!("an app and two updates made the events {whole:?}"))?;
        let resumed = target.stream(&path, Some(*first), |text| ids(text).len() >= rest.len());
        let resumed = ids(&String::from_utf8_lossy(&resumed.await?.body));
        must(resumed == rest, || format!("after {first} came {resumed:?}, not {rest:?}"))?;
        must(whole.is_sorted(), || format!("{whole:?} is not oldest first"))
    })
    .await
}

async fn a_bad_event_id_is_refused_before_the_stream(target: &Target) -> Outcome {
    let answer = target.call(Method::GET, "/events?count=abc", None).await?;
    status(&answer, StatusCode::BAD_REQUEST)?;
    equal("field", field(&answer.json(), "/detail/field").clone(), "count")
}

async fn a_deletion_ends_in_an_event(target: &Target) -> Outcome {
    let made = send(target, Method::POST, "/apps", json!({})).await?;
    let id = text(&made, "id")?;
    let answer = target.call(Method::DELETE, &format!("/apps/{id}"), None).await?;
    status(&answer, StatusCode::OK)?;
    let path = format!("/events?object_id={id}&object_types=app_deletion&past=true");
    let events = target.stream(&path, None, |text| !ids(text).is_empty()).await?;
    let body = String::from_utf8_lossy(&events.body).into_owned();
    must(body.contains("\"error\":\"\""), || format!("it failed: {body}"))?;
    let gone = target.call(Method::GET, &format!("/apps/{id}"), None).await?;
    status(&gone, StatusCode::NOT_FOUND)
}
