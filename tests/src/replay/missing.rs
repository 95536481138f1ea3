//! Creates what the recordings leave out but later exchanges need, by the calls that an operator would make.
//!
//! - A rotation of the controller's key, if a request succeeded with a key that the mock does not have.
//! - Another certificate of the router, which the answer to `PUT /domain` shows.
//! - The key of the status app, and the health and versions of the services that it checks.
//! - Apps, releases and deployments that later events list, made where the numbers of a run skip some.
//!   No recording shows the image of such a release, that an app whose deployment took its time ran
//!   one process of each type, with tags that no host has if it never ended, and that the app was
//!   deleted before the gap was over, since what would show it was left out with it.
//! - The whole beginning of a run: another run of that age did the same up to there. Its requests
//!   are sent first, with the ids that the mock answers in place of those of the other run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use flynn_mock::{MockController, ServerAge};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Result;
use super::recording::{Exchange, Run};
use super::request::Keys;
use super::shown::documents;
use super::wire::Connection;

/// The longest time that the deletion of an app may take.
const DELETION: SignedDuration = SignedDuration::from_secs(1);

/// Makes the mock know the key of this request, if the recorded server knew it.
///
/// # Errors
/// Fails if the mock cannot be reached.
pub fn key(mock: &MockController, exchange: &Exchange, keys: &Keys) -> Result<()> {
    let key = keys.password(exchange).filter(|key| keys.later.contains(key));
    let Some(key) = key.filter(|_| !exchange.is_of_status_app()) else { return Ok(()) };
    let known = || Ok(call(mock, &key, "GET", "/apps/controller", None)?.is_some());
    if known()? {
        return Ok(());
    }
    let both = format!("{key},{}", keys.first);
    deploy(mock, &keys.first, "controller", &[("AUTH_KEY", &both)])?;
    // Wait only until the new key is valid, because the recorded clock continues from here.
    wait(mock, known)
}

/// Gives the mock's status app the key that the recorded one had.
///
/// # Errors
/// Fails if the mock cannot be reached.
pub fn status_key(mock: &MockController, keys: &Keys) -> Result<()> {
    let Some(key) = &keys.status else { return Ok(()) };
    deploy_and_wait(mock, &keys.first, "status", &[("AUTH_KEY", key)])
}

/// Gives the hosts and services around the mock the recorded health and versions, which the controller and the status
/// app only report.
pub fn health(mock: &MockController, exchange: &Exchange) {
    let of_host = exchange.path.strip_prefix("/hosts/");
    if let Some(host) = of_host.and_then(|rest| rest.strip_suffix("/stats")) {
        mock.set_host_reachable(host, exchange.status == 200);
    }
    if !exchange.is_of_status_app() {
        return;
    }
    let answer: Value = serde_json::from_str(&exchange.response_body).unwrap_or_default();
    let services = answer.pointer("/data/detail").and_then(Value::as_object);
    for (name, service) in services.into_iter().flatten() {
        mock.set_healthy(name, service.get("status").is_some_and(|status| status == "healthy"));
        mock.set_service_version(name, service.get("version").and_then(Value::as_str));
    }
}

/// Makes the mock's router have the certificate that a recorded migration replaced.
///
/// # Errors
/// Fails if the mock cannot be reached.
pub fn certificate(mock: &MockController, exchange: &Exchange, keys: &Keys) -> Result<()> {
    if (exchange.method.as_str(), exchange.path.as_str()) != ("PUT", "/domain") {
        return Ok(());
    }
    let answer: Value = serde_json::from_str(&exchange.response_body).unwrap_or_default();
    let field = |name: &str| answer.pointer(&format!("/old_tls_cert/{name}"))?.as_str();
    let (Some(certificate), Some(key)) = (field("cert"), field("key")) else { return Ok(()) };
    let password = keys.password(exchange).unwrap_or_default();
    let release = call(mock, &password, "GET", "/apps/router/release", None)?.unwrap_or_default();
    let own = release.pointer("/env/TLSCERT").and_then(Value::as_str).unwrap_or_default();
    if own.trim() == certificate.trim() {
        return Ok(());
    }
    deploy_and_wait(mock, &password, "router", &[("TLSCERT", certificate), ("TLSKEY", key)])
}

/// Returns the exchanges of another run that lead to the beginning of this one, moved in time; empty if this run starts
/// with a bootstrap.
pub fn beginning(run: &Run, others: &[Run]) -> Vec<Exchange> {
    let Some(first) = run.exchanges().next().filter(|first| first.seq > 1) else {
        return Vec::new();
    };
    let same = |exchange: &&Exchange| {
        (exchange.seq, &exchange.method, &exchange.path) == (first.seq, &first.method, &first.path)
    };
    let alike = others.iter().filter(|other| {
        other.age == run.age && other.exchanges().next().is_some_and(|first| first.seq == 1)
    });
    for other in alike {
        let Some(same) = other.exchanges().find(same) else { continue };
        let shift = first.time.duration_since(same.time);
        let before = other.exchanges().take_while(|exchange| exchange.seq < first.seq);
        let moved = before.filter_map(|exchange| {
            let time = exchange.time.checked_add(shift).ok()?;
            Some(Exchange { time, ..exchange.clone() })
        });
        return moved.collect();
    }
    Vec::new()
}

