//! Repeats what happened to the recorded cluster without a recorded request, as far as later answers show it.
//!
//! - The controller's key was rotated, if a request succeeds with a key that the mock does not have.
//! - The router has another certificate, if `PUT /domain` answers with one.
//! - The health and versions of the services, which the controller and the status app only report.
//! - Apps, releases and deployments, if a list of events shows that they were created where the run skips numbers.
//! - The whole beginning of a run, if it skips that: another run of the same age began alike.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flynn_mock::{MockController, ServerAge};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::recording::{Exchange, Run};
use super::request::Keys;
use super::wire::Connection;

/// The time that the deletion of an app may take.
const DELETION: SignedDuration = SignedDuration::from_secs(1);

/// An operator of the mock, who makes the calls that were not recorded.
pub(crate) struct Operator<'a> {
    pub(crate) mock: &'a MockController,
    pub(crate) key: &'a str,
}

impl Operator<'_> {
    /// Makes a call. Returns `None` if it fails.
    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Option<Value>> {
        let credentials = STANDARD.encode(format!(":{}", self.key));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {credentials}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let mut connection = Connection::send(self.mock.addr(), request.as_bytes())?;
        connection.wait(Duration::from_secs(5), |reply| reply.ended)?;
        let reply = connection.reply().filter(|reply| reply.status == 200);
        Ok(reply.and_then(|reply| serde_json::from_slice(&reply.body).ok()))
    }

    fn get(&self, path: &str) -> Result<Option<Value>> {
        self.call("GET", path, &Value::Null)
    }

    /// Deploys an app with more env, and moves the clock until `done`, at most five seconds.
    fn set_env(
        &self,
        app: &str,
        env: &[(&str, &str)],
        done: impl Fn(&Value) -> Result<bool>,
    ) -> Result<()> {
        let release = self.get(&format!("/apps/{app}/release"))?.unwrap_or_default();
        let mut next = without(&release, &["id", "created_at", "artifact"]);
        if let Some(Value::Object(fields)) = next.get_mut("env") {
            fields.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
        }
        let made = self.call("POST", "/releases", &next.into())?.unwrap_or_default();
        let id = made.get("id").cloned().unwrap_or_default();
        self.call("POST", &format!("/apps/{app}/deploy"), &json!({ "id": id }))?;
        for _ in 0..500 {
            if done(&id)? {
                break;
            }
            self.mock.advance(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Deploys an app with more env, and waits until the app has the release.
    fn deploy(&self, app: &str, env: &[(&str, &str)]) -> Result<()> {
        self.set_env(app, env, |id| {
            let app = self.get(&format!("/apps/{app}"))?;
            Ok(app.is_some_and(|app| app.get("release") == Some(id)))
        })
    }

    /// Gives the status app the key that a request shows.
    pub(crate) fn set_status_key(&self, keys: &Keys) -> Result<()> {
        keys.status.as_ref().map_or(Ok(()), |key| self.deploy("status", &[("AUTH_KEY", key)]))
    }

    /// Makes the cluster the one that answered this request.
    pub(crate) fn prepare(&self, exchange: &Exchange, keys: &Keys) -> Result<()> {
        let answer: Value = serde_json::from_str(&exchange.response_body).unwrap_or_default();
        self.set_health(exchange, &answer);
        let password = keys.password(exchange).unwrap_or_default();
        if keys.later.contains(&password) && !exchange.is_of_status_app() {
            let own = Operator { key: &password, ..*self };
            let known = || Ok(own.get("/apps/controller")?.is_some());
            if !known()? {
                let both = format!("{password},{}", self.key);
                self.set_env("controller", &[("AUTH_KEY", &both)], |_| known())?;
            }
        }
        let field = |name: &str| answer.pointer(&format!("/old_tls_cert/{name}"))?.as_str();
        if let (Some(cert), Some(key)) = (field("cert"), field("key")) {
            let own = Operator { key: &password, ..*self };
            let release = own.get("/apps/router/release")?.unwrap_or_default();
            let known = release.pointer("/env/TLSCERT").and_then(Value::as_str);
            if known.is_none_or(|known| known.trim() != cert.trim()) {
                own.deploy("router", &[("TLSCERT", cert), ("TLSKEY", key)])?;
            }
        }
        Ok(())
    }

    fn set_health(&self, exchange: &Exchange, answer: &Value) {
        let host = exchange.path.strip_prefix("/hosts/").and_then(|it| it.strip_suffix("/stats"));
        if let Some(host) = host {
            self.mock.set_host_reachable(host, exchange.status == 200);
        }
        let services = answer.pointer("/data/detail").and_then(Value::as_object);
        for (name, service) in services.into_iter().flatten() {
            let healthy = service.get("status").is_some_and(|status| status == "healthy");
            self.mock.set_healthy(name, healthy);
            self.mock.set_service_version(name, service.get("version").and_then(Value::as_str));
        }
    }

    /// Creates an object.
    pub(crate) fn create(&self, missing: Missing, age: ServerAge) -> Result<()> {
        let Missing { kind, id, data, endless, .. } = missing;
        match kind.as_str() {
            "app" => {
                let app = without(&data, &["id", "created_at", "updated_at", "release"]);
                self.call("POST", "/apps", &app.into())?;
            }
            "release" => {
                let images = data.get("artifacts").and_then(Value::as_array);
                for image in images.into_iter().flatten() {
                    // Only the id of the image is known.
                    let kind = if age == ServerAge::V2016 { "docker" } else { "flynn" };
                    let uri = format!("https://images.test/{image}");
                    let image = json!({"id": image, "type": kind, "uri": uri, "manifest": {}});
                    self.call("POST", "/artifacts", &image)?;
                }
                let release = without(&data, &["id", "created_at", "artifact"]);
                self.call("POST", "/releases", &release.into())?;
            }
            "deployment" => self.create_deployment(&data, endless)?,
            _ => drop(self.call("DELETE", &format!("/apps/{id}"), &Value::Null)?),
        }
        Ok(())
    }

    /// Creates a deployment. One that took time had a process of each type to replace. One that never ended had tags
    /// that no host has.
    fn create_deployment(&self, data: &Value, endless: bool) -> Result<()> {
        let (app, release) = (text(data, "app"), text(data, "release"));
        if text(data, "status") != "complete" {
            let current = self.get(&format!("/apps/{app}/release"))?.unwrap_or_default();
            let path = format!("/apps/{app}/formations/{}", text(&current, "id"));
            if endless || self.get(&path)?.is_none() {
                let types = current.get("processes").and_then(Value::as_object);
                let types = || types.into_iter().flatten().map(|(name, _)| name.clone());
                let counts: Map<String, Value> = types().map(|typ| (typ, 1.into())).collect();
                let nowhere = types().filter(|_| endless).map(|typ| (typ, json!({"host": "none"})));
                let tags: Map<String, Value> = nowhere.collect();
                self.call("PUT", &path, &json!({"processes": counts, "tags": tags}))?;
            }
        }
        self.call("POST", &format!("/apps/{app}/deploy"), &json!({ "id": release }))?;
        Ok(())
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the fields of an object except these.
fn without(object: &Value, fields: &[&str]) -> Map<String, Value> {
    let mut rest = object.as_object().cloned().unwrap_or_default();
    rest.retain(|field, _| !fields.contains(&field.as_str()));
    rest
}

/// An object that a missing request created, or the deletion of an app.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) at: Timestamp,
    kind: String,
    id: String,
    /// The object as its event shows it.
    data: Value,
    /// True if no event shows the end of the deployment.
    endless: bool,
}

/// Returns what missing requests of a run created, in order.
pub(crate) fn missing(run: &Run) -> VecDeque<Missing> {
    let exchanges: Vec<&Exchange> = run.exchanges().collect();
    let gaps: Vec<(Timestamp, Timestamp)> = exchanges
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] if b.seq > a.seq + 1 => Some((a.time, b.time)),
            _ => None,
        })
        .collect();
    let lists = exchanges.iter().filter(|exchange| exchange.path.starts_with("/events"));
    let flat = |document: Value| document.as_array().cloned().unwrap_or(vec![document]);
    let shown = lists.flat_map(|exchange| exchange.documents()).flat_map(flat);
    let events: BTreeMap<u64, Value> =
        shown.filter_map(|event| Some((event.get("id")?.as_u64()?, event))).collect();
    let mut all = Vec::new();
    let mut known = BTreeSet::new();
    for event in events.values() {
        let (kind, id) = (text(event, "object_type"), text(event, "object_id"));
        let Ok(at) = text(event, "created_at").parse::<Timestamp>() else { continue };
        let gap = gaps.iter().find(|(from, to)| *from < at && at < *to);
        let Some((_, end)) = gap.filter(|_| known.insert(id)) else { continue };
        if !matches!(kind, "app" | "release" | "deployment") {
            continue;
        }
        let ends = |event: &Value| {
            let status = event.pointer("/data/status").and_then(Value::as_str);
            text(event, "object_id") == id && status != Some("pending")
        };
        let endless = kind == "deployment" && !events.values().any(ends);
        let data = event.get("data").cloned().unwrap_or_default();
        all.push(Missing { at, kind: kind.into(), id: id.into(), data, endless });
        // The requests that would show the app were left out because it was deleted.
        if kind == "app" {
            let at = end.saturating_sub(DELETION).unwrap_or(*end).max(at);
            let (kind, id) = ("app_deletion".into(), id.into());
            all.push(Missing { at, kind, id, data: Value::Null, endless });
        }
    }
    all.sort_by_key(|missing| missing.at);
    all.into()
}

