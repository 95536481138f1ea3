//! The calls of the control API.

use std::net::TcpStream;

use flynn_mock::control::{Control, Journal, OPENAPI};
use flynn_mock::{AppSeed, Builder, MockController, ServerAge};
use serde_json::{Value, json};

use crate::http::{self, Answer};

/// A mock with its control API, and clients of both.
struct Driver(Control);

impl Driver {
    fn start() -> Self {
        Self::on(MockController::builder())
    }

    fn on(builder: Builder) -> Self {
        let www = AppSeed::new("www").env("GREETING", "hello").process("web", 1);
        let mock = builder.app(www).key("the-key").start_blocking();
        Self(Control::start(mock, ([127, 0, 0, 1], 0).into()).unwrap())
    }

    fn send(&self, method: &str, target: &str, body: &str) -> Answer {
        let token = format!("Bearer {}", self.0.token());
        http::send(self.0.addr(), method, target, &token, body).unwrap()
    }

    /// Makes a call that must succeed.
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!(..)")]
    fn call(&self, method: &str, target: &str, body: Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.send(method, target, &body);
        assert!(answer.status < 300, "{method} {target}: {} {}", answer.status, answer.json());
        answer.json()
    }

    /// Makes a call that must fail. Returns its status and message.
    fn refused(&self, method: &str, target: &str, body: &str) -> (u16, String) {
        let answer = self.send(method, target, body);
        let message = answer.json()["error"].as_str().unwrap().to_owned();
        (answer.status, message)
    }

    /// Makes a call to the cluster. Returns its status, or `None` if the connection breaks.
    fn cluster(&self, method: &str, target: &str, body: &str) -> Option<u16> {
        // `:the-key`
        let answer = http::send(self.0.mock().addr(), method, target, "Basic OnRoZS1rZXk=", body);
        answer.ok().map(|answer| answer.status)
    }
}

#[test]
fn every_call_needs_the_token() {
    let driver = Driver::start();
    let status = |target: &str, authorization: &str| {
        http::send(driver.0.addr(), "GET", target, authorization, "").unwrap().status
    };
    let token = driver.0.token();
    assert_eq!(token.len(), 64);
    for authorization in ["", "Bearer", "Bearer ", "Bearer x", &format!("Basic {token}"), token] {
        assert_eq!(status("/cluster", authorization), 401, "{authorization}");
        assert_eq!(status("/no", authorization), 401, "{authorization}");
    }
    assert_eq!(status("/cluster", &format!("bearer {token}")), 200);
    assert_eq!((status("/health", ""), status("/openapi.json", "")), (200, 200));
    let another = Driver::start();
    assert_ne!(another.0.token(), token);
    assert!(!format!("{:?}", driver.0).contains(token));
}

#[test]
fn the_api_is_for_this_machine_alone() {
    let mock = MockController::builder().start_blocking();
    let error = Control::start(mock, ([0, 0, 0, 0], 0).into()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("loopback"), "{error}");
}

