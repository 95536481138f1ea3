//! Random sequences of valid and invalid calls. Nothing panics, no call answers 500 unless the real controller does,
//! and the streams agree with the state.

mod calls;

use std::collections::{BTreeMap, BTreeSet};

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Method};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use self::calls::{Call, call};
use super::Ask as _;
use crate::api::answer::{Answer, Body};
use crate::api::streams::Cursor;
use crate::dialect::ServerAge;
use crate::life::{Engine, Options, Pace};
use crate::wire::Request;

/// An engine with its whole event stream open from the start.
struct World {
    engine: Engine,
    events: Cursor,
    seen: String,
}

impl World {
    fn new(age: ServerAge, pace: Pace) -> Self {
        let mut options = Options::new(age, "p.test");
        options.key = Some("k".to_owned());
        options.pace = pace;
        let mut engine = Engine::new(options);
        engine.run_to_end();
        let request = authorized(Request::new(Method::GET, "/events?past=true"))
            .header(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let Body::Stream(events) = engine.handle(&request).body else {
            panic!("no event stream");
        };
        Self { engine, events, seen: String::new() }
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let method = method.parse().unwrap();
        let answer =
            self.engine.handle(&authorized(Request::new(method, path).json(body.to_owned())));
        self.listen();
        answer
    }

    fn listen(&mut self) {
        loop {
            let frames = self.engine.next_frames(&mut self.events);
            assert!(!frames.end, "the event stream has ended");
            if frames.bytes.is_empty() {
                return;
            }
            self.seen.push_str(std::str::from_utf8(&frames.bytes).unwrap());
        }
    }

    fn list(&mut self, path: &str) -> Vec<Value> {
        let request = authorized(Request::new(Method::GET, path))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.engine.handle(&request);
        serde_json::from_slice(answer.bytes()).unwrap_or_default()
    }

    /// Returns the n-th of the user's apps, or a name that does not exist.
    fn app(&mut self, n: usize) -> String {
        let system = |app: &Value| app["meta"]["flynn-system-app"] == "true";
        let apps: Vec<_> = self.list("/apps").into_iter().filter(|app| !system(app)).collect();
        text(apps.get(n), "id").unwrap_or_else(|| "nosuch".to_owned())
    }

    /// Returns the n-th of an app's objects, or an id that does not exist.
    fn of_app(&mut self, app: &str, things: &str, n: usize) -> String {
        let list = match things {
            // The old server lists only apps with a formation.
            "releases" => self
                .list("/releases")
                .into_iter()
                .filter(|release| release.get("app_id").is_none_or(|of| of == app))
                .filter(|release| !release["env"]["V"].is_null())
                .collect(),
            _ => self.list(&format!("/apps/{app}/{things}")),
        };
        text(list.get(n), "id").unwrap_or_else(|| "00000000-0000-4000-8000-000000000000".to_owned())
    }

    /// Makes one call, and checks that it does not answer 500 unless it may.
    fn perform(&mut self, call: &Call) {
        let (method, path, body) = match call {
            Call::Pass(millis) => {
                let then = self.engine.now() + SignedDuration::from_millis(i64::from(*millis));
                self.engine.advance(then);
                self.listen();
                return;
            }
            // Deleting the controller's app deletes the key.
            Call::Garbage("DELETE", "/apps/controller", _) => return,
            Call::Garbage(method, path, body) => {
                self.send(method, path, body);
                return;
            }
            Call::Other(call, n) => {
                let (path, body, complete) = self.fill(*call, *n);
                if !complete || self.is_linked(call.0, &path) {
                    self.send(call.0, &path, &body);
                    return;
                }
                (call.0, path, body)
            }
            // The host refuses to stop a job that has ended.
            Call::KillJob(..) => {
                let (method, path, body) = self.request(call);
                self.send(method, &path, &body);
                return;
            }
            sound => self.request(sound),
        };
        let answer = self.send(method, &path, &body);
        let told = String::from_utf8_lossy(answer.bytes()).into_owned();
        assert_ne!(answer.status.as_u16(), 500, "{method} {path} {body}: {told}");
    }

    /// Returns whether the call links an app to a resource that it is linked to: the database takes no link twice.
    fn is_linked(&mut self, method: &str, path: &str) -> bool {
        let Some((resource, app)) = path.split_once("/apps/") else { return false };
        let linked = self.list(&format!("/apps/{app}/resources"));
        let is_it = |id: String| resource.ends_with(&format!("/resources/{id}"));
        method == "PUT" && linked.iter().any(|one| text(Some(one), "id").is_some_and(is_it))
    }

    /// Returns a call with ids instead of names, and whether there was one for each.
    fn fill(&mut self, call: (&str, &str, &str), n: usize) -> (String, String, bool) {
        let (mut path, mut body) = (call.1.to_owned(), call.2.to_owned());
        let mut complete = true;
        let app = self.app(n);
        let lists = [
            ("RELEASE", "/releases".to_owned()),
            ("DEPLOYMENT", format!("/apps/{app}/deployments")),
            ("JOB", format!("/apps/{app}/jobs")),
            ("ROUTE", format!("/apps/{app}/routes")),
            ("PROVIDER", "/providers".to_owned()),
            ("RESOURCE", "/resources".to_owned()),
            ("VOLUME", "/apps/postgres/volumes".to_owned()),
            ("SINK", "/sinks".to_owned()),
        ];
        for (name, list) in lists {
            if path.contains(name) {
                let id = text(self.list(&list).get(n), "id");
                complete &= id.is_some();
                let id = id.unwrap_or_else(|| "00000000-0000-4000-8000-000000000000".to_owned());
                (path, body) = (path.replace(name, &id), body.replace(name, &id));
            }
        }
        complete &= !path.contains("APP") || app != "nosuch";
        (path.replace("APP", &app), body, complete)
    }

    fn request(&mut self, call: &Call) -> (&'static str, String, String) {
        let (method, path, body) = match call {
            Call::CreateApp(None) => ("POST", "/apps".to_owned(), json!({})),
            Call::CreateApp(Some(n)) => {
                ("POST", "/apps".to_owned(), json!({"name": format!("app{n}")}))
            }
            Call::BadAppName(name) => ("POST", "/apps".to_owned(), json!({"name": name})),
            Call::UpdateApp(app, update) => {
                ("POST", format!("/apps/{}", self.app(*app)), update.clone())
            }
            Call::DeleteApp(app) => ("DELETE", format!("/apps/{}", self.app(*app)), Value::Null),
            Call::CreateRelease(app, v, crash) => {
                let mut body = json!({"env": {"V": v.to_string()},
                    "processes": {"web": {"args": ["/w"]}, "worker": {}}});
                if *crash {
                    body["env"]["CRASH"] = json!("true");
                }
                body["app_id"] = json!(self.app(*app));
                body["artifacts"] = json!([self.list("/artifacts")[0]["id"]]);
                // Without an app there is no release to create.
                let method = if body["app_id"] == "nosuch" { "GET" } else { "POST" };
                (method, "/releases".to_owned(), body)
            }
            Call::SetRelease(app, release) => {
                let app = self.app(*app);
                let body = json!({"id": self.of_app(&app, "releases", *release)});
                ("PUT", format!("/apps/{app}/release"), body)
            }
            Call::Deploy(app, release) => {
                let app = self.app(*app);
                let body = json!({"id": self.of_app(&app, "releases", *release)});
                ("POST", format!("/apps/{app}/deploy"), body)
            }
            Call::DeleteRelease(app, release) => {
                let app = self.app(*app);
                let release = self.of_app(&app, "releases", *release);
                ("DELETE", format!("/apps/{app}/releases/{release}"), Value::Null)
            }
            Call::Formation(app, release, kind, n) => {
                let app = self.app(*app);
                let release = self.of_app(&app, "releases", *release);
                let body = json!({"processes": {*kind: n}});
                ("PUT", format!("/apps/{app}/formations/{release}"), body)
            }
            Call::Scale(app, release, kind, n) => {
                let app = self.app(*app);
                let release = self.of_app(&app, "releases", *release);
                let body = json!({"state": "pending", "new_processes": {*kind: n}});
                ("PUT", format!("/apps/{app}/scale/{release}"), body)
            }
            Call::RunJob(app, release, command) => {
                let app = self.app(*app);
                let release = self.of_app(&app, "releases", *release);
                let args: Vec<_> = command.split(' ').collect();
                let body = json!({"release": release, "args": args});
                ("POST", format!("/apps/{app}/jobs"), body)
            }
            Call::KillJob(app, job) => {
                let app = self.app(*app);
                let job = self.of_app(&app, "jobs", *job);
                ("DELETE", format!("/apps/{app}/jobs/{job}"), Value::Null)
            }
            Call::CreateRoute(app, domain, path) => {
                let body = json!({"type": "http", "domain": format!("d{domain}.test"),
                    "service": "s", "path": path});
                ("POST", format!("/apps/{}/routes", self.app(*app)), body)
            }
            Call::DeleteRoute(app, route) => {
                let app = self.app(*app);
                let route = self.of_app(&app, "routes", *route);
                ("DELETE", format!("/apps/{app}/routes/http/{route}"), Value::Null)
            }
            Call::CollectGarbage(app) => {
                ("POST", format!("/apps/{}/gc", self.app(*app)), Value::Null)
            }
            Call::Provision(provider, app) => {
                let providers = self.list("/providers");
                let provider =
                    text(providers.get(*provider), "id").unwrap_or_else(|| "nosuch".to_owned());
                let app = self.app(*app);
                let apps = if app == "nosuch" { json!([]) } else { json!([app]) };
                let path = format!("/providers/{provider}/resources");
                ("POST", path, json!({"apps": apps, "config": {}}))
            }
            Call::Sink => {
                let body = json!({"kind": "syslog", "config": {"url": "syslog://h:514"}});
                ("POST", "/sinks".to_owned(), body)
            }
            Call::Read(path, app) => ("GET", path.replace("APP", &self.app(*app)), Value::Null),
            Call::Pass(_) | Call::Garbage(..) | Call::Other(..) => {
                unreachable!("performed elsewhere")
            }
        };
        (method, path, if body.is_null() { String::new() } else { body.to_string() })
    }

    /// Checks that the streamed events equal the listed ones and agree with the state.
    fn check(&mut self) {
        self.engine.run_to_end();
        // Steps that are due now are finished before the check.
        let now = self.engine.now();
        self.engine.advance(now);
        self.listen();
        let streamed: Vec<Value> = self
            .seen
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect();
        let mut listed = self.list("/events");
        listed.reverse();
        let differ = streamed.iter().zip(&listed).find(|(a, b)| a != b);
        assert_eq!(differ, None);
        assert_eq!(streamed.len(), listed.len());
        assert!(streamed.windows(2).all(|pair| pair[0]["id"].as_u64() < pair[1]["id"].as_u64()));

        let mut apps = BTreeSet::new();
        let mut jobs: BTreeMap<String, Value> = BTreeMap::new();
        for event in &streamed {
            let object = text(Some(event), "object_id").unwrap_or_default();
            match event["object_type"].as_str().unwrap_or_default() {
                "app" => drop(apps.insert(object)),
                "app_deletion" if event["data"]["error"] == "" => {
                    apps.remove(&object);
                }
                "job" => drop(jobs.insert(object, event["data"].clone())),
                _ => {}
            }
        }
        let now: BTreeSet<String> =
            self.list("/apps").iter().filter_map(|app| text(Some(app), "id")).collect();
        assert_eq!(apps, now);
        for app in now {
            for job in self.list(&format!("/apps/{app}/jobs")) {
                let uuid = text(Some(&job), "uuid").unwrap_or_default();
                let told = jobs.get(&uuid).unwrap_or_else(|| panic!("no event of job {uuid}"));
                assert_eq!(told["state"], job["state"], "job {uuid}");
            }
        }
    }
}

fn authorized(request: Request) -> Request {
    request.header(AUTHORIZATION, HeaderValue::from_static("Basic Oms="))
}

fn text(object: Option<&Value>, field: &str) -> Option<String> {
    object?.get(field)?.as_str().map(str::to_owned)
}

/// Returns a configuration with this number of cases, unless the environment sets one.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases),
        max_shrink_iters: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn any_calls_leave_a_cluster_that_agrees_with_itself(
        calls in prop::collection::vec(call(), 1..40),
        old in any::<bool>(),
        timed in any::<bool>(),
    ) {
        let age = if old { ServerAge::V2016 } else { ServerAge::V2021 };
        let pace = if timed { Pace::Timed } else { Pace::AtOnce };
        let mut world = World::new(age, pace);
        for call in &calls {
            world.perform(call);
        }
        world.check();
    }
}
