//! The objects of a run: their ids, the fields that distinguish them, and their times of creation and end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flynn_mock::{NextId, ServerAge};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::recording::{Exchange, Run};

/// Jobs that are created within this time of each other start together.
const TOGETHER: SignedDuration = SignedDuration::from_millis(60);

/// The kinds of objects: the fields by which one is recognised, and those that tell one from another.
/// The first kind that fits counts.
const KINDS: &[(&str, &[&str], &[&str])] = &[
    ("job", &["uuid"], &["app", "release", "type", "host_id"]),
    ("volume", &["host_id", "type", "state"], &["app", "release", "job_type", "path", "host_id"]),
    ("scale_request", &["app", "release", "state"], &["app", "release"]),
    ("deployment", &["app", "new_release"], &["app", "new_release"]),
    ("route", &["service", "leader"], &["type", "service", "domain", "port"]),
    ("managed_certificate", &["domain", "status"], &["domain"]),
    ("domain_migration", &["domain", "old_domain"], &[]),
    ("certificate", &["cert", "key", "created_at"], &["cert"]),
    ("resource", &["provider", "external_id"], &["provider", "external_id"]),
    ("provider", &["name", "url"], &["name"]),
    ("artifact", &["uri", "type"], &["uri"]),
    ("app", &["name", "meta"], &["name"]),
    ("sink", &["kind", "config"], &[]),
    ("cluster_backup", &["status"], &[]),
    ("release", &["app_id"], &["app_id", "env"]),
    ("release", &["created_at"], &["env"]),
];

/// An object of the recorded cluster.
#[derive(Clone, Debug)]
pub struct Object {
    kind: &'static str,
    id: String,
    like: BTreeMap<&'static str, Value>,
    /// When it was created, if a document shows it.
    created: Option<Timestamp>,
    /// When it was shown first.
    seen: Timestamp,
    /// When a job began to end.
    ended: Option<Timestamp>,
    /// The releases that an app had, with the app's id and when.
    releases: Vec<(String, String, Timestamp)>,
    /// The first document of it.
    document: Value,
}

impl Object {
    fn born(&self) -> Timestamp {
        self.created.unwrap_or(self.seen)
    }

    fn next_id(&self) -> NextId {
        let mut next = NextId::new(self.kind, &self.id);
        for (field, value) in &self.like {
            next = next.like(*field, value.clone());
        }
        self.created.map_or(next.clone(), |time| next.created_at(time))
    }
}

/// All objects of a run.
#[derive(Debug, Default)]
pub struct Shown {
    objects: Vec<Object>,
}

impl Shown {
    /// Reads the answers of a run.
    pub fn of(run: &Run) -> Self {
        let mut found = BTreeMap::new();
        for exchange in run.exchanges().filter(|exchange| exchange.status < 400) {
            for document in documents(exchange) {
                collect(&document, exchange.time, &mut found);
            }
        }
        add_unseen(&mut found);
        let mut objects: Vec<Object> = found.into_values().collect();
        objects.sort_by_key(Object::born);
        arrange_twins(&mut objects, run.age);
        Self { objects }
    }

    /// When the first object was created.
    pub fn first(&self) -> Option<Timestamp> {
        self.objects.iter().filter_map(|object| object.created).min()
    }

    /// The documents of objects that there were at `time`.
    pub fn documents_at(&self, time: Timestamp) -> Vec<Value> {
        let later = |id: &str| self.objects.iter().any(|o| o.id == id && o.born() > time);
        let objects = self.objects.iter().filter(|object| object.born() <= time);
        let mut documents: Vec<Value> = objects.map(|object| object.document.clone()).collect();
        for app in documents.iter_mut().filter_map(Value::as_object_mut) {
            // The app may have had another release then.
            if app.get("release").and_then(Value::as_str).is_some_and(later) {
                app.remove("release");
            }
        }
        documents
    }

    /// The ids of objects made by `time` that a bootstrap makes without telling which.
    pub fn ids_at(&self, time: Timestamp) -> Vec<NextId> {
        let unnamed = ["route", "certificate", "scale_request", "volume"];
        let objects = self.objects.iter().filter(|object| object.born() <= time);
        objects.filter(|o| unnamed.contains(&o.kind)).map(Object::next_id).collect()
    }

    /// The ids of objects made after `time`, in the order in which they were made, and when.
    pub fn ids_after(&self, time: Timestamp) -> VecDeque<(Timestamp, NextId)> {
        let objects = self.objects.iter().filter(|object| object.born() > time);
        // Nobody knows when an image was made that only a release shows.
        let unseen = |object: &Object| object.kind == "artifact" && object.document.is_null();
        let (images, others): (Vec<_>, Vec<_>) = objects.partition(|object| unseen(object));
        let images = images.into_iter().map(|image| (time, image.next_id()));
        images.chain(others.into_iter().map(|other| (other.born(), other.next_id()))).collect()
    }