/// Returns the exchanges of another run that lead to the beginning of this one, moved in time; `None` if this run starts
/// with a bootstrap.
pub(crate) fn beginning(run: &Run, others: &[Run]) -> Option<Vec<Exchange>> {
    let first = run.exchanges().next().filter(|first| first.seq > 1)?;
    let same =
        |it: &&Exchange| (it.seq, &it.method, &it.path) == (first.seq, &first.method, &first.path);
    let mut others = others.iter().filter(|other| {
        other.age == run.age && other.exchanges().next().is_some_and(|start| start.seq == 1)
    });
    let (other, same) = others.find_map(|other| Some((other, other.exchanges().find(same)?)))?;
    let shift = first.time.duration_since(same.time);
    let before = other.exchanges().take_while(|exchange| exchange.seq < first.seq).cloned();
    let moved = |exchange: Exchange| {
        Some(Exchange { time: exchange.time.checked_add(shift).ok()?, ..exchange })
    };
    before.map(moved).collect()
}

/// The ids of another run, with the mock's ids for the same objects.
#[derive(Debug, Default)]
pub(crate) struct Renamed(BTreeMap<String, String>);

impl Renamed {
    /// Replaces the ids of a request.
    pub(crate) fn rename(&self, request: &mut Exchange) {
        for (theirs, own) in &self.0 {
            request.path = request.path.replace(theirs, own);
            request.request_body = request.request_body.replace(theirs, own);
        }
    }

    /// Learns the ids of an answer.
    pub(crate) fn learn(&mut self, theirs: &str, own: &str) {
        let ids = |text: &str| -> Vec<String> {
            let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
            words.filter(|word| word.len() == 36).map(str::to_owned).collect()
        };
        for (theirs, own) in ids(theirs).into_iter().zip(ids(own)) {
            self.0.entry(theirs).or_insert(own);
        }
    }
}