/// The ids of another run, with the mock's ids for the same objects.
#[derive(Debug, Default)]
pub struct Renamed(BTreeMap<String, String>);

impl Renamed {
    /// A request with the mock's ids.
    pub fn request(&self, exchange: &Exchange) -> Exchange {
        let mut request = exchange.clone();
        for (theirs, own) in &self.0 {
            request.path = request.path.replace(theirs, own);
            request.request_body = request.request_body.replace(theirs, own);
        }
        request
    }

    /// Remembers the ids that an answer shows.
    pub fn learn(&mut self, theirs: &Value, own: &Value) {
        match (theirs, own) {
            (Value::String(a), Value::String(b)) if a != b && a.len() == 36 && b.len() == 36 => {
                self.0.entry(a.clone()).or_insert_with(|| b.clone());
            }
            (Value::Object(a), Value::Object(b)) => {
                a.iter().for_each(|(name, a)| self.learn(a, b.get(name).unwrap_or(&Value::Null)));
            }
            (Value::Array(a), Value::Array(b)) => {
                a.iter().zip(b).for_each(|(a, b)| self.learn(a, b));
            }
            _ => {}
        }
    }
}

/// An object that a missing request created, as its event shows it.
#[derive(Debug)]
struct Making {
    at: Timestamp,
    kind: String,
    id: String,
    data: Value,
    /// A deployment that no event ends.
    endless: bool,
}

/// The objects that missing requests created, in order.
#[derive(Debug, Default)]
pub struct Missing {
    age: ServerAge,
    makings: Vec<Making>,
}

impl Missing {
    /// Returns the missing requests of a run, as far as the run shows them.
    pub fn of(run: &Run) -> Self {
        let exchanges: Vec<&Exchange> = run.exchanges().collect();
        let gaps = exchanges.windows(2).filter_map(|pair| match pair {
            [a, b] if b.seq > a.seq + 1 => Some((a.time, b.time)),
            _ => None,
        });
        let gaps: Vec<(Timestamp, Timestamp)> = gaps.collect();
        let lists = exchanges.iter().filter(|exchange| exchange.path.starts_with("/events"));
        let flat = |document: Value| document.as_array().cloned().unwrap_or(vec![document]);
        let shown = lists.flat_map(|exchange| documents(exchange)).flat_map(flat);
        let shown: BTreeMap<u64, Value> =
            shown.filter_map(|event| Some((event.get("id")?.as_u64()?, event))).collect();
        let ends = |id: &str| {
            shown.values().any(|event| {
                let status = event.pointer("/data/status").and_then(Value::as_str);
                text(event, "object_id") == Some(id) && status != Some("pending")
            })
        };
        let mut makings = Vec::new();
        let mut made = BTreeSet::new();
        for event in shown.values() {
            let parts = || {
                let at: Timestamp = text(event, "created_at")?.parse().ok()?;
                let (_, end) = gaps.iter().find(|(from, to)| *from < at && at < *to)?;
                let (kind, id) = (text(event, "object_type")?, text(event, "object_id")?);
                let made_here = matches!(kind, "app" | "release" | "deployment");
                made_here.then_some((at, *end, kind.to_owned(), id.to_owned()))
            };
            let Some((at, end, kind, id)) = parts() else { continue };
            let mut before = exchanges.iter().filter(|e| e.time < at && e.end() < at);
            if before.any(|e| e.response_body.contains(&id)) || !made.insert(id.clone()) {
                continue;
            }
            if kind == "app" {
                let at = end.saturating_sub(DELETION).unwrap_or(end).max(at);
                let (kind, id) = ("app_deletion".to_owned(), id.clone());
                makings.push(Making { at, kind, id, data: Value::Null, endless: false });
            }
            let endless = kind == "deployment" && !ends(&id);
            let data = event.get("data").cloned().unwrap_or_default();
            makings.push(Making { at, kind, id, data, endless });
        }
        makings.sort_by_key(|making| making.at);
        Self { age: run.age, makings }
    }

    /// Returns the creation time of the next object, if it was created before `time`.
    pub fn next_before(&self, time: Timestamp) -> Option<Timestamp> {
        self.makings.first().map(|making| making.at).filter(|at| *at < time)
    }

