//! What was made between two recorded exchanges, by requests that were left out.
//!
//! Where the numbers of a run skip some, requests are missing; events that are listed later can
//! still show what those made: apps, releases, deployments. The mock is asked for the same at the
//! same time, or it could not list them. Nothing is made up but what no recording shows: the image
//! of a release, that an app whose deployment took its time ran one process of each type, with tags
//! that no host has if it never ended, and that an app was deleted before the gap was over, since
//! what would show it was left out with it.

use std::collections::{BTreeMap, BTreeSet};

use flynn_mock::{MockController, ServerAge};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Result;
use super::events;
use super::gap::{call, without};
use super::names::Names;
use super::recording::{Exchange, Run};
use super::tokens::Kind;

/// How long the deletion of an app may take.
const DELETION: SignedDuration = SignedDuration::from_secs(1);

/// What is still to be made, in order.
#[derive(Debug, Default)]
pub struct Missed {
    age: ServerAge,
    makings: Vec<Making>,
}

/// One object that a missing request made, as its event shows it.
#[derive(Debug)]
struct Making {
    at: Timestamp,
    kind: String,
    id: String,
    data: Value,
    /// A deployment that no event ends.
    endless: bool,
}

impl Missed {
    /// What a run shows of its missing requests.
    pub fn of(run: &Run) -> Self {
        let exchanges: Vec<&Exchange> = run.exchanges().collect();
        let gaps: Vec<(Timestamp, Timestamp)> = exchanges
            .iter()
            .zip(exchanges.iter().skip(1))
            .filter(|(a, b)| b.seq > a.seq + 1)
            .map(|(a, b)| (a.time, b.time))
            .collect();
        let mut shown: BTreeMap<u64, Value> = BTreeMap::new();
        for exchange in &exchanges {
            shown.extend(
                shown_by(exchange).into_iter().filter_map(|e| Some((e.get("id")?.as_u64()?, e))),
            );
        }
        let (mut makings, mut deletions) = (Vec::new(), Vec::new());
        let mut made = BTreeSet::new();
        let ends = |id: &str| {
            shown.values().any(|event| {
                let status = event.pointer("/data/status").and_then(Value::as_str);
                text(event, "object_id") == Some(id) && status != Some("pending")
            })
        };
        for event in shown.values() {
            let field = |name: &str| text(event, name).map(str::to_owned);
            let (Some(kind), Some(id)) = (field("object_type"), field("object_id")) else {
                continue;
            };
            let Some(at) = field("created_at").and_then(|at| at.parse::<Timestamp>().ok()) else {
                continue;
            };
            let gap = gaps.iter().find(|(from, to)| *from < at && at < *to);
            let known = || {
                exchanges
                    .iter()
                    .any(|e| e.time < at && e.end() < at && e.response_body.contains(&id))
            };
            let Some((_, end)) = gap else { continue };
            if !matches!(kind.as_str(), "app" | "release" | "deployment")
                || known()
                || !made.insert(id.clone())
            {
                continue;
            }
            let data = event.get("data").cloned().unwrap_or_default();
            if kind == "app" {
                let at = end.saturating_sub(DELETION).unwrap_or(*end).max(at);
                let kind = "app_deletion".to_owned();
                deletions.push(Making {
                    at,
                    kind,
                    id: id.clone(),
                    data: Value::Null,
                    endless: false,
                });
            }
            let endless = kind == "deployment" && !ends(&id);
            makings.push(Making { at, kind, id, data, endless });
        }
        makings.append(&mut deletions);
        makings.sort_by_key(|making| making.at);
        Self { age: run.age, makings }
    }

    /// When the next object was made, if that was before `time`.
    pub fn next_before(&self, time: Timestamp) -> Option<Timestamp> {
        self.makings.first().map(|making| making.at).filter(|at| *at < time)
    }

