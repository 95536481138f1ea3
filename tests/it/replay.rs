//! Tests the replay program: a recording of a mock matches another mock, and every change of the recording is found.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use flynn_mock::{MockController, ServerAge};
use flynn_tests::replay::Outcome;
use flynn_tests::replay::wire::Connection;
use serde_json::{Value, json};

/// Exchanges with a mock, in the format that the replay reads.
struct Recorder {
    mock: MockController,
    lines: Vec<Value>,
}

impl Recorder {
    fn new(age: ServerAge) -> Self {
        let key = "0123456789abcdef0123456789abcdef";
        let mock = MockController::builder()
            .server(age)
            .seed(1)
            .key(key)
            .bootstrapped("r.test")
            .start_blocking();
        Self { mock, lines: Vec::new() }
    }

    fn call(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let credentials =
            base64::engine::general_purpose::STANDARD.encode(format!(":{}", self.mock.key()));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: controller.r.test\r\nAuthorization: Basic \
             {credentials}\r\nAccept: application/json\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = Connection::send(self.mock.addr(), &request).unwrap();
        assert!(connection.wait(Duration::from_secs(60), |reply| reply.ended).unwrap());
        let reply = connection.reply().unwrap();
        let framing =
            if reply.is_chunked() { "transfer-encoding: chunked" } else { "content-length" };
        self.lines.push(json!({
            "seq": self.lines.len() + 1,
            "time": self.mock.now().to_string(),
            "tls": false,
            "host": "controller.r.test",
            "proto": "HTTP/1.1",
            "method": method,
            "path": path,
            "request_headers": {
                "Accept": "application/json",
                "Authorization": "Basic(user=\"\" password_len=32)",
                "Content-Length": body.len().to_string(),
                "Content-Type": "application/json",
            },
            "request_body": body,
            "status": reply.status,
            "response_headers": reply.headers,
            "response_framing": framing,
            "response_body": reply.text(),
            "closed": "eof",
            "duration_ms": 0,
        }));
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }

    /// Records some exchanges with every kind of value that the server chooses.
    fn session(&mut self) {
        self.call("GET", "/apps", &Value::Null);
        self.call("POST", "/apps", &json!({}));
        let app = self.call("POST", "/apps", &json!({"name": "www"}));
        let release = json!({"app_id": app["id"], "env": {"A": "1"}, "processes": {"web": {}}});
        let release = self.call("POST", "/releases", &release);
        self.call("POST", "/apps/www/deploy", &json!({"id": release["id"]}));
        self.call("GET", "/apps/www", &Value::Null);
        self.call("GET", "/apps/www/routes", &Value::Null);
        self.call("GET", "/apps/controller/release", &Value::Null);
        self.call("GET", "/apps/nosuch", &Value::Null);
        self.call("GET", "/events?count=2", &Value::Null);
        self.call("GET", "/ca-cert", &Value::Null);
    }
}

/// Replays these lines.
fn replay(lines: &[Value], year: &str) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join(year).join("run");
    std::fs::create_dir_all(&run).unwrap();
    write(&run.join("01-session.jsonl"), lines);
    let mut outcomes = flynn_tests::replay::replay(dir.path()).unwrap();
    assert_eq!(outcomes[0].path, format!("{year}/run/01-session.jsonl"));
    outcomes.remove(0)
}

