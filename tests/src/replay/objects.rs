//! The objects of a run, with the values that the recorded server chose: ids, times, names, hosts, secrets. The mock
//! receives them before it creates the objects.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flynn_mock::{NextId, ServerAge};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::recording::Run;

/// Jobs that are created within this time of each other start together. A deployment that lasts longer has jobs.
pub(crate) const TOGETHER: SignedDuration = SignedDuration::from_millis(60);

/// The kinds of objects, and the fields by which their documents are recognised. The first kind that fits counts.
const KINDS: &[(&str, &[&str])] = &[
    ("job", &["uuid"]),
    ("volume", &["host_id", "type", "state"]),
    ("scale_request", &["app", "release", "state"]),
    ("deployment", &["app", "new_release"]),
    ("route", &["service", "leader"]),
    ("managed_certificate", &["domain", "status"]),
    ("domain_migration", &["domain", "old_domain"]),
    ("certificate", &["cert", "key", "created_at"]),
    ("resource", &["provider", "external_id"]),
    ("provider", &["name", "url"]),
    ("artifact", &["uri", "type"]),
    ("app", &["name", "meta"]),
    ("sink", &["kind", "config"]),
    ("cluster_backup", &["status"]),
    ("release", &["app_id"]),
    ("release", &["created_at"]),
];

/// An object of the recorded cluster.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    /// The fields of its documents, each as it was shown first.
    pub(crate) fields: Map<String, Value>,
    /// When it was created, or shown first.
    pub(crate) born: Timestamp,
    /// When a job began to end, or a deployment ended.
    pub(crate) ended: Timestamp,
}

impl Object {
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    fn next_id(&self) -> NextId {
        let like = |next: NextId, (name, value): (&String, &Value)| next.like(name, value.clone());
        let next = self.fields.iter().fold(NextId::new(self.kind, &self.id), like);
        let created = self.text("created_at").and_then(|time| time.parse().ok());
        created.map_or(next.clone(), |time| next.created_at(time))
    }
}

/// All objects of a run, in the order in which they were created.
#[derive(Debug)]
pub(crate) struct Objects(Vec<Object>);

impl Objects {
    /// Reads the answers of a run.
    pub(crate) fn of(run: &Run) -> Self {
        let mut found = Found::default();
        for exchange in run.exchanges.iter().filter(|exchange| exchange.status < 400) {
            for document in exchange.documents() {
                found.read(&document, exchange.time);
            }
        }
        let mut objects: Vec<Object> = found.0.into_values().collect();
        objects.sort_by_key(|object| object.born);
        let mut starts: BTreeMap<[Option<String>; 3], Timestamp> = BTreeMap::new();
        for job in objects.iter_mut().filter(|o| o.kind == "job" && o.text("type") != Some("")) {
            let like = ["app", "release", "type"].map(|name| job.text(name).map(str::to_owned));
            let start = starts.entry(like).or_insert(job.born);
            if job.born.duration_since(*start) <= TOGETHER {
                job.born = *start;
            }
            *start = job.born;
        }
        // Of the jobs that start together, the mock stops the first one first in 2016, later the last one.
        let order = if run.age == ServerAge::V2016 { 1 } else { -1 };
        objects.sort_by_key(|object| (object.born, object.ended.as_microsecond() * order));
        Self(objects)
    }

    /// Returns the objects of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Object> {
        self.0.iter().filter(move |object| object.kind == kind)
    }

    /// Returns the hosts of jobs and volumes.
    pub(crate) fn hosts(&self) -> BTreeSet<&str> {
        let hosts = self.0.iter().filter_map(|object| object.text("host_id"));
        hosts.filter(|host| !host.is_empty()).collect()
    }

    /// Returns the ids of the objects that existed at `time`.
    pub(crate) fn ids_at(&self, time: Timestamp) -> impl Iterator<Item = NextId> {
        let existed = self.0.iter().filter(move |o| o.born <= time && !o.fields.is_empty());
        existed.map(Object::next_id)
    }

    /// Returns the ids of the objects that were created after `time`, in that order, and when. Nobody knows when an
    /// image was created of which only the id is shown.
    pub(crate) fn ids_after(&self, time: Timestamp) -> VecDeque<(Timestamp, NextId)> {
        let later = self.0.iter().filter(|object| object.born > time);
        let when = |object: &Object| if object.fields.is_empty() { time } else { object.born };
        let mut ids: Vec<_> = later.map(|object| (when(object), object.next_id())).collect();
        ids.sort_by_key(|(when, _)| *when);
        ids.into()
    }
}