    /// Makes the next object.
    ///
    /// # Errors
    /// When the mock cannot be reached.
    pub fn make_next(&mut self, mock: &MockController, key: &str, names: &mut Names) -> Result<()> {
        if self.makings.is_empty() {
            return Ok(());
        }
        let Making { kind, id, data, endless, .. } = self.makings.remove(0);
        let made = match kind.as_str() {
            "app" => {
                let app = without(&data, &["id", "created_at", "updated_at", "release"]);
                call(mock, key, "POST", "/apps", Some(&app.into()))?
            }
            "app_deletion" => {
                let app = names.mock(Kind::Uuid, &id).unwrap_or_default();
                call(mock, key, "DELETE", &format!("/apps/{app}"), None)?
            }
            "release" => self.release(mock, key, &data, names)?,
            _ => deployment(mock, key, &data, endless, names)?,
        };
        if let Some(new) = made.as_ref().and_then(|made| text(made, "id")) {
            let _ = names.bind(Kind::Uuid, &id, new);
        }
        Ok(())
    }

    fn release(
        &self,
        mock: &MockController,
        key: &str,
        data: &Value,
        names: &mut Names,
    ) -> Result<Option<Value>> {
        let mut release = without(data, &["id", "created_at", "artifact"]);
        if let Some(app) = release.get("app_id").and_then(Value::as_str) {
            let Some(app) = names.mock(Kind::Uuid, app) else { return Ok(None) };
            release.insert("app_id".to_owned(), app.into());
        }
        let mut images = Vec::new();
        for image in data.get("artifacts").and_then(Value::as_array).into_iter().flatten() {
            let Some(image) = image.as_str() else { continue };
            let known = names.mock(Kind::Uuid, image);
            let known = if known.is_some() { known } else { self.image(mock, key, image, names)? };
            images.extend(known);
        }
        release.insert("artifacts".to_owned(), images.into());
        call(mock, key, "POST", "/releases", Some(&release.into()))
    }

    /// An image of which nothing but the id is shown.
    fn image(
        &self,
        mock: &MockController,
        key: &str,
        id: &str,
        names: &mut Names,
    ) -> Result<Option<String>> {
        let kind = if self.age == ServerAge::V2016 { "docker" } else { "flynn" };
        let image =
            json!({"type": kind, "uri": format!("https://images.test/{id}"), "manifest": {}});
        let made = call(mock, key, "POST", "/artifacts", Some(&image))?;
        let new = made.and_then(|made| text(&made, "id").map(str::to_owned));
        if let Some(new) = &new {
            let _ = names.bind(Kind::Uuid, id, new);
        }
        Ok(new)
    }
}

/// A deployment; one that was not over at once had running processes to replace.
fn deployment(
    mock: &MockController,
    key: &str,
    data: &Value,
    endless: bool,
    names: &Names,
) -> Result<Option<Value>> {
    let bound = |field: &str| names.mock(Kind::Uuid, text(data, field)?);
    let (Some(app), Some(release)) = (bound("app"), bound("release")) else { return Ok(None) };
    if text(data, "status") != Some("complete") {
        let current = call(mock, key, "GET", &format!("/apps/{app}/release"), None)?;
        let current = current.unwrap_or_default();
        let types =
            current.get("processes").and_then(Value::as_object).cloned().unwrap_or_default();
        let counts: Map<String, Value> =
            types.into_iter().map(|(typ, _)| (typ, 1.into())).collect();
        let formation =
            format!("/apps/{app}/formations/{}", text(&current, "id").unwrap_or_default());
        let tags: Map<String, Value> = if endless {
            counts.keys().map(|typ| (typ.clone(), json!({"host": "none"}))).collect()
        } else {
            Map::new()
        };
        if endless || call(mock, key, "GET", &formation, None)?.is_none() {
            let scaled = json!({"processes": counts, "tags": tags});
            call(mock, key, "PUT", &formation, Some(&scaled))?;
        }
    }
    call(mock, key, "POST", &format!("/apps/{app}/deploy"), Some(&json!({"id": release})))
}

fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get(field)?.as_str()
}

/// The events that an answer lists or streams.
fn shown_by(exchange: &Exchange) -> Vec<Value> {
    if !exchange.path.starts_with("/events") {
        return Vec::new();
    }
    if exchange.is_event_stream() {
        return events::frames(&exchange.response_body).data;
    }
    match serde_json::from_str(&exchange.response_body) {
        Ok(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}