fn write(path: &Path, lines: &[Value]) {
    let text = lines.iter().fold(String::new(), |text, line| text + &line.to_string() + "\n");
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_mock_matches_what_another_one_recorded() {
    for (age, year) in [(ServerAge::V2016, "2016"), (ServerAge::V2021, "2021")] {
        let mut recorder = Recorder::new(age);
        recorder.session();
        let outcome = replay(&recorder.lines, year);
        assert_eq!(outcome.matching(), outcome.total, "{:#?}", outcome.differing);
        assert_eq!(outcome.total, recorder.lines.len());
    }
}

type Change = fn(&mut Value);

#[test]
fn every_change_of_a_recording_is_found() {
    let mut recorder = Recorder::new(ServerAge::V2021);
    recorder.session();
    let last = |lines: &mut [Value], part: &str, change: &dyn Fn(&mut Value)| {
        let has = |line: &&mut Value| line["response_body"].as_str().unwrap().contains(part);
        change(lines.iter_mut().rfind(has).unwrap_or_else(|| panic!("no {part}")));
    };
    for (old, new) in [
        ("all-at-once", "one-by-one"),
        ("\"deploy_timeout\":120", "\"deploy_timeout\":121"),
        ("www-web", "www-other"),
        ("\"meta\":{", "\"metal\":{"),
        ("-----END CERTIFICATE-----\n", "-----END CERTIFICATE-----"),
        ("apps/", "app/"),
        (
            "\"name\":\"www\",\"meta\":{\"gc.max_inactive_slug_releases\":\"10\"}",
            "\"meta\":{\"gc.max_inactive_slug_releases\":\"10\"},\"name\":\"www\"",
        ),
    ] {
        let mut lines = recorder.lines.clone();
        last(&mut lines, old, &|line| {
            line["response_body"] =
                json!(line["response_body"].as_str().unwrap().replace(old, new));
        });
        let outcome = replay(&lines, "2021");
        assert!(outcome.matching() < outcome.total, "{old} -> {new} is not found");
    }
    let changes: [(&str, Change); 6] = [
        ("status", |line| line["status"] = json!(201)),
        ("another header", |line| line["response_headers"]["x-more"] = json!("1")),
        ("a missing header", |line| {
            line["response_headers"].as_object_mut().unwrap().remove("content-type");
        }),
        ("a second header of a name", |line| {
            line["response_headers"]["content-type"] = json!(["text/plain", "application/json"]);
        }),
        ("framing", |line| line["response_framing"] = json!("transfer-encoding: chunked")),
        ("who ends it", |line| line["closed"] = json!("client")),
    ];
    for (name, change) in changes {
        let mut lines = recorder.lines.clone();
        last(&mut lines, "\"name\":\"www\"", &change);
        let outcome = replay(&lines, "2021");
        assert!(outcome.matching() < outcome.total, "{name} is not found");
    }
}

#[test]
fn one_id_for_two_objects_is_found() {
    let mut recorder = Recorder::new(ServerAge::V2021);
    recorder.session();
    // The app answers with its release's id.
    let app = recorder.lines[2].clone();
    let body: Value = serde_json::from_str(app["response_body"].as_str().unwrap()).unwrap();
    let release: Value =
        serde_json::from_str(recorder.lines[3]["response_body"].as_str().unwrap()).unwrap();
    let (id, other) = (body["id"].as_str().unwrap(), release["id"].as_str().unwrap());
    let mut lines = recorder.lines.clone();
    let shown = lines[5]["response_body"].as_str().unwrap().replace(id, other);
    lines[5]["response_body"] = json!(shown);
    let outcome = replay(&lines, "2021");
    assert!(outcome.matching() < outcome.total);
}

#[test]
fn repetitions_count_once() {
    let mut recorder = Recorder::new(ServerAge::V2021);
    for _ in 0..5 {
        recorder.call("GET", "/apps/nosuch", &Value::Null);
    }
    recorder.call("GET", "/apps/controller", &Value::Null);
    let outcome = replay(&recorder.lines, "2021");
    assert_eq!((outcome.matching(), outcome.total), (2, 2), "{:#?}", outcome.differing);
}

#[test]
fn effects_of_missing_requests_are_read_from_events() {
    for (age, year) in [(ServerAge::V2016, "2016"), (ServerAge::V2021, "2021")] {
        let mut recorder = Recorder::new(age);
        recorder.call("GET", "/apps/controller", &Value::Null);
        recorder.call("GET", "/apps/nosuch", &Value::Null);
        let from = recorder.lines.len();
        let app = recorder.call("POST", "/apps", &json!({"name": "missed"}));
        let release = json!({"app_id": app["id"], "env": {"A": "1"}, "processes": {"web": {}}});
        let release = recorder.call("POST", "/releases", &release);
        recorder.call("POST", "/apps/missed/deploy", &json!({"id": release["id"]}));
        recorder.call("DELETE", "/apps/missed", &Value::Null);
        recorder.mock.advance(Duration::from_secs(10));
        let to = recorder.lines.len();
        recorder.call("GET", "/apps/missed", &Value::Null);
        recorder.call("GET", "/events?object_types=app,release&count=2", &Value::Null);
        recorder.call("GET", "/events?object_types=deployment", &Value::Null);
        let mut lines = recorder.lines.clone();
        lines.drain(from..to);
        let outcome = replay(&lines, year);
        assert_eq!(outcome.matching(), outcome.total, "{year} {:#?}", outcome.differing);
        assert_eq!(outcome.total, lines.len());
    }
}