#[test]
fn wrong_calls_say_what_is_wrong() {
    let driver = Driver::start();
    for (method, target, body, status, says) in [
        ("GET", "/no", "", 404, "/no"),
        ("GET", "/faults/", "", 404, "/faults/"),
        ("PATCH", "/faults", "", 405, "PATCH"),
        ("POST", "/faults", "{", 400, "line 1"),
        ("POST", "/faults", "{}", 400, "missing field `fault`"),
        ("POST", "/faults", r#"{"fault":{"kind":"no"}}"#, 400, "unknown variant `no`"),
        ("POST", "/faults", r#"{"fault":{"kind":"delay"},"no":1}"#, 400, "unknown field `no`"),
        ("POST", "/faults", r#"{"fault":{"kind":"status","status":99}}"#, 400, "99"),
        ("POST", "/faults", r#"{"fault":{"kind":"status","status":404,"retry":true}}"#, 400, "404"),
        ("POST", "/faults", r#"{"op":"No","fault":{"kind":"delay"}}"#, 400, "AppList"),
        (
            "POST",
            "/faults",
            r#"{"op":"AppGet","fault":{"kind":"error_frame","text":"x"}}"#,
            400,
            "AppGet has no stream",
        ),
        (
            "POST",
            "/faults",
            r#"{"times":1,"until_lifted":true,"fault":{"kind":"delay"}}"#,
            400,
            "not both",
        ),
        ("GET", "/faults/7", "", 404, "7"),
        ("DELETE", "/faults/x", "", 404, "x"),
        ("GET", "/requests?op=No", "", 400, "No"),
        ("GET", "/requests?no=1", "", 400, "unknown field `no`"),
        ("GET", "/requests?min=1&timeout_ms=1&op=AppList", "", 408, "0 of 1"),
        ("GET", "/state/apps/nosuch", "", 404, "/apps/nosuch"),
        ("POST", "/clock/advance", "{}", 400, "either"),
        ("POST", "/clock/advance", r#"{"seconds":-1}"#, 400, "-1"),
        ("POST", "/clock/advance", r#"{"to":"noon"}"#, 400, "noon"),
        ("PUT", "/clock/pace", r#"{"pace":"fast"}"#, 400, "fast"),
        ("PUT", "/cluster/services/nosuch", r#"{"healthy":false}"#, 404, "postgres"),
        ("PUT", "/cluster/hosts/nosuch", r#"{"reachable":false}"#, 404, "host1"),
        ("POST", "/tokens", r#"{"scope":"*"}"#, 400, "unknown field `scope`"),
        ("PUT", "/certificates/a.test", r#"{"status":"issued"}"#, 404, "a.test"),
        ("PUT", "/certificates/a.test", r#"{"status":"failed"}"#, 400, "reason"),
        ("PUT", "/certificates/a.test", r#"{"status":"issued","cert":"x"}"#, 400, "key"),
        ("PUT", "/certificates/a.test", r#"{"status":"issued","no":1}"#, 400, "unknown field `no`"),
        ("POST", "/apps/nosuch/log", r#"{"line":"x"}"#, 404, "nosuch"),
        ("POST", "/seed", r#"{"apps":[{"name":"www"}]}"#, 409, "www"),
        ("POST", "/seed", r#"{"apps":[{"nam":"www"}]}"#, 400, "unknown field `nam`"),
    ] {
        let (got, message) = driver.refused(method, target, body);
        assert_eq!(got, status, "{method} {target} {body}: {message}");
        assert!(message.contains(says), "{method} {target} {body}: {message}");
    }
    let allow = driver.send("PATCH", "/faults", "").headers;
    assert!(allow.contains("allow: get, post, delete"), "{allow}");
    let too_large = driver.refused("POST", "/seed", &" ".repeat((8 << 20) + 1));
    assert_eq!(too_large.0, 413);
}

/// Each example of the `OpenAPI` document is accepted, and the answer has the fields of its schema.
#[test]
fn the_document_is_true() {
    let driver = Driver::start();
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let resolve = |schema: &Value| match schema["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).unwrap().clone(),
        None => schema.clone(),
    };
    let fill = |path: &str| {
        path.replace("{service}", "postgres")
            .replace("{host}", "host1")
            .replace("{id}", "0")
            .replace("{path}", "apps")
            .replace("{app}", "www")
            .replace("{name}", "first")
    };
    // Calls that others depend on come first, and destructive calls last.
    let first = ["setFault", "takeSnapshot"];
    let last = ["liftFault", "liftFaults", "removeSnapshot", "reset"];
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let id = call["operationId"].as_str().unwrap();
            let rank = match last.iter().position(|last| *last == id) {
                Some(position) => position + 2,
                None => usize::from(!first.contains(&id)),
            };
            calls.push((rank, path, method.to_uppercase(), call));
        }
    }
    calls.sort_by_key(|(rank, ..)| *rank);
    for (_, path, method, call) in calls {
        let example = &call["requestBody"]["content"]["application/json"]["example"];
        let body = if example.is_null() { String::new() } else { example.to_string() };
        let answer = driver.send(&method, &fill(path), &body);
        let documented = &call["responses"][answer.status.to_string()];
        assert!(documented.is_object(), "{method} {path}: {} {}", answer.status, answer.json());
        let schema = resolve(&documented["content"]["application/json"]["schema"]);
        let Some(properties) = schema["properties"].as_object() else { continue };
        let answer = answer.json();
        let given: Vec<_> = answer.as_object().unwrap().keys().collect();
        let expected: Vec<_> = properties.keys().collect();
        let (mut given, mut expected) = (given, expected);
        given.sort();
        expected.sort();
        assert_eq!(given, expected, "{method} {path}");
    }
}

#[test]
fn faults_strike_by_operation_path_count_and_skip() {
    let driver = Driver::start();
    let fault = json!({"op": "AppGet", "path": "/apps/www", "skip": 1, "times": 2,
                       "fault": {"kind": "status", "status": 503, "retry_after": 7}});
    let id = driver.call("POST", "/faults", fault)["id"].as_u64().unwrap();
    let get = |target| driver.cluster("GET", target, "");
    assert_eq!(get("/apps"), Some(200));
    assert_eq!(get("/apps/nosuch"), Some(404));
    let got: Vec<_> = (0..4).map(|_| get("/apps/www").unwrap()).collect();
    assert_eq!(got, [200, 503, 503, 200]);
    let fault = driver.call("GET", &format!("/faults/{id}"), Value::Null);
    assert_eq!((&fault["hits"], &fault["left"], &fault["skip"]), (&json!(2), &json!(0), &json!(0)));
    assert_eq!(fault["fault"], "status 503");

    driver.call("POST", "/faults", json!({"until_lifted": true, "fault": {"kind": "drop_after"}}));
    assert_eq!((get("/apps"), get("/ping")), (None, None));
    let faults = driver.call("GET", "/faults", Value::Null)["faults"].as_array().unwrap().clone();
    assert_eq!(faults.len(), 2);
    assert_eq!((&faults[1]["op"], &faults[1]["left"]), (&json!("Any"), &Value::Null));
    driver.call("DELETE", "/faults", Value::Null);
    assert_eq!(get("/apps"), Some(200));

    let own =
        json!({"op": "AppList", "fault": {"kind": "answer", "status": 418, "body": {"a": 1}}});
    driver.call("POST", "/faults", own);
    assert_eq!(get("/apps"), Some(418));
}

#[test]
fn requests_are_found_and_waited_for() {
    let driver = Driver::start();
    driver.cluster("GET", "/apps", "");
    driver.cluster("POST", "/apps", r#"{"name":"new"}"#);
    driver.cluster("GET", "/apps/www/release?x=1", "");
    let list = |query: &str| {
        let requests = driver.call("GET", &format!("/requests{query}"), Value::Null);
        let requests = requests["requests"].as_array().unwrap().clone();
        requests.iter().map(|request| request["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    for (query, numbers) in [
        ("", &[1, 2, 3][..]),
        ("?op=AppList", &[1]),
        ("?method=post", &[2]),
        ("?path=/apps", &[1, 2]),
        ("?path_prefix=/apps/w", &[3]),
        ("?after=1&limit=1", &[3]),
        ("?after=18446744073709551615", &[]),
        ("?host=elsewhere", &[]),
        ("?op=AppCreate&min=1", &[2]),
    ] {
        assert_eq!(list(query), numbers, "{query}");
    }
    let requests = driver.call("GET", "/requests?op=AppCreate", Value::Null);
    let request = &requests["requests"][0];
    assert_eq!(request["json"], json!({"name": "new"}));
    assert_eq!(request["headers"]["authorization"], "Basic OnRoZS1rZXk=");
    // The awaited request arrives while the call waits.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| list("?op=AppDelete&min=2"));
        driver.cluster("DELETE", "/apps/new", "");
        driver.cluster("DELETE", "/apps/www", "");
        assert_eq!(waiting.join().unwrap(), [4, 5]);
    });
    driver.call("DELETE", "/requests", Value::Null);
    assert_eq!(list(""), [] as [u64; 0]);
    driver.cluster("GET", "/apps", "");
    assert_eq!(list("?after=5"), [6], "numbers go on");
}

#[test]
fn the_clock_and_the_pace() {
    let start = "2026-01-01T00:00:00Z".parse().unwrap();
    let driver = Driver::on(MockController::builder().clock(start));
    let clock = driver.call("GET", "/clock", Value::Null);
    assert_eq!((&clock["driven"], &clock["pace"]), (&json!(true), &json!("at-once")));
    driver.call("PUT", "/clock/pace", json!({"pace": "by-hand"}));
    let release = driver.call("GET", "/state/apps/www/release", Value::Null);
    let scale = json!({"processes": {"web": 2}}).to_string();
    let formation = format!("/apps/www/formations/{}", release["id"].as_str().unwrap());
    assert_eq!(driver.cluster("PUT", &formation, &scale), Some(200));
    let up = || {
        let jobs = driver.call("GET", "/state/apps/www/jobs", Value::Null);
        jobs.as_array().unwrap().iter().filter(|job| job["state"] == "up").count()
    };
    assert_eq!(up(), 1);
    let mut steps = 0;
    while driver.call("POST", "/clock/step", Value::Null)["stepped"] == true {
        steps += 1;
    }
    assert!(steps > 0);
    assert_eq!(up(), 2);
    let scale = scale.replace('2', "3");
    driver.cluster("PUT", &formation, &scale);
    driver.call("POST", "/clock/run-to-end", Value::Null);
    assert_eq!(up(), 3);
    let clock = driver.call("POST", "/clock/advance", json!({"to": "2026-02-01T00:00:00Z"}));
    assert_eq!(clock["now"], "2026-02-01T00:00:00Z");
    let clock = driver.call("POST", "/clock/advance", json!({"seconds": 1.5}));
    assert_eq!(clock["now"], "2026-02-01T00:00:01.5Z");
}

/// A mock on the machine's clock runs by itself after its pace has been set.
#[test]
fn a_mock_can_start_to_live() {
    let driver = Driver::on(MockController::builder().pace(flynn_mock::Pace::ByHand));
    driver.call("POST", "/clock/run-to-end", Value::Null);
    driver.call("PUT", "/clock/pace", json!({"pace": "timed"}));
    let seed = json!({"apps": [{"name": "b", "release": {"processes": {"web": {"count": 1}}}}]});
    driver.call("POST", "/seed", seed);
    let release = driver.call("GET", "/state/apps/b/release", Value::Null);
    let formation = format!("/apps/b/formations/{}", release["id"].as_str().unwrap());
    driver.cluster("PUT", &formation, r#"{"processes":{"web":2}}"#);
    let up = || {
        let jobs = driver.call("GET", "/state/apps/b/jobs", Value::Null);
        jobs.as_array().unwrap().iter().filter(|job| job["state"] == "up").count()
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while up() < 2 {
        assert!(std::time::Instant::now() < until, "the second job does not come up");
    }
}

#[test]
fn a_mock_is_shut_down_and_restarted() {
    let driver = Driver::start();
    let address = driver.0.mock().addr();
    let open = TcpStream::connect(address).unwrap();
    driver.call("POST", "/shut-down", Value::Null);
    assert!(TcpStream::connect(address).is_err());
    let mut open = open;
    assert_eq!(std::io::Read::read(&mut open, &mut [0]).unwrap_or(0), 0, "a connection is open");
    driver.call("POST", "/shut-down", Value::Null);
    driver.call("POST", "/restart", Value::Null);
    assert_eq!(driver.cluster("GET", "/apps/www", ""), Some(200));
    driver.call("POST", "/restart", Value::Null);
    // Another program can use the port meanwhile.
    driver.call("POST", "/shut-down", Value::Null);
    let _taken = std::net::TcpListener::bind(address).unwrap();
    assert_eq!(driver.refused("POST", "/restart", "").0, 409);
}

#[test]
fn the_fork_is_driven() {
    let driver = Driver::on(MockController::builder().server(ServerAge::Fork2026June));
    let with_token = |token: &Value, target: &str| {
        let authorization = format!("Bearer {}", token["token"].as_str().unwrap());
        http::send(driver.0.mock().addr(), "GET", target, &authorization, "").unwrap().status
    };
    let app = driver.call("GET", "/state/apps/www", Value::Null)["id"].as_str().unwrap().to_owned();
    let path = format!("/apps/{app}");
    let reader = driver.call("POST", "/tokens", json!({"grants": {&app: ["app:read"]}}));
    assert_eq!((with_token(&reader, &path), with_token(&reader, "/hosts")), (200, 403));
    let admin = driver.call("POST", "/tokens", json!({"scopes": ["cluster:admin"]}));
    assert_eq!(with_token(&admin, "/hosts"), 200);

    let config = r#"{"enabled":true,"contact_email":"a@b.test","terms_of_service_agreed":true}"#;
    assert_eq!(driver.cluster("PUT", "/acme/config", config), Some(200));
    let route = r#"{"type":"http","service":"www-web","domain":"a.test","drain_backends":true,"managed_certificate_domain":"a.test"}"#;
    assert_eq!(driver.cluster("POST", "/apps/www/routes", route), Some(200));
    let status = || {
        let list = driver.call("GET", "/state/managed-certificates", Value::Null);
        list[0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(), "pending");
    driver.call("PUT", "/certificates/a.test", json!({"status": "failed", "reason": "no DNS"}));
    assert_eq!(status(), "failed");
    driver.call("PUT", "/certificates/a.test", json!({"status": "issued"}));
    assert_eq!(status(), "issued");
    let own = flynn_tls::generate::bootstrap("a.test").unwrap().leaf;
    let (cert, key) = (own.certificate_pem(), own.key_pem());
    let renewed = json!({"status": "issued", "cert": &*cert, "key": &*key});
    driver.call("PUT", "/certificates/a.test", renewed);
    let route = &driver.call("GET", "/state/apps/www/routes", Value::Null)[0];
    assert_eq!(route["certificate"]["cert"].as_str().unwrap().trim(), cert.trim());

    driver.call("PUT", "/cluster/hosts/host1", json!({"reachable": false}));
    assert_eq!(driver.cluster("GET", "/hosts/host1/stats", ""), Some(500));
}

#[test]
fn the_cluster_is_described_and_changed() {
    let driver = Driver::start();
    let cluster = driver.call("GET", "/cluster", Value::Null);
    assert_eq!(cluster["key"], "the-key");
    let add = cluster["cluster_add"].as_str().unwrap();
    assert!(
        add.starts_with("flynn cluster add --no-git -p ") && add.ends_with(" the-key"),
        "{add}"
    );
    assert_eq!(cluster["hosts"][0], "controller.example.com");
    assert!(cluster["ca_cert"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    driver.call("PUT", "/cluster/services/postgres", json!({"healthy": false}));
    driver.call("POST", "/apps/www/log", json!({"line": "hello \u{1F44B}"}));
    let log = http::send(
        driver.0.mock().addr(),
        "GET",
        "/apps/www/log?lines=1",
        "Basic OnRoZS1rZXk=",
        "",
    );
    let log = String::from_utf8(log.unwrap().body).unwrap();
    assert!(log.contains("hello \u{1F44B}"), "{log}");
    let before = driver.call("GET", "/requests", Value::Null);
    assert_eq!(before["requests"].as_array().unwrap().len(), 1, "only the log was asked for");
    let events = driver.call("GET", "/state/events?object_types=app", Value::Null);
    assert!(!events.as_array().unwrap().is_empty());
}

#[test]
fn snapshots_bring_a_state_back() {
    let driver = Driver::start();
    driver.cluster("POST", "/apps", r#"{"name":"first"}"#);
    driver.call("PUT", "/snapshots/with-first", Value::Null);
    driver.cluster("DELETE", "/apps/first", "");
    driver.cluster("POST", "/apps", r#"{"name":"second"}"#);
    let apps = || {
        let apps = driver.call("GET", "/state/apps", Value::Null);
        let names = apps.as_array().unwrap().iter().map(|app| app["name"].as_str().unwrap());
        let own = ["www", "first", "second"];
        own.map(|own| names.clone().any(|name| name == own))
    };
    assert_eq!(apps(), [true, false, true]);
    let names = driver.call("GET", "/snapshots", Value::Null);
    assert_eq!(names, json!({"snapshots": ["with-first"]}));
    for _ in 0..2 {
        driver.call("POST", "/snapshots/with-first/restore", Value::Null);
        assert_eq!(apps(), [true, true, false]);
        // The cluster continues from there.
        assert_eq!(driver.cluster("POST", "/apps", r#"{"name":"second"}"#), Some(200));
        assert_eq!(apps(), [true, true, true]);
    }
    driver.call("DELETE", "/snapshots/with-first", Value::Null);
    for (method, path) in [("DELETE", "/snapshots/no"), ("POST", "/snapshots/with-first/restore")] {
        assert_eq!(driver.refused(method, path, "").0, 404);
    }
    let cluster = driver.call("GET", "/cluster", Value::Null);
    let fault = json!({"until_lifted": true, "fault": {"kind": "drop_before"}});
    driver.call("POST", "/faults", fault);
    driver.call("POST", "/shut-down", Value::Null);
    driver.call("POST", "/reset", Value::Null);
    assert_eq!(apps(), [true, false, false]);
    assert_eq!(driver.call("GET", "/requests", Value::Null)["requests"], json!([]));
    assert_eq!(driver.cluster("GET", "/apps/www", ""), Some(200));
    assert_eq!(driver.call("GET", "/cluster", Value::Null), cluster, "key and pin stay");
}

#[test]
fn the_journal_has_a_line_for_each_request_that_is_forgotten_too() {
    let driver = Driver::on(MockController::builder().request_memory(0));
    let path = std::env::temp_dir().join(format!("flynn-mock-journal-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let journal = Journal::open(&path, &driver.0).unwrap();
    driver.cluster("GET", "/apps/www?%6bey=hunter2", "");
    driver.cluster("POST", "/releases", r#"{"env":{"":"hunter2"}}"#);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let text = loop {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.lines().count() == 2 {
            break text;
        }
        assert!(std::time::Instant::now() < until, "{text}");
        std::thread::yield_now();
    };
    drop(journal);
    std::fs::remove_file(&path).unwrap();
    assert!(text.contains("empty key") && !text.contains("hunter2"), "{text}");
}

/// An open stream ends, as when the controller restarts, so that the client reads everything again.
#[test]
fn restoring_ends_streams() {
    let driver = Driver::start();
    driver.call("PUT", "/snapshots/a", Value::Null);
    let mut stream = TcpStream::connect(driver.0.mock().addr()).unwrap();
    let request = "GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\
                   Authorization: Basic OnRoZS1rZXk=\r\n\r\n";
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    driver.call("GET", "/requests?op=EventList&min=1", Value::Null);
    driver.call("POST", "/snapshots/a/restore", Value::Null);
    let mut text = String::new();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !text.contains("event: error") {
        let mut bytes = [0; 4096];
        let read = std::io::Read::read(&mut stream, &mut bytes).unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        assert!(read > 0 && std::time::Instant::now() < until, "{text}");
    }
}