    /// Makes the next object.
    ///
    /// # Errors
    /// Fails if the mock cannot be reached.
    pub fn make_next(&mut self, mock: &MockController, key: &str) -> Result<()> {
        let Making { kind, id, data, endless, .. } = self.makings.remove(0);
        match kind.as_str() {
            "app" => {
                let app = without(&data, &["id", "created_at", "updated_at", "release"]);
                call(mock, key, "POST", "/apps", Some(&app.into()))?;
            }
            "app_deletion" => drop(call(mock, key, "DELETE", &format!("/apps/{id}"), None)?),
            "release" => {
                let images = data.get("artifacts").and_then(Value::as_array);
                for image in images.into_iter().flatten().filter_map(Value::as_str) {
                    // Only the id of the image is known.
                    let kind = if self.age == ServerAge::V2016 { "docker" } else { "flynn" };
                    let uri = format!("https://images.test/{image}");
                    let image = json!({"id": image, "type": kind, "uri": uri, "manifest": {}});
                    call(mock, key, "POST", "/artifacts", Some(&image))?;
                }
                let release = without(&data, &["id", "created_at", "artifact"]);
                call(mock, key, "POST", "/releases", Some(&release.into()))?;
            }
            _ => deployment(mock, key, &data, endless)?,
        }
        Ok(())
    }
}

/// Creates a deployment. One that took time had running processes to replace.
fn deployment(mock: &MockController, key: &str, data: &Value, endless: bool) -> Result<()> {
    let (Some(app), Some(release)) = (text(data, "app"), text(data, "release")) else {
        return Ok(());
    };
    if text(data, "status") != Some("complete") {
        let current = call(mock, key, "GET", &format!("/apps/{app}/release"), None)?;
        let current = current.unwrap_or_default();
        let types = without(current.get("processes").unwrap_or(&Value::Null), &[]);
        let counts: Map<String, Value> = types.keys().map(|typ| (typ.clone(), 1.into())).collect();
        let id = text(&current, "id").unwrap_or_default();
        let formation = format!("/apps/{app}/formations/{id}");
        let nowhere = types.keys().map(|typ| (typ.clone(), json!({"host": "none"})));
        let tags: Map<String, Value> = nowhere.filter(|_| endless).collect();
        if endless || call(mock, key, "GET", &formation, None)?.is_none() {
            let scaled = json!({"processes": counts, "tags": tags});
            call(mock, key, "PUT", &formation, Some(&scaled))?;
        }
    }
    let body = json!({"id": release});
    call(mock, key, "POST", &format!("/apps/{app}/deploy"), Some(&body))?;
    Ok(())
}

fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get(field)?.as_str()
}

/// Returns the fields of an object except these.
fn without(object: &Value, fields: &[&str]) -> Map<String, Value> {
    let mut rest = object.as_object().cloned().unwrap_or_default();
    rest.retain(|field, _| !fields.contains(&field.as_str()));
    rest
}

/// Deploys an app with more env, as `env set` does. Returns the new release's id.
fn deploy(
    mock: &MockController,
    key: &str,
    app: &str,
    env: &[(&str, &str)],
) -> Result<Option<Value>> {
    let path = format!("/apps/{app}/release");
    let Some(release) = call(mock, key, "GET", &path, None)? else { return Ok(None) };
    let mut next = without(&release, &["id", "created_at", "artifact"]);
    if let Some(Value::Object(fields)) = next.get_mut("env") {
        fields.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    }
    let made = call(mock, key, "POST", "/releases", Some(&next.into()))?;
    let id = made.and_then(|made| made.get("id").cloned());
    let body = json!({"id": id});
    call(mock, key, "POST", &format!("/apps/{app}/deploy"), Some(&body))?;
    Ok(id)
}

fn deploy_and_wait(
    mock: &MockController,
    key: &str,
    app: &str,
    env: &[(&str, &str)],
) -> Result<()> {
    let release = deploy(mock, key, app, env)?;
    wait(mock, || {
        let app = call(mock, key, "GET", &format!("/apps/{app}"), None)?;
        Ok(app.and_then(|app| app.get("release").cloned()) == release)
    })
}

/// Moves the clock until the condition holds, at most five seconds.
fn wait(mock: &MockController, holds: impl Fn() -> Result<bool>) -> Result<()> {
    for _ in 0..500 {
        if holds()? {
            break;
        }
        mock.advance(Duration::from_millis(10));
    }
    Ok(())
}

/// Makes a call that was not recorded. Returns `None` if it fails.
fn call(
    mock: &MockController,
    key: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Option<Value>> {
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!(":{key}"));
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {credentials}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::send(mock.addr(), request.as_bytes())?;
    connection.wait(Duration::from_secs(5), |reply| reply.ended)?;
    let reply = connection.reply().filter(|reply| reply.status == 200);
    Ok(reply.and_then(|reply| serde_json::from_slice(&reply.body).ok()))
}
