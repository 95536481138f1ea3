//! The order of keys in answers and streams: that of the real server's structs, of `jsonb` where the database stores a
//! document, or that of the request where it is sent back.

use flynn_mock::{MockController, ServerAge};
use http::Method;
use serde_json::json;

use crate::raw::{Events, call, get, post};

#[tokio::test]
async fn a_new_sink_is_answered_as_it_was_sent_and_stored_in_the_order_of_jsonb() {
    for age in [ServerAge::V2021, ServerAge::Fork2026June, ServerAge::Fork2026September] {
        let mock = MockController::builder().server(age).start().await;
        let mut events = Events::open(&mock, "/events?object_types=sink", None).await;
        let since = "/sinks?since=2020-01-01T00:00:00Z";
        let mut sinks = Events::open(&mock, since, None).await;
        assert_eq!(sinks.line().await.unwrap(), r#"data: {"id":"","kind":""}"#);

        let body = r#"{"kind": "syslog", "config": {"prefix": "p", "url": "syslog://a", "b": {"z": 1, "a": 2}}}"#;
        let made = call(&mock, Method::POST, "/sinks", body).await;
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let made = String::from_utf8(made.body.to_vec()).unwrap();
        let (_, times) = made.split_once(r#","created_at""#).unwrap();
        let sink = |config: &str| {
            format!(r#"{{"id":"{id}","kind":"syslog","config":{config},"created_at"{times}"#)
        };
        assert_eq!(made, sink(r#"{"prefix":"p","url":"syslog://a","b":{"z":1,"a":2}}"#));
        let stored = sink(r#"{"b":{"a":2,"z":1},"url":"syslog://a","prefix":"p"}"#);
        assert_eq!(get(&mock, &format!("/sinks/{id}")).await.body, stored);
        assert_eq!(sinks.line().await.unwrap(), format!("data: {stored}"));
        let event = events.line().await.unwrap();
        assert!(event.contains(&format!(r#""data":{stored},"created_at""#)), "{event}");
    }
}

#[tokio::test]
async fn the_data_of_events_has_short_keys_first() {
    let mock = MockController::builder().start().await;
    let mut events = Events::open(&mock, "/events?object_types=app", None).await;
    let meta = json!({"long": "", "b": "", "ab": ""});
    let app = post(&mock, "/apps", json!({"name": "www", "meta": meta})).await;
    let event = events.line().await.unwrap();
    let start = format!(r#""data":{{"id":{},"meta":{{"b":"","ab":"","long":"","#, app["id"]);
    assert!(event.contains(&start), "{event}");
    let order = ["name", "strategy", "created_at", "updated_at", "deploy_timeout"];
    let at = order.map(|key| event.find(&format!(r#""{key}":"#)));
    assert!(at.is_sorted() && at[0].is_some(), "{event}");
}

#[tokio::test]
async fn errors_have_the_order_of_the_real_server() {
    let mock = MockController::builder().start().await;
    post(&mock, "/apps", json!({"name": "www"})).await;
    let route =
        r#"{"type":"http","service":"<www>","domain":"www.example.com","drain_backends":true}"#;
    let refused = call(&mock, Method::POST, "/apps/www/routes", route).await;
    let text = String::from_utf8(refused.body.to_vec()).unwrap();
    let start =
        r#"{"code":"conflict","message":"Duplicate route","detail":{"type":"http","parent_ref":"#;
    assert!(text.starts_with(start) && text.ends_with(r#"},"retry":false}"#), "{text}");
    assert!(text.contains(r#""service":"\u003cwww\u003e""#), "{text}");
    let invalid = get(&mock, "/events?count=abc").await;
    assert_eq!(
        invalid.body,
        r#"{"code":"validation_error","message":"count is invalid","detail":{"field":"count"},"retry":false}"#
    );
}

#[tokio::test]
async fn a_stream_of_volumes_has_the_order_of_an_answer() {
    let app = flynn_mock::AppSeed::new("www").process("db", 1).process_data("db");
    let mock = MockController::builder().app(app).start().await;
    let mut volumes = Events::open(&mock, "/volumes?since=2020-01-01T00:00:00Z", None).await;
    let first = volumes.line().await.unwrap();
    let list = String::from_utf8(get(&mock, "/volumes").await.body.to_vec()).unwrap();
    assert!(list.contains(first.strip_prefix("data: ").unwrap()), "{first} is not in {list}");
    while let Some(line) = volumes.line().await {
        if line.contains(r#""id":"""#) {
            assert_eq!(line, r#"data: {"id":"","host_id":"","type":"","state":""}"#);
            break;
        }
    }
}

/// Asserts that these texts follow each other.
fn assert_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let found = rest.split_once(part);
        rest = found.unwrap_or_else(|| panic!("{part} is not where it belongs: {text}")).1;
    }
}

async fn text(mock: &MockController, path: &str) -> String {
    String::from_utf8(get(mock, path).await.body.to_vec()).unwrap()
}

#[tokio::test]
async fn releases_and_formations_have_the_order_of_the_real_server() {
    for (age, app_id, artifacts) in [
        (ServerAge::V2016, None, [r#""artifact":{"id":"#, r#""processes":{"web":2}"#]),
        (ServerAge::V2021, Some(r#""app_id":"#), [r#""artifacts":[{"id":"#, r#"}],"processes":"#]),
    ] {
        let builder = MockController::builder().server(age).bootstrapped("example.com");
        let mock = builder.start().await;
        let current = text(&mock, "/apps/blobstore/release").await;
        let end = [
            r#""artifacts":["#,
            r#""processes":{"web":{"#,
            r#""ports":[{"port":80,"proto":"tcp"}]"#,
            r#""service":"blobstore""#,
            r#""resources":{"cpu":{"request":1000,"limit":1000}"#,
            r#""created_at":"#,
            r#""artifact":"#,
        ];
        let release: Vec<&str> = [r#"{"id":"#].into_iter().chain(app_id).chain(end).collect();
        assert_order(&current, &release);

        let app = get(&mock, "/apps/blobstore").await.json();
        let path =
            format!("/apps/blobstore/formations/{}?expand=true", app["release"].as_str().unwrap());
        let expanded = text(&mock, &path).await;
        let mut formation = vec![r#"{"app":{"id":"#, r#""name":"#, r#""meta":"#];
        formation.extend([r#""release":"#, r#"},"release":{"id":"#]);
        formation.extend(&release[1..]);
        formation.extend(artifacts);
        formation.push(r#""updated_at":"#);
        assert_order(&expanded, &formation);
        assert!(text(&mock, "/formations?active=true").await.contains(&expanded));
        let mut stream = Events::open(&mock, "/formations?since=2020-01-01T00:00:00Z", None).await;
        let mut lines = Vec::new();
        while lines.last() != Some(&r#"data: {"updated_at":"0001-01-01T00:00:00Z"}"#.to_owned()) {
            lines.push(stream.line().await.unwrap());
        }
        assert!(lines.contains(&format!("data: {expanded}")), "{lines:#?}");
    }
}

#[tokio::test]
async fn a_new_artifact_is_answered_as_it_was_sent_and_stored_in_the_order_of_jsonb() {
    let mock = MockController::builder().start().await;
    let artifact = |manifest: &str| {
        format!(r#""type":"flynn","uri":"https://a.test/i.json","manifest":{manifest},"size":1"#)
    };
    let sent =
        artifact(r#"{"rootfs":[{"platform":{"os":"linux","a":""},"layers":[]}],"_type":"x"}"#);
    let stored =
        artifact(r#"{"_type":"x","rootfs":[{"layers":[],"platform":{"a":"","os":"linux"}}]}"#);
    for answered in [&sent, &stored] {
        let made = call(&mock, Method::POST, "/artifacts", &format!("{{{sent}}}")).await;
        let made = String::from_utf8(made.body.to_vec()).unwrap();
        assert!(made.contains(answered.as_str()), "{made}");
        assert!(text(&mock, "/artifacts").await.contains(&stored));
    }
}

#[tokio::test]
async fn the_port_of_a_route_is_where_the_server_writes_it() {
    let [after, last] = [[r#""port":"#, r#""leader":"#], [r#""updated_at":"#, r#""port":"#]];
    for (age, order) in [(ServerAge::V2016, last), (ServerAge::V2021, after)] {
        let mock = MockController::builder().server(age).start().await;
        post(&mock, "/apps", json!({"name": "www"})).await;
        let route = r#"{"type":"tcp","service":"www","port":3456,"drain_backends":true}"#;
        for status in [200, 409] {
            let made = call(&mock, Method::POST, "/apps/www/routes", route).await;
            assert_eq!(made.status, status);
            let made = String::from_utf8(made.body.to_vec()).unwrap();
            assert_order(&made, &[r#""service":"#, order[0], order[1], r#""drain_backends":"#]);
        }
        let listed = text(&mock, "/apps/www/routes").await;
        assert_order(&listed, &[r#""service":"#, order[0], order[1], r#""drain_backends":"#]);
    }
}

#[tokio::test]
async fn hosts_and_refused_certificates_have_the_order_of_the_fork() {
    let builder = MockController::builder().server(ServerAge::Fork2026June);
    let mock = builder.bootstrapped("example.com").start().await;
    assert_order(&text(&mock, "/hosts").await, &[r#"[{"id":"#, r#""tags":{}"#, r#""addr":"#]);
    let stats =
        [r#"{"host_id":"#, r#""timestamp":"#, r#""memory_total_bytes":"#, r#""disk_used_bytes":"#];
    assert_order(&text(&mock, "/hosts/host1/stats").await, &stats);
    let jobs = [r#"[{"job_id":"#, r#""cpu_throttled_periods":"#, r#""pids_limit":0,"host_id":"#];
    assert_order(&text(&mock, "/cluster/jobs-stats").await, &jobs);

    let route = r#"{"type":"http","service":"www","domain":"www.test","managed_certificate_domain":"www.test"}"#;
    mock.client().acme().enable("ops@example.com").await.unwrap();
    post(&mock, "/apps", json!({"name": "www"})).await;
    let made = call(&mock, Method::POST, "/apps/www/routes", route).await;
    assert_eq!(made.status, 200, "{made:?}");
    let since = "/managed-certificates?since=2020-01-01T00:00:00Z";
    let mut stream = Events::open(&mock, since, None).await;
    mock.refuse_certificate("www.test", "no address").unwrap();
    let refused = loop {
        let line = stream.line().await.unwrap();
        if line.contains(r#""status":"failed""#) {
            break line;
        }
    };
    assert_order(&refused, &[r#""errors":[{"type":"#, r#""detail":"no address"}]"#]);
}
