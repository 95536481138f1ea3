//! Maps each recorded request to the call of this crate that sends it.

use std::future::IntoFuture;

use flynn_client::AppId;
use flynn_client::apps::NewApp;
use flynn_client::artifacts::NewArtifact;
use flynn_client::events::{EventType, Events};
use flynn_client::logs::LogStream;
use flynn_client::providers::NewProvider;
use flynn_client::releases::{NewRelease, ProcessType};
use flynn_client::resources::NewResource;
use flynn_client::routes::NewRoute;
use flynn_client::sinks::NewSink;
use flynn_client::{Client, Error, Json};
use futures_util::{Stream, StreamExt as _};
use serde_json::{Map, Value};

use super::recordings::Exchange;
use super::requests::Made;

#[expect(clippy::unnecessary_wraps, reason = "an arm of a match")]
fn done<T, F>(call: F) -> Option<Made>
where
    F: IntoFuture<Output = Result<T, Error>> + Send + 'static,
    F::IntoFuture: Send,
{
    Some(Box::pin(async move { call.await.map(|_| ()) }))
}

/// A stream is read until it ends.
#[expect(clippy::unnecessary_wraps, reason = "an arm of a match")]
fn drained<S, T, F>(call: F) -> Option<Made>
where
    S: Stream<Item = Result<T, Error>> + Send + Unpin,
    F: IntoFuture<Output = Result<S, Error>> + Send + 'static,
    F::IntoFuture: Send,
    T: Send,
{
    Some(Box::pin(async move {
        let mut stream = call.await?;
        while let Some(item) = stream.next().await {
            item?;
        }
        Ok(())
    }))
}

