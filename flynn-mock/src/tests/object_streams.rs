//! Random calls on formations, jobs, resources, sinks and volumes. The streams of formations, sinks and volumes stay
//! open and agree with the lists in the end. No call is an internal error unless it is one of the real controller too.

use std::collections::BTreeMap;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Method};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Ask as _;
use super::property::config;
use crate::api::answer::Body;
use crate::api::streams::Cursor;
use crate::dialect::ServerAge;
use crate::life::{Engine, Options, Pace};
use crate::wire::Request;

const APPS: [&str; 2] = ["one", "two"];
const ZERO: &str = "00000000-0000-0000-0000-000000000000";

/// A call on objects that are chosen by number. Some numbers choose an object that does not exist.
#[derive(Clone, Copy, Debug)]
enum Call {
    Formation(usize, Option<i8>, Option<i8>),
    Tags(usize),
    Scale(usize, i8),
    DropFormation(usize),
    Deploy(usize),
    Kill(usize, usize),
    Provision(usize, bool),
    Link(usize, usize, bool),
    DropResource(usize),
    Sink(bool),
    DropSink(usize),
    PutVolume(usize),
    Decommission(usize, usize),
    Pass(u16),
}

fn call() -> impl Strategy<Value = Call> {
    let n = || 0..4_usize;
    let count = || prop::option::of(-1..4_i8);
    prop_oneof![
        4 => (n(), count(), count()).prop_map(|(app, web, worker)| Call::Formation(app, web, worker)),
        1 => n().prop_map(Call::Tags),
        3 => (n(), -1..4_i8).prop_map(|(app, web)| Call::Scale(app, web)),
        1 => n().prop_map(Call::DropFormation),
        3 => n().prop_map(Call::Deploy),
        2 => (n(), n()).prop_map(|(app, job)| Call::Kill(app, job)),
        2 => (n(), any::<bool>()).prop_map(|(app, named)| Call::Provision(app, named)),
        2 => (n(), n(), any::<bool>()).prop_map(|(r, app, add)| Call::Link(r, app, add)),
        1 => n().prop_map(Call::DropResource),
        2 => any::<bool>().prop_map(Call::Sink),
        2 => n().prop_map(Call::DropSink),
        2 => n().prop_map(Call::PutVolume),
        2 => (n(), n()).prop_map(|(app, volume)| Call::Decommission(app, volume)),
        5 => (0..3000_u16).prop_map(Call::Pass),
    ]
}

fn app(n: usize) -> &'static str {
    APPS.get(n).copied().unwrap_or("nosuch")
}

/// A stream and the documents that it has sent.
struct Watcher {
    cursor: Cursor,
    seen: Vec<Value>,
}

struct World {
    engine: Engine,
    watchers: BTreeMap<&'static str, Watcher>,
}

impl World {
    fn new(age: ServerAge, pace: Pace) -> Self {
        let mut options = Options::new(age, "p.test");
        options.key = Some("k".to_owned());
        options.pace = pace;
        let mut world = Self { engine: Engine::new(options), watchers: BTreeMap::new() };
        for name in ["formations", "sinks", "volumes"] {
            let request = request(Method::GET, &format!("/{name}?since=0001-01-01T00:00:00Z"))
                .header(ACCEPT, HeaderValue::from_static("text/event-stream"));
            if let Body::Stream(cursor) = world.engine.handle(&request).body {
                world.watchers.insert(name, Watcher { cursor, seen: Vec::new() });
            }
        }
        for name in APPS {
            world.seed(name);
        }
        world
    }

    /// An app with a current release whose web jobs have a volume each.
    fn seed(&mut self, name: &str) {
        let app = self.must("POST", "/apps", &json!({ "name": name }))["id"].clone();
        let artifact = self.list("/artifacts")[0]["id"].clone();
        let processes = json!({ "web": { "volumes": [{ "path": "/data" }] }, "worker": {} });
        let release = json!({ "app_id": app, "artifacts": [artifact], "processes": processes });
        let release = self.must("POST", "/releases", &release)["id"].clone();
        self.must("PUT", &format!("/apps/{name}/release"), &json!({ "id": release }));
    }