/// Objects by their kinds and ids.
#[derive(Default)]
struct Found(BTreeMap<(&'static str, String), Object>);

impl Found {
    /// Reads a document and the documents in it, which an answer showed at this time.
    fn read(&mut self, value: &Value, at: Timestamp) {
        match value {
            Value::Object(fields) => {
                let mut at = at;
                // They existed before, or other documents tell when they were created.
                if let Some(objects) = measured(value) {
                    self.read(&objects, Timestamp::MIN);
                }
                self.object(fields, at);
                // An event reports a change that happened when the event was created.
                if fields.contains_key("object_type") {
                    at = time(fields, "created_at").unwrap_or(at);
                }
                fields.values().for_each(|value| self.read(value, at));
            }
            Value::Array(items) => items.iter().for_each(|item| self.read(item, at)),
            _ => {}
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, at: Timestamp) {
        let mut fields = fields.clone();
        // An event tells of a deployment with other names.
        if let [Some(id), Some(release)] =
            ["deployment", "release"].map(|name| fields.get(name).cloned())
        {
            fields.extend([("id".to_owned(), id), ("new_release".to_owned(), release)]);
        }
        let fits = |names: &[&str]| names.iter().all(|name| fields.contains_key(*name));
        let Some((kind, _)) = KINDS.iter().find(|(_, names)| fits(names)) else { return };
        let text = |name| Some(fields.get(name)?.as_str()?.to_owned());
        let Some(id) = text(if *kind == "job" { "uuid" } else { "id" }) else { return };
        let state = text("state").or(text("status"));
        // A one-off job has no type, and documents leave out an empty env.
        match *kind {
            "job" => drop(fields.entry("type").or_insert("".into())),
            "release" => drop(fields.entry("env").or_insert(json!({}))),
            _ => {}
        }
        let ends = ["stopping", "down", "crashed", "failed", "complete"];
        let ended = state.filter(|state| ends.contains(&state.as_str()));
        let last = || time(&fields, "finished_at").or(time(&fields, "updated_at"));
        let ended = ended.map(|_| last().unwrap_or(at));
        let born = time(&fields, "created_at").unwrap_or(at);
        self.refer(kind, &id, &fields, at);
        self.add(kind, &id, fields, born, ended.unwrap_or(Timestamp::MAX));
    }

    /// Adds the release and the images to which an object refers. Both existed when it was created.
    fn refer(&mut self, kind: &str, id: &str, fields: &Map<String, Value>, at: Timestamp) {
        let text = |name| fields.get(name).and_then(Value::as_str);
        let born = time(fields, "created_at").unwrap_or(at);
        let (app, release, at) = match kind {
            "app" => (Some(id), text("release"), time(fields, "updated_at").unwrap_or(at)),
            "deployment" => (text("app"), text("new_release"), born),
            _ => (None, None, at),
        };
        if let (Some(app), Some(release)) = (app, release) {
            let fields = Map::from_iter([("app_id".to_owned(), app.into())]);
            self.add("release", release, fields, at, Timestamp::MAX);
        }
        let images = fields.get("artifacts").and_then(Value::as_array);
        for image in images.into_iter().flatten().filter_map(Value::as_str) {
            self.add("artifact", image, Map::new(), born, Timestamp::MAX);
        }
    }

    fn add(
        &mut self,
        kind: &'static str,
        id: &str,
        fields: Map<String, Value>,
        born: Timestamp,
        ended: Timestamp,
    ) {
        let new = Object { kind, id: id.to_owned(), fields: Map::new(), born, ended };
        let known = self.0.entry((kind, id.to_owned())).or_insert(new);
        known.ended = known.ended.min(ended);
        for (name, value) in fields {
            let slot = known.fields.entry(name).or_insert(Value::Null);
            if slot.is_null() {
                *slot = value;
            }
        }
        known.born = time(&known.fields, "created_at").unwrap_or(known.born.min(born));
    }
}

/// Returns the job of which a measurement tells, and its app.
fn measured(value: &Value) -> Option<Value> {
    let (host, uuid) = value.get("job_id")?.as_str()?.split_once('-')?;
    let (app, name) = (value.get("app_id")?, value.get("app_name")?);
    let (release, kind) = (value.get("release_id"), value.get("process_type"));
    Some(json!([
        { "uuid": uuid, "host_id": host, "app": app, "release": release, "type": kind },
        { "id": app, "name": name, "meta": {} },
    ]))
}

/// Returns the times that a document shows.
fn time(fields: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    fields.get(name)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_recognised_by_their_fields() {
        let mut found = Found::default();
        let shown = json!([
            { "type": "http", "id": "r", "service": "web", "leader": false,
              "certificate": { "id": "c", "cert": "C", "key": "K",
                               "created_at": "2026-11-22T21:00:00Z" } },
            { "id": 1, "object_type": "deployment", "object_id": "d",
              "data": { "app": "a", "deployment": "d", "release": "x", "status": "pending" } },
            { "uuid": "j", "app": "a", "release": "x", "state": "up" },
        ]);
        found.read(&shown, Timestamp::UNIX_EPOCH);
        let found: Vec<_> = found.0.keys().map(|(kind, id)| (*kind, id.as_str())).collect();
        let wanted = [
            ("certificate", "c"),
            ("deployment", "d"),
            ("job", "j"),
            ("release", "x"),
            ("route", "r"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn twins_come_in_the_order_in_which_they_end() {
        let job = |id: &str, born: &str, ended: Option<&str>| {
            let state = ended.map_or("up", |_| "down");
            let time = |millis: &str| format!("2026-11-22T21:00:00.{millis}Z");
            json!({ "uuid": id, "app": "a", "release": "r", "type": "web", "state": state,
                    "created_at": time(born), "updated_at": time(ended.unwrap_or(born)) })
        };
        let jobs =
            [job("a", "000", Some("900")), job("b", "001", None), job("c", "500", Some("600"))];
        let body = json!(jobs).to_string();
        for (age, wanted) in
            [(ServerAge::V2021, ["b", "a", "c"]), (ServerAge::V2016, ["a", "b", "c"])]
        {
            let objects = Objects::of(&Run::of_one(age, &body));
            assert!(objects.of_kind("job").map(|job| job.id.as_str()).eq(wanted), "{objects:?}");
        }
    }
}