/// Returns our call, or `None` if there is none. `before` is the result of an earlier read of the same path.
#[expect(clippy::too_many_lines, reason = "one arm a call")]
pub(super) fn ours(c: &Client, exchange: &Exchange, before: Option<&str>) -> Option<Made> {
    if exchange.is_odd() {
        return None;
    }
    let path: Vec<&str> = exchange.bare_path().split('/').skip(1).collect();
    let body: Value = serde_json::from_str(&exchange.request_body).unwrap_or_default();
    let id = || text(&body, "id");
    match (exchange.method.as_str(), path.as_slice()) {
        ("GET", [".well-known", "status"]) => done(c.status()),
        ("GET", ["ping"]) => done(c.ping()),
        ("GET", ["ca-cert"]) => done(c.ca_certificate()),
        ("GET", ["active-jobs"]) => done(c.active_jobs()),
        ("GET", ["apps"]) => done(c.apps().list()),
        ("POST", ["apps"]) => done(c.apps().create(new_app(&body)?)),
        ("GET", ["apps", app]) => done(c.app(*app).get()),
        ("DELETE", ["apps", app]) => done(c.app(*app).delete()),
        ("POST", ["apps", app]) => update_app(c, app, &body),
        ("POST", ["apps", app, "meta"]) => done(c.app(*app).set_meta(pairs(&body, "meta"))),
        ("POST", ["apps", app, "deploy"]) => done(c.app(*app).deploy(id()?)),
        ("GET", ["apps", app, "deployments"]) => done(c.app(*app).deployments()),
        ("GET", ["apps", app, "formations"]) => done(c.app(*app).formations().list()),
        ("GET", ["apps", app, "formations", release])
            if exchange.query().contains_key("expand") =>
        {
            done(c.app(*app).formations().expanded(*release))
        }
        ("GET", ["apps", app, "formations", release]) => {
            done(c.app(*app).formations().get(*release))
        }
        ("DELETE", ["apps", app, "formations", release]) => {
            done(c.app(*app).formations().delete(*release))
        }
        ("PUT", ["apps", app, "formations", release]) => {
            let mut update = c.app(*app).formations().update(*release);
            for (name, count) in body.get("processes")?.as_object()? {
                update = update.process(name, count.as_i64()?);
            }
            for (name, tags) in body.get("tags").and_then(Value::as_object).into_iter().flatten() {
                update = update.tags(name, strings(tags));
            }
            done(update)
        }
        ("PUT", ["apps", app, "scale", release]) => {
            let counts = body.get("new_processes")?.as_object()?;
            let counts: Option<Vec<_>> =
                counts.iter().map(|(name, count)| Some((name.clone(), count.as_i64()?))).collect();
            done(c.app(*app).scale(counts?).release(*release))
        }
        ("GET", ["apps", app, "jobs"]) => done(c.app(*app).jobs().list()),
        ("POST", ["apps", app, "jobs"]) => run_job(c, app, exchange, &body),
        ("GET", ["apps", app, "log"]) => read_log(c, app, exchange),
        ("GET", ["apps", app, "release"]) => done(c.app(*app).release()),
        ("PUT", ["apps", app, "release"]) => done(c.app(*app).set_release(id()?)),
        ("GET", ["apps", app, "releases"]) => done(c.app(*app).releases()),
        ("DELETE", ["apps", app, "releases", release]) => {
            done(c.app(*app).delete_release(*release))
        }
        ("GET", ["apps", app, "resources"]) => done(c.app(*app).resources().list()),
        ("GET", ["apps", app, "routes"]) => done(c.app(*app).routes().list()),
        ("POST", ["apps", app, "routes"]) => done(c.app(*app).routes().create(new_route(&body)?)),
        ("GET", ["apps", app, "routes", kind, id]) => {
            done(c.app(*app).routes().get(format!("{kind}/{id}")))
        }
        ("DELETE", ["apps", app, "routes", kind, id]) => {
            done(c.app(*app).routes().delete(format!("{kind}/{id}")))
        }
        ("PUT", ["apps", app, "routes", kind, id]) => {
            update_route(c, app, &format!("{kind}/{id}"), &body, before?)
        }
        ("GET", ["apps", app, "volumes"]) => done(c.app(*app).volumes().list()),
        ("GET", ["apps", app, "volumes", volume]) => done(c.app(*app).volumes().get(*volume)),
        ("PUT", ["apps", app, "volumes", volume, "decommission"]) => {
            done(c.app(*app).volumes().decommission(*volume))
        }
        ("GET", ["artifacts"]) => done(c.artifacts().list()),
        ("POST", ["artifacts"]) => done(c.artifacts().create(new_artifact(&body)?)),
        ("GET", ["artifacts", id]) => done(c.artifacts().get(*id)),
        ("GET", ["deployments", id]) => done(c.deployment(*id).get()),
        ("PUT", ["domain"]) => done(c.domain().migrate(text(&body, "domain")?)),
        ("GET", ["events"]) => read_events(c, exchange),
        ("GET", ["events", id]) => done(c.events().get(id.parse().ok()?)),
        ("GET", ["formations"]) if exchange.is_stream() => {
            drained(c.formations().stream().since(exchange.query().get("since")?.as_str()))
        }
        ("GET", ["formations"]) => done(c.formations().active()),
        ("GET", ["providers"]) => done(c.providers().list()),
        ("POST", ["providers"]) => {
            done(c.providers().create(NewProvider::new(text(&body, "name")?, text(&body, "url")?)))
        }
        ("GET", ["providers", id]) => done(c.provider(*id).get()),
        ("GET", ["providers", id, "resources"]) => done(c.provider(*id).resources().list()),
        ("POST", ["providers", id, "resources"]) => {
            let apps = body
                .get("apps")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            let mut resource = apps.fold(NewResource::unlinked(), NewResource::and_app);
            if let Some(config) = body.get("config").filter(|config| !config.is_null()) {
                resource = resource.config(config.clone());
            }
            done(c.provider(*id).resources().provision(resource))
        }
        ("GET", ["providers", provider, "resources", id]) => {
            done(c.provider(*provider).resources().get(*id))
        }
        ("DELETE", ["providers", provider, "resources", id]) => {
            done(c.provider(*provider).resources().delete(*id))
        }
        ("GET", ["releases"]) => done(c.releases().list()),
        ("POST", ["releases"]) => done(c.releases().create(new_release(&body)?)),
        ("GET", ["releases", id]) => done(c.releases().get(*id)),
        ("GET", ["resources"]) => done(c.resources().list()),
        ("GET", ["routes"]) => done(c.routes().list()),
        ("GET", ["sinks"]) => done(c.sinks().list()),
        ("POST", ["sinks"]) => done(c.sinks().create(NewSink::new(
            text(&body, "kind")?.as_str().into(),
            body.get("config")?.clone(),
        ))),
        ("GET", ["sinks", id]) => done(c.sinks().get(*id)),
        ("DELETE", ["sinks", id]) => done(c.sinks().delete(*id)),
        ("GET", ["volumes"]) => done(c.volumes().list()),
        _ => None,
    }
}

fn text(body: &Value, field: &str) -> Option<String> {
    body.get(field)?.as_str().map(str::to_owned)
}