    /// The hosts of jobs and volumes.
    pub fn hosts(&self) -> BTreeSet<String> {
        let hosts = self.objects.iter().filter_map(|object| object.like.get("host_id")?.as_str());
        hosts.filter(|host| !host.is_empty()).map(str::to_owned).collect()
    }
}

/// The JSON documents of an answer: its body, or the events of a stream.
pub fn documents(exchange: &Exchange) -> Vec<Value> {
    if let Ok(document) = serde_json::from_str(&exchange.response_body) {
        return vec![document];
    }
    let lines = exchange.response_body.lines();
    let data = lines.map(|line| line.strip_prefix("data: ").unwrap_or(line));
    data.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn collect(value: &Value, at: Timestamp, found: &mut BTreeMap<(&'static str, String), Object>) {
    let own = time(value, "created_at");
    if let Value::Object(fields) = value {
        if let Some((job, app)) = measured(value) {
            // It was there before, or other documents tell when it was made.
            collect(&app, Timestamp::MIN, found);
            collect(&job, Timestamp::MIN, found);
        } else if let Some(object) = recognise(value, at) {
            let key = (object.kind, object.id.clone());
            let first = Object { releases: Vec::new(), ..object.clone() };
            let known = found.entry(key).or_insert(first);
            known.created = known.created.or(object.created);
            known.ended = known.ended.into_iter().chain(object.ended).min();
            known.releases.extend(object.releases);
            for (field, value) in object.like {
                let slot = known.like.entry(field).or_insert(Value::Null);
                if *slot == Value::Null || *slot == "" {
                    *slot = value;
                }
            }
        }
        // The change that an event reports happened when the event was created.
        let at = own.filter(|_| fields.contains_key("object_type")).unwrap_or(at);
        for value in fields.values() {
            collect(value, at, found);
        }
    }
    if let Value::Array(items) = value {
        for item in items {
            collect(item, at, found);
        }
    }
}

/// The job and its app, of which a measurement tells.
fn measured(value: &Value) -> Option<(Value, Value)> {
    let (host, uuid) = value.get("job_id")?.as_str()?.split_once('-')?;
    let (app, name) = (value.get("app_id")?, value.get("app_name")?);
    let job = json!({
        "uuid": uuid, "host_id": host, "app": app, "release": value.get("release_id"),
        "type": value.get("process_type"),
    });
    Some((job, json!({ "id": app, "name": name, "meta": {} })))
}

fn recognise(value: &Value, at: Timestamp) -> Option<Object> {
    // The event of a deployment names it otherwise.
    let of_event = value.get("deployment").is_some();
    let fits = |required: &[&str]| required.iter().all(|field| value.get(field).is_some());
    let (kind, _, fields) = KINDS.iter().find(|(_, required, _)| fits(required))?;
    let kind = if of_event { "deployment" } else { *kind };
    let id = match kind {
        "deployment" if of_event => "deployment",
        "job" => "uuid",
        _ => "id",
    };
    let id = value.get(id)?.as_str()?.to_owned();
    let mut like = BTreeMap::new();
    let fields = if of_event { &["app", "new_release"] } else { *fields };
    for field in fields {
        let named = if of_event && *field == "new_release" { "release" } else { field };
        match value.get(named) {
            Some(shown) => drop(like.insert(*field, shown.clone())),
            // A one-off job has no type, and documents leave out an empty env.
            None if *field == "type" => drop(like.insert(*field, "".into())),
            None if *field == "env" => drop(like.insert(*field, json!({}))),
            None => {}
        }
    }
    let ends = ["stopping", "down", "crashed", "failed"];
    let state = value.get("state").and_then(Value::as_str).unwrap_or_default();
    let ended = time(value, "updated_at").unwrap_or(at);
    let release = value.get("release").and_then(Value::as_str).filter(|_| kind == "app");
    let releases = release.map(|release| (release.to_owned(), id.clone(), ended));
    Some(Object {
        kind,
        id,
        like,
        created: time(value, "created_at"),
        seen: at,
        ended: ends.contains(&state).then_some(ended),
        releases: releases.into_iter().collect(),
        document: value.clone(),
    })
}

/// Adds objects of which only others show the ids: images of releases, made before them, and
/// releases of apps.
fn add_unseen(found: &mut BTreeMap<(&'static str, String), Object>) {
    let mut unseen = Vec::new();
    for object in found.values() {
        let images = object.document.get("artifacts").and_then(Value::as_array);
        let before = object.born().saturating_sub(TOGETHER).unwrap_or(object.born());
        for id in images.into_iter().flatten().filter_map(Value::as_str) {
            unseen.push(("artifact", id.to_owned(), before, BTreeMap::new()));
        }
    }
    for object in found.values().filter(|object| object.kind == "deployment") {
        let field = |name| object.like.get(name).and_then(Value::as_str);
        let before = object.born().saturating_sub(TOGETHER).unwrap_or(object.born());
        if let (Some(app), Some(id)) = (field("app"), field("new_release")) {
            let like = BTreeMap::from([("app_id", Value::from(app))]);
            unseen.push(("release", id.to_owned(), before, like));
        }
    }
    for (id, app, at) in found.values().flat_map(|object| &object.releases) {
        let like = BTreeMap::from([("app_id", Value::from(app.as_str()))]);
        unseen.push(("release", id.clone(), *at, like));
    }
    for (kind, id, seen, like) in unseen {
        let (created, ended, releases, document) = (None, None, Vec::new(), Value::Null);
        let object =
            Object { kind, id: id.clone(), like, created, seen, ended, releases, document };
        let known = found.entry((kind, id)).or_insert(object);
        known.seen = known.seen.min(seen);
    }
}

fn time(value: &Value, field: &str) -> Option<Timestamp> {
    value.get(field)?.as_str()?.parse().ok()
}

/// Gives the ids of jobs that start together in the order in which the mock stops such jobs: in 2016
/// the first one first, later the last one.
fn arrange_twins(objects: &mut [Object], age: ServerAge) {
    let twins = |a: &Object, b: &Object| {
        let same = |field| a.like.get(field) == b.like.get(field);
        let scheduled = |o: &Object| o.kind == "job" && o.like.get("type").is_some_and(|t| t != "");
        scheduled(a)
            && scheduled(b)
            && ["app", "release", "type"].into_iter().all(same)
            && b.born().duration_since(a.born()) <= TOGETHER
    };
    for n in 0..objects.len() {
        let Some(first) = objects.get(n).cloned() else { continue };
        let mut places = vec![n];
        let later = objects.iter().enumerate().skip(n + 1);
        places.extend(later.filter(|(_, other)| twins(&first, other)).map(|(at, _)| at));
        let mut group: Vec<Object> =
            places.iter().filter_map(|at| objects.get(*at).cloned()).collect();
        let end = |object: &Object| object.ended.unwrap_or(Timestamp::MAX);
        if age == ServerAge::V2016 {
            group.sort_by_key(end);
        } else {
            group.sort_by_key(|object| Reverse(end(object)));
        }
        for (at, object) in places.into_iter().zip(group) {
            if let Some(slot) = objects.get_mut(at) {
                *slot = object;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(documents: &[Value]) -> Vec<(&'static str, String)> {
        let mut found = BTreeMap::new();
        for document in documents {
            collect(document, Timestamp::UNIX_EPOCH, &mut found);
        }
        found.into_keys().collect()
    }

    #[test]
    fn objects_are_recognised_by_their_fields() {
        let route = json!({ "type": "http", "id": "r", "service": "web", "leader": false,
                            "certificate": { "id": "c", "cert": "C", "key": "K",
                                             "created_at": "2026-11-22T21:00:00Z" } });
        let event = json!({ "id": 1, "object_type": "deployment", "object_id": "d",
                            "data": { "app": "a", "deployment": "d", "release": "x",
                                      "status": "pending" } });
        let job = json!([{ "uuid": "j", "app": "a", "release": "x", "state": "up" }]);
        let found = read(&[route, event, job]);
        let wanted = [("certificate", "c"), ("deployment", "d"), ("job", "j"), ("route", "r")];
        assert_eq!(found, wanted.map(|(kind, id)| (kind, id.to_owned())));
    }

    #[test]
    fn twins_come_in_the_order_in_which_they_end() {
        let job = |id: &str, millis: i64, ended: Option<i64>| Object {
            kind: "job",
            id: id.to_owned(),
            like: BTreeMap::from([("type", "web".into())]),
            created: Timestamp::from_millisecond(millis).ok(),
            seen: Timestamp::UNIX_EPOCH,
            ended: ended.and_then(|at| Timestamp::from_millisecond(at).ok()),
            releases: Vec::new(),
            document: Value::Null,
        };
        let mut jobs = [job("a", 0, Some(900)), job("b", 1, None), job("c", 500, Some(600))];
        arrange_twins(&mut jobs, ServerAge::V2021);
        assert_eq!(jobs.map(|job| job.id), ["b", "a", "c"]);
    }
}