    fn must(&mut self, method: &str, target: &str, body: &Value) -> Value {
        let (status, reply) = self.send(method, target, body);
        assert_eq!(status, 200, "{method} {target}: {reply}");
        reply
    }

    fn send(&mut self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let request = request(method.parse().unwrap(), target).json(body.to_string());
        let answer = self.engine.handle(&request);
        (answer.status.as_u16(), serde_json::from_slice(answer.bytes()).unwrap_or(Value::Null))
    }

    fn list(&mut self, target: &str) -> Vec<Value> {
        let request = request(Method::GET, target)
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        serde_json::from_slice(self.engine.handle(&request).bytes()).unwrap_or_default()
    }

    /// Returns the id of the n-th object of a list, or one that does not exist.
    fn id(&mut self, target: &str, n: usize) -> String {
        let list = self.list(target);
        list.get(n).and_then(|o| o["id"].as_str()).unwrap_or(ZERO).to_owned()
    }

    fn release(&mut self, app: &str) -> String {
        let (_, reply) = self.send("GET", &format!("/apps/{app}/release"), &Value::Null);
        reply["id"].as_str().unwrap_or(ZERO).to_owned()
    }

    fn perform(&mut self, call: Call) {
        if let Call::Pass(millis) = call {
            let time = SignedDuration::from_millis(millis.into());
            let then = self.engine.now().saturating_add(time).unwrap();
            self.engine.advance(then);
            return;
        }
        let (method, target, body, may_fail) = self.request(call);
        let (status, reply) = self.send(method, &target, &body);
        assert!(may_fail || status < 500, "{method} {target} {body}: {reply}");
    }

    /// Returns the request of a call, and whether the real controller may answer it with 500.
    fn request(&mut self, call: Call) -> (&'static str, String, Value, bool) {
        match call {
            Call::Formation(n, web, worker) => {
                let release = self.release(app(n));
                let mut processes = serde_json::Map::new();
                processes.extend(web.map(|count| ("web".to_owned(), count.into())));
                processes.extend(worker.map(|count| ("worker".to_owned(), count.into())));
                let target = format!("/apps/{}/formations/{release}", app(n));
                ("PUT", target, json!({ "processes": processes }), false)
            }
            Call::Tags(n) => {
                let target = format!("/apps/{}/formations/{}", app(n), self.release(app(n)));
                ("PUT", target, json!({ "tags": { "web": { "disk": "ssd" } } }), false)
            }
            Call::Scale(n, web) => {
                let target = format!("/apps/{}/scale/{}", app(n), self.release(app(n)));
                let body = json!({ "state": "pending", "new_processes": { "web": web } });
                ("PUT", target, body, false)
            }
            Call::DropFormation(n) => {
                let target = format!("/apps/{}/formations/{}", app(n), self.release(app(n)));
                ("DELETE", target, Value::Null, false)
            }
            Call::Deploy(n) => {
                let (_, mut release) =
                    self.send("GET", &format!("/apps/{}/release", app(n)), &Value::Null);
                if let Some(fields) = release.as_object_mut() {
                    fields.remove("id");
                    release = self.must("POST", "/releases", &release);
                }
                let target = format!("/apps/{}/deploy", app(n));
                ("POST", target, json!({ "id": release["id"] }), false)
            }
            Call::Kill(n, job) => {
                let job = self.id(&format!("/apps/{}/jobs", app(n)), job);
                // The host refuses to stop a job that has ended.
                ("DELETE", format!("/apps/{}/jobs/{job}", app(n)), Value::Null, true)
            }
            Call::Provision(n, named) => {
                let apps = if named { vec![app(n)] } else { Vec::new() };
                let unknown = named && app(n) == "nosuch";
                let target = "/providers/postgres/resources".to_owned();
                ("POST", target, json!({ "apps": apps }), unknown)
            }
            Call::Link(resource, n, add) => {
                let resource = self.id("/resources", resource);
                let (_, linked) = self.send("GET", &format!("/apps/{}", app(n)), &Value::Null);
                let linked = linked["id"].as_str().unwrap_or(ZERO).to_owned();
                let target = format!("/providers/postgres/resources/{resource}/apps/{linked}");
                (if add { "PUT" } else { "DELETE" }, target, Value::Null, true)
            }
            Call::DropResource(n) => {
                let resource = self.id("/resources", n);
                let target = format!("/providers/postgres/resources/{resource}");
                ("DELETE", target, Value::Null, false)
            }
            Call::Sink(configured) => {
                let config = if configured { json!({ "url": "syslog://h" }) } else { Value::Null };
                let body = json!({ "kind": "syslog", "config": config });
                ("POST", "/sinks".to_owned(), body, !configured)
            }
            Call::DropSink(n) => {
                let sink = self.id("/sinks", n);
                ("DELETE", format!("/sinks/{sink}"), Value::Null, false)
            }
            Call::PutVolume(n) => {
                let list = self.list("/volumes");
                let mut volume = list.get(n).cloned().unwrap_or_default();
                if let Some(fields) = volume.as_object_mut() {
                    fields.remove("job");
                }
                ("PUT", "/volumes/x".to_owned(), volume, false)
            }
            Call::Decommission(n, volume) => {
                let volume = self.id("/volumes", volume);
                let target = format!("/apps/{}/volumes/x/decommission", app(n));
                ("PUT", target, json!({ "id": volume }), true)
            }
            Call::Pass(_) => unreachable!("no request"),
        }
    }

