//! Tests of the engine as a whole.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::api::answer::Answer;
use crate::api::streams::{Cursor, Frames, next_frames};
use crate::calls;
use crate::dialect::ServerAge;
use crate::life::{Engine, Options, Pace};
use crate::wire::Request;

mod backup;
mod fork;
mod handed;
mod identity;
mod jobs;
mod layers;
mod life;
mod logs;
mod object_streams;
mod property;
mod resources;
mod sinks;
mod streams;
mod validation;
mod volumes;

/// Asks the engine without a server.
pub(crate) trait Ask {
    fn handle(&mut self, request: &Request) -> Answer;
    fn read(&mut self, target: &str) -> Option<Value>;
    fn next_frames(&mut self, cursor: &mut Cursor) -> Frames;
}

impl Ask for Engine {
    fn handle(&mut self, request: &Request) -> Answer {
        calls::handle(self, request)
    }

    fn read(&mut self, target: &str) -> Option<Value> {
        calls::read(self, target)
    }

    fn next_frames(&mut self, cursor: &mut Cursor) -> Frames {
        next_frames(self, cursor)
    }
}

/// Returns a bootstrapped engine.
pub(crate) fn engine(age: ServerAge, pace: Pace) -> Engine {
    let mut options = Options::new(age, "example.com");
    options.pace = pace;
    options.key = Some("key".to_owned());
    options.start = "2026-11-22T21:00:00Z".parse().unwrap();
    Engine::new(options)
}

/// Sends a request with the key. Returns the status and the body.
pub(crate) fn send(engine: &mut Engine, method: Method, target: &str, body: &str) -> (u16, Value) {
    let mut request = Request::new(method, target).json(body.to_owned());
    for (name, value) in [("authorization", "Basic OmtleQ=="), ("accept", "application/json")] {
        request.headers.insert(name, value.parse().unwrap());
    }
    let answer = engine.handle(&request);
    (answer.status.as_u16(), serde_json::from_slice(answer.bytes()).unwrap_or(Value::Null))
}

/// Sends a request that must succeed.
pub(crate) fn ok(engine: &mut Engine, method: Method, target: &str, body: &Value) -> Value {
    let (status, reply) = send(engine, method, target, &body.to_string());
    assert_eq!(status, 200, "{target}: {reply}");
    reply
}

/// Lets this much time pass.
pub(crate) fn pass(engine: &mut Engine, time: SignedDuration) {
    let then = engine.now().checked_add(time).unwrap();
    engine.advance(then);
}

/// Returns an app with a release that has a web and a worker process, deployed and scaled.
pub(crate) fn running_app(engine: &mut Engine, name: &str) -> (String, String) {
    let app = ok(engine, Method::POST, "/apps", &json!({ "name": name }));
    let app = app["id"].as_str().unwrap().to_owned();
    let release = add_release(engine, &app, &json!({ "V": "1" }));
    ok(engine, Method::POST, &format!("/apps/{name}/deploy"), &json!({ "id": release }));
    let target = format!("/apps/{name}/formations/{release}");
    ok(engine, Method::PUT, &target, &json!({ "processes": { "web": 2, "worker": 1 } }));
    pass(engine, SignedDuration::from_secs(1));
    (app, release)
}

/// Returns a release of the app with this env.
pub(crate) fn add_release(engine: &mut Engine, app: &str, env: &Value) -> String {
    let artifact = match engine.options.age {
        ServerAge::V2016 => json!({ "type": "docker", "uri": "https://images.example.com/a" }),
        _ => json!({
            "type": "flynn", "uri": "https://images.example.com/a", "manifest": {},
        }),
    };
    let artifact = ok(engine, Method::POST, "/artifacts", &artifact);
    let release = json!({
        "app_id": app,
        "artifacts": [artifact["id"]],
        "env": env,
        "processes": { "web": { "args": ["/bin/web"] }, "worker": { "args": ["/bin/worker"] } },
    });
    let release = ok(engine, Method::POST, "/releases", &release);
    release["id"].as_str().unwrap().to_owned()
}