fn strings(object: &Value) -> Vec<(String, String)> {
    let pairs = object.as_object().into_iter().flatten();
    pairs
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn pairs(body: &Value, field: &str) -> Vec<(String, String)> {
    body.get(field).map(strings).unwrap_or_default()
}

/// Returns `None` if the body has a field that our type does not have.
fn only<'a>(body: &'a Value, fields: &[&str]) -> Option<&'a Map<String, Value>> {
    let object = body.as_object()?;
    object.keys().all(|key| fields.contains(&key.as_str())).then_some(object)
}

fn new_app(body: &Value) -> Option<NewApp> {
    let object = only(body, &["name", "meta", "strategy", "deploy_timeout"])?;
    let mut app = text(body, "name")
        .filter(|name| !name.is_empty())
        .map_or_else(NewApp::unnamed, NewApp::named);
    for (key, value) in pairs(body, "meta") {
        app = app.meta(key, value);
    }
    if let Some(strategy) = text(body, "strategy") {
        app = app.strategy(strategy);
    }
    if let Some(seconds) = object.get("deploy_timeout") {
        app = app.deploy_timeout(i32::try_from(seconds.as_i64()?).ok()?);
    }
    Some(app)
}

fn update_app(c: &Client, app: &str, body: &Value) -> Option<Made> {
    let object = only(body, &["id", "meta", "strategy", "deploy_timeout"])?;
    let mut update = c.app(app).update();
    if body.get("meta").is_some_and(Value::is_object) {
        update = update.meta(pairs(body, "meta"));
    }
    if let Some(strategy) = text(body, "strategy") {
        update = update.strategy(strategy);
    }
    if let Some(seconds) = object.get("deploy_timeout") {
        update = update.deploy_timeout(i32::try_from(seconds.as_i64()?).ok()?);
    }
    done(update)
}

fn new_release(body: &Value) -> Option<NewRelease> {
    let mut release =
        NewRelease::of_app(AppId::new(text(body, "app_id").unwrap_or_else(|| "an-app".to_owned())));
    for artifact in body.get("artifacts").and_then(Value::as_array).into_iter().flatten() {
        release = release.artifact(artifact.as_str()?);
    }
    for (name, value) in pairs(body, "env") {
        release = release.env(name, value);
    }
    for (name, value) in pairs(body, "meta") {
        release = release.meta(name, value);
    }
    for (name, process) in body.get("processes").and_then(Value::as_object).into_iter().flatten() {
        let process: ProcessType = serde_json::from_value(process.clone()).ok()?;
        release = release.process(name, process);
    }
    Some(release)
}

fn new_artifact(body: &Value) -> Option<NewArtifact> {
    let fields = ["type", "uri", "meta", "manifest", "hashes", "size", "layer_url_template"];
    let object = only(body, &fields)?;
    let mut artifact = NewArtifact::new(text(body, "type")?.as_str().into(), text(body, "uri")?);
    for (key, value) in pairs(body, "meta") {
        artifact = artifact.meta(key, value);
    }
    for (algorithm, digest) in pairs(body, "hashes") {
        artifact = artifact.hash(algorithm, digest);
    }
    if let Some(manifest) = object.get("manifest") {
        artifact = artifact.manifest(Json::from(manifest.clone()));
    }
    if let Some(size) = object.get("size") {
        artifact = artifact.size(size.as_i64()?);
    }
    if let Some(template) = text(body, "layer_url_template") {
        artifact = artifact.layer_url_template(template);
    }
    Some(artifact)
}

fn new_route(body: &Value) -> Option<NewRoute> {
    let mut route = match text(body, "type")?.as_str() {
        "http" => NewRoute::http(text(body, "domain")?),
        "tcp" => NewRoute::tcp(),
        _ => return None,
    };
    route = route.service(text(body, "service")?);
    if let Some(port) = body.get("port").and_then(Value::as_u64) {
        route = route.port(u16::try_from(port).ok()?);
    }
    if let Some(path) = text(body, "path") {
        route = route.path(path);
    }
    if let Some((cert, key)) = certificate(body) {
        route = route.certificate(cert, key);
    }
    let flag = |name: &str| body.get(name).and_then(Value::as_bool);
    if let Some(sticky) = flag("sticky") {
        route = route.sticky(sticky);
    }
    if let Some(leader) = flag("leader") {
        route = route.leader(leader);
    }
    // If it is absent, it is false.
    Some(route.drain_backends(flag("drain_backends").unwrap_or_default()))
}