    /// Reads the streams.
    fn listen(&mut self) {
        for (name, watcher) in &mut self.watchers {
            let frames = self.engine.next_frames(&mut watcher.cursor);
            assert!(!frames.end, "the stream of {name} ends");
            for line in std::str::from_utf8(&frames.bytes).unwrap().lines() {
                let data = line.strip_prefix("data: ");
                assert!(data.is_some() || line.is_empty() || line == ":", "{name}: {line}");
                watcher.seen.extend(data.map(|data| serde_json::from_str::<Value>(data).unwrap()));
            }
        }
    }

    /// Returns the last document of each object in a stream.
    fn last(&self, name: &str, key: impl Fn(&Value) -> String) -> BTreeMap<String, Value> {
        let seen = self.watchers.get(name).map(|watcher| watcher.seen.as_slice());
        seen.unwrap_or_default().iter().map(|doc| (key(doc), doc.clone())).collect()
    }

    fn agree(&mut self) {
        let key = |f: &Value| format!("{}:{}", f["app"]["id"], f["release"]["id"]);
        let formations = self.last("formations", key);
        for formation in self.list("/formations?active=true") {
            let last = formations.get(&key(&formation));
            assert_eq!(last.map(|f| &f["processes"]), Some(&formation["processes"]), "{formation}");
        }
        let id = |object: &Value| object["id"].as_str().unwrap_or_default().to_owned();
        let mut sinks = self.last("sinks", id);
        sinks.retain(|id, sink| !id.is_empty() && !sink["config"].is_null());
        let listed: BTreeMap<_, _> =
            self.list("/sinks").into_iter().map(|sink| (id(&sink), sink)).collect();
        assert_eq!(sinks, listed);
        let volumes = self.last("volumes", id);
        for volume in self.list("/volumes") {
            let last = volumes.get(&id(&volume));
            assert_eq!(last.map(|v| &v["updated_at"]), Some(&volume["updated_at"]), "{volume}");
        }
    }
}

fn request(method: Method, target: &str) -> Request {
    Request::new(method, target).header(AUTHORIZATION, HeaderValue::from_static("Basic Oms="))
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn streams_of_objects_agree_with_the_lists(
        calls in prop::collection::vec(call(), 1..40),
        old in any::<bool>(),
        timed in any::<bool>(),
    ) {
        let age = if old { ServerAge::V2016 } else { ServerAge::V2021 };
        let mut world = World::new(age, if timed { Pace::Timed } else { Pace::AtOnce });
        for call in calls {
            world.perform(call);
            world.listen();
        }
        // Long enough for everything that ends by itself.
        for _ in 0..2_000 {
            if !world.engine.step() {
                break;
            }
            world.listen();
        }
        world.listen();
        world.agree();
    }
}
