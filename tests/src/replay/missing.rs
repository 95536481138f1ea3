//! Repeats what happened to the recorded cluster without a recorded request, as far as later answers show it.
//!
//! - The health and versions of the services and hosts, which the controller and the status app only report.
//! - The controller's key was rotated, if a request succeeds with a key that the mock does not have.
//! - The router has another certificate, if `PUT /domain` answers with one.
//! - Apps, images, releases and deployments that were created where the run skips numbers.
//! - The whole beginning of a run, if it skips that: another run of the same age began alike.

use std::collections::VecDeque;

use flynn_mock::{MockController, Pace, ServerAge};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::objects::{Object, Objects, TOGETHER};
use super::recording::{Exchange, Run};
use super::request::Keys;

/// The time that the deletion of an app may take.
const DELETION: SignedDuration = SignedDuration::from_secs(1);

/// An operator of the mock, who makes the calls that were not recorded.
pub(crate) struct Operator<'a> {
    pub(crate) mock: &'a MockController,
    pub(crate) runtime: &'a Runtime,
}

impl Operator<'_> {
    /// Makes a call. Returns null if it fails: the differences will show it.
    fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let call = self.mock.client().request(method, path).json(body).decode();
        self.runtime.block_on(call.into_future()).unwrap_or_default()
    }

    /// Returns a variable of an app's current release.
    pub(crate) fn env(&self, app: &str, name: &str) -> String {
        let release = self.call(Method::GET, &format!("/apps/{app}/release"), &Value::Null);
        text(&release, &format!("/env/{name}")).to_owned()
    }

    /// Deploys an app with more env, at once.
    fn set_env<const N: usize>(&self, app: &str, env: [(&str, &str); N]) {
        self.mock.set_pace(Pace::AtOnce);
        let change = self.mock.client().app(app).env().set(env);
        drop(self.runtime.block_on(change.into_future()));
        self.mock.set_pace(Pace::Timed);
    }

    fn has_host(&self, host: &str) -> bool {
        let hosts = self.call(Method::GET, "/hosts", &Value::Null);
        hosts.as_array().into_iter().flatten().any(|known| text(known, "/id") == host)
    }

    /// Makes the cluster the one that answered this request.
    pub(crate) fn prepare(&self, exchange: &Exchange, keys: &Keys) {
        let answer: Value = serde_json::from_str(&exchange.response_body).unwrap_or_default();
        let host = exchange.path.strip_prefix("/hosts/").and_then(|it| it.strip_suffix("/stats"));
        if let Some(host) = host.filter(|host| self.has_host(host)) {
            self.mock.set_host_reachable(host, exchange.status == 200);
        }
        let services = answer.pointer("/data/detail").and_then(Value::as_object);
        for (name, service) in services.into_iter().flatten() {
            self.mock.set_healthy(name, text(service, "/status") == "healthy");
            self.mock.set_service_version(name, service.get("version").and_then(Value::as_str));
        }
        if let Some(key) = keys.later(exchange) {
            let known = self.env("controller", "AUTH_KEY");
            if known.split(',').all(|known| known != key) {
                self.set_env("controller", [("AUTH_KEY", &format!("{key},{known}"))]);
            }
        }
        let [cert, key] =
            ["cert", "key"].map(|name| text(&answer, &format!("/old_tls_cert/{name}")));
        if !cert.is_empty() && self.env("router", "TLSCERT").trim() != cert.trim() {
            self.set_env("router", [("TLSCERT", cert), ("TLSKEY", key)]);
        }
    }

    /// Creates or deletes an object.
    pub(crate) fn repeat(&self, Missing { object, deleted, .. }: &Missing<'_>, age: ServerAge) {
        let id = &object.id;
        if *deleted {
            self.call(Method::DELETE, &format!("/apps/{id}"), &Value::Null);
            return;
        }
        let (path, body) = match object.kind {
            "artifact" => {
                let kind = if age == ServerAge::V2016 { "docker" } else { "flynn" };
                let uri = format!("https://images.test/{id}");
                let image = json!({ "id": id, "type": kind, "uri": uri, "manifest": {} });
                ("/artifacts".to_owned(), image)
            }
            "deployment" => {
                let app = object.text("app").unwrap_or_default();
                if object.ended.duration_since(object.born) > TOGETHER {
                    self.scale(app, object.ended == Timestamp::MAX);
                }
                (format!("/apps/{app}/deploy"), json!({ "id": object.text("new_release") }))
            }
            kind => (format!("/{kind}s"), object.fields.clone().into()),
        };
        self.call(Method::POST, &path, &body);
    }

    /// Gives a deployment that took time a process of each type to replace, on no host if it never ended.
    fn scale(&self, app: &str, endless: bool) {
        let current = self.call(Method::GET, &format!("/apps/{app}/release"), &Value::Null);
        let types = current.get("processes").and_then(Value::as_object).into_iter().flatten();
        let each = |value: Value| -> Map<String, Value> {
            types.clone().map(|(name, _)| (name.clone(), value.clone())).collect()
        };
        let tags = if endless { each(json!({ "host": "none" })) } else { Map::new() };
        let path = format!("/apps/{app}/formations/{}", text(&current, "/id"));
        self.call(Method::PUT, &path, &json!({ "processes": each(1.into()), "tags": tags }));
    }
}

fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// An object that a missing request created, or an app that one deleted.
#[derive(Debug)]
pub(crate) struct Missing<'a> {
    pub(crate) at: Timestamp,
    object: &'a Object,
    deleted: bool,
}

/// Returns what missing requests of a run created, in order.
pub(crate) fn missing<'a>(run: &Run, objects: &'a Objects) -> VecDeque<Missing<'a>> {
    let mut all = Vec::new();
    for (before, after) in run.exchanges.iter().zip(run.exchanges.iter().skip(1)) {
        if after.seq <= before.seq + 1 {
            continue;
        }
        let created = |object: &&Object| before.time < object.born && object.born < after.time;
        // Of those that were created at once, the later kinds refer to the earlier ones.
        let kinds = ["app", "artifact", "release", "deployment"].into_iter();
        for object in kinds.flat_map(|kind| objects.of_kind(kind)).filter(created) {
            all.push(Missing { at: object.born, object, deleted: false });
            // The requests that would show the app were left out because it was deleted.
            if object.kind == "app" {
                let at = after.time.saturating_sub(DELETION).unwrap_or(after.time).max(object.born);
                all.push(Missing { at, object, deleted: true });
            }
        }
    }
    all.sort_by_key(|missing| missing.at);
    all.into()
}

/// Returns the exchanges of another run that lead to the beginning of this one, moved in time; `None` if this run starts
/// with a bootstrap.
pub(crate) fn beginning(run: &Run, others: &[Run]) -> Option<Vec<Exchange>> {
    let first = run.exchanges.first().filter(|first| first.seq > 1)?;
    let same =
        |it: &&Exchange| (it.seq, &it.method, &it.path) == (first.seq, &first.method, &first.path);
    let mut others = others.iter().filter(|other| {
        other.age == run.age && other.exchanges.first().is_some_and(|start| start.seq == 1)
    });
    let (other, same) =
        others.find_map(|other| Some((other, other.exchanges.iter().find(same)?)))?;
    let shift = first.time.duration_since(same.time);
    let before = other.exchanges.iter().take_while(|exchange| exchange.seq < first.seq).cloned();
    let moved = |exchange: Exchange| {
        Some(Exchange { time: exchange.time.checked_add(shift).ok()?, ..exchange })
    };
    before.map(moved).collect()
}