/// In the old form or the new.
fn certificate(body: &Value) -> Option<(String, String)> {
    match body.get("certificate") {
        Some(pair) => Some((text(pair, "cert")?, text(pair, "key")?)),
        None => Some((text(body, "tls_cert")?, text(body, "tls_key")?)),
    }
}

/// The changes that the recorded request made to the previous document.
fn update_route(c: &Client, app: &str, id: &str, body: &Value, before: &str) -> Option<Made> {
    let before: Value = serde_json::from_str(before).ok()?;
    let mut update = c.app(app).routes().update(id);
    let flag = |name: &str| {
        let (new, old) =
            (body.get(name).and_then(Value::as_bool), before.get(name).and_then(Value::as_bool));
        new.filter(|new| *new != old.unwrap_or_default())
            .or_else(|| old.filter(|_| new.is_none()).map(|_| false))
    };
    if let Some(sticky) = flag("sticky") {
        update = update.sticky(sticky);
    }
    if let Some(leader) = flag("leader") {
        update = update.leader(leader);
    }
    if body.get("service") != before.get("service") {
        update = update.service(text(body, "service")?);
    }
    let old = certificate(&before);
    if let Some((cert, key)) = certificate(body).filter(|new| Some(new) != old.as_ref()) {
        update = update.certificate(cert, key);
    }
    done(update)
}

fn run_job(c: &Client, app: &str, exchange: &Exchange, body: &Value) -> Option<Made> {
    let args: Vec<_> = body.get("args")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let flag = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or_default();
    let mut job = c.app(app).jobs().run(args).release(text(body, "release")?);
    job = job.release_env(flag("release_env")).log(!flag("disable_log"));
    for (name, value) in pairs(body, "env") {
        job = job.env(name, value);
    }
    if exchange.header("Upgrade").is_some() { done(job.attached()) } else { done(job) }
}

fn read_log(c: &Client, app: &str, exchange: &Exchange) -> Option<Made> {
    let query = exchange.query();
    let streams = query.get("stream_types").map(String::as_str).unwrap_or_default();
    let streams = streams.split(',').filter(|name| !name.is_empty()).map(LogStream::from);
    let mut log = c.app(app).log().streams(streams);
    if let Some(lines) = query.get("lines") {
        log = log.lines(lines.parse().ok()?);
    }
    if let Some(job) = query.get("job_id") {
        log = log.job(job.as_str());
    }
    if let Some(name) = query.get("process_type") {
        log = log.process_type(name);
    }
    if !query.contains_key("follow") {
        return done(log);
    }
    let made = drained(log.follow())?;
    Some(Box::pin(async move {
        // A followed log does not end by itself, but its recording does.
        made.await.or_else(|error| match error.to_string() {
            text if text.contains("the server ended the log") => Ok(()),
            _ => Err(error),
        })
    }))
}

fn events(c: &Client, exchange: &Exchange) -> Option<Events> {
    let query = exchange.query();
    let mut events = c.events();
    if let Some(app) = query.get("app_id") {
        events = events.of_app(app.as_str());
    }
    if let Some(types) = query.get("object_types") {
        events = events.object_types(types.split(',').map(EventType::from));
    }
    if let Some(id) = query.get("object_id") {
        events = events.object_id(id);
    }
    if let Some(count) = query.get("count") {
        events = events.count(count.parse().ok()?);
    }
    if query.get("past").is_some_and(|past| past == "true") {
        events = events.past();
    }
    Some(events)
}

fn read_events(c: &Client, exchange: &Exchange) -> Option<Made> {
    let (query, events) = (exchange.query(), events(c, exchange)?);
    if !exchange.is_stream() && exchange.status == 200 {
        let mut list = events.list();
        if let Some(before) = query.get("before_id") {
            list = list.before(before.parse().ok()?);
        }
        if let Some(since) = query.get("since_id") {
            list = list.since(since.parse().ok()?);
        }
        // The recorded request asked for one page.
        let length = serde_json::from_str::<Vec<Value>>(&exchange.response_body).ok()?.len();
        return done(list.page_size(u32::try_from(length + 1).ok()?));
    }
    let last =
        exchange.header("Last-Event-Id").and_then(|id| id.parse::<i64>().ok()).filter(|id| *id > 0);
    match last {
        Some(last) => Some(Box::pin(async move {
            // It reconnects for ever, and only its first request counts.
            let mut watch = events.watch().after(last);
            let _ = watch.next().await;
            Ok(())
        })),
        None => drained(events.stream()),
    }
}
