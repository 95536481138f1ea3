//! Starting, stopping, clock, requests.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flynn_mock::{AppSeed, Input, MockController, Op, Output, Pace, ServerAge};
use http::Method;
use serde_json::json;
use tokio::net::TcpStream;

use crate::raw::{self, call, get, post};

#[test]
fn it_works_from_a_plain_test_that_blocks() {
    use std::io::{Read, Write};
    let mock = MockController::builder().start_blocking();
    let mut socket = std::net::TcpStream::connect(mock.addr()).unwrap();
    socket.write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nContent-Length: 0\r\n"), "{answer}");
}

#[tokio::test]
async fn many_run_side_by_side() {
    let mocks: Vec<_> =
        (0..20).map(|n| MockController::builder().seed(n).key(format!("key{n}"))).collect();
    let mut running = Vec::new();
    for builder in mocks {
        running.push(builder.start().await);
    }
    for (n, mock) in running.iter().enumerate() {
        post(mock, "/apps", json!({"name": format!("app{n}")})).await;
    }
    for (n, mock) in running.iter().enumerate() {
        assert_eq!(get(mock, &format!("/apps/app{n}")).await.status, 200);
        assert_eq!(get(mock, &format!("/apps/app{}", n + 1)).await.status, 404);
    }
}

#[test]
fn what_cannot_start_says_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let builder = MockController::builder;
    for (builder, kind, says) in [
        (builder().bind(address), ErrorKind::AddrInUse, address.to_string()),
        (builder().bootstrapped("x y"), ErrorKind::InvalidInput, "\"x y\"".to_owned()),
        (builder().key(""), ErrorKind::InvalidInput, "key".to_owned()),
        (builder().app(AppSeed::new("A b")), ErrorKind::InvalidInput, "\"A b\"".to_owned()),
    ] {
        let why = builder.try_start().err().unwrap();
        assert_eq!(why.kind(), kind, "{why}");
        assert!(why.to_string().contains(&says), "{why}");
    }
}

#[tokio::test]
async fn dropping_closes_the_sockets() {
    let mock = MockController::builder().start().await;
    let address = mock.addr();
    let events = raw::Events::open(&mock, "/events", None).await;
    drop(mock);
    events.end().await;
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_seed_makes_the_same_cluster_again() {
    let mut lists = Vec::new();
    for _ in 0..2 {
        let mock = MockController::builder().seed(7).start().await;
        post(&mock, "/apps", json!({})).await;
        lists.push(get(&mock, "/apps").await.json());
    }
    assert_eq!(lists[0], lists[1]);
    let other = MockController::builder().seed(8).start().await;
    assert_ne!(get(&other, "/apps").await.json(), lists[0]);
}

#[tokio::test]
async fn seeded_apps_are_there_and_run() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let app = AppSeed::new("www")
            .env("GREETING", "hello")
            .process("web", 2)
            .route("www.example.org")
            .meta("team", "a");
        let mock = MockController::builder().server(age).app(app).start().await;
        assert_eq!(get(&mock, "/apps/www").await.json()["meta"]["team"], "a");
        let release = get(&mock, "/apps/www/release").await.json();
        assert_eq!(release["env"]["GREETING"], "hello");
        let jobs = get(&mock, "/apps/www/jobs").await.json();
        let up = jobs.as_array().unwrap().iter().filter(|job| job["state"] == "up").count();
        assert_eq!(up, 2, "{jobs}");
        let routes = get(&mock, "/apps/www/routes").await.json();
        let domains: Vec<_> =
            routes.as_array().unwrap().iter().map(|route| route["domain"].clone()).collect();
        assert!(domains.contains(&json!("www.example.org")), "{domains:?}");
    }
}

#[tokio::test]
async fn requests_are_recorded() {
    let mock = MockController::builder().start().await;
    get(&mock, "/apps").await;
    call(&mock, Method::POST, "/apps", r#"{"name":"www"}"#).await;
    mock.requests().assert_count(2).assert_order(&[Op::AppList, Op::AppCreate]);
    let created = mock.requests().of(Op::AppCreate);
    assert_eq!(created.assert_one().json()["name"], "www");
    mock.clear_requests();
    mock.requests().assert_none();
}

#[tokio::test]
async fn life_by_hand_goes_step_by_step() {
    let mock = MockController::builder().pace(Pace::ByHand).start().await;
    mock.run_to_end();
    let app = post(&mock, "/apps", json!({"name": "www"})).await;
    let release = json!({"processes": {"web": {"args": ["/bin/web"]}}});
    let release = raw::release(&mock, &app, release).await;
    let id = release["id"].as_str().unwrap();
    raw::put(&mock, "/apps/www/release", json!({"id": id})).await;
    raw::put(&mock, &format!("/apps/www/formations/{id}"), json!({"processes": {"web": 1}})).await;
    let states = async || {
        let jobs = get(&mock, "/apps/www/jobs").await.json();
        jobs.as_array().unwrap().iter().map(|job| job["state"].clone()).collect::<Vec<_>>()
    };
    let mut seen = vec![states().await];
    while mock.step() {
        let now = states().await;
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
    let seen: Vec<_> = seen.iter().filter_map(|jobs| jobs.first()).collect();
    assert_eq!(seen, [&json!("pending"), &json!("starting"), &json!("up")]);
}

#[tokio::test]
async fn the_clock_is_the_tests_own() {
    let mock = MockController::builder().seed(1).start().await;
    let before = mock.now();
    mock.advance(Duration::from_secs(3600));
    assert_eq!(mock.now(), before + Duration::from_secs(3600));
    let app = post(&mock, "/apps", json!({"name": "late"})).await;
    let created: jiff::Timestamp = app["created_at"].as_str().unwrap().parse().unwrap();
    assert!(created >= before + Duration::from_secs(3600), "{created}");
}

#[test]
#[should_panic(expected = "tests/it/controller.rs")]
fn a_panic_names_the_callers_line() {
    let first = MockController::builder().start_blocking();
    MockController::builder().bind(first.addr()).start_blocking();
}

#[test]
fn a_crash_loop_does_not_keep_anyone_waiting() {
    for pace in [Pace::AtOnce, Pace::Timed, Pace::ByHand] {
        let app = AppSeed::new("bad").env("CRASH", "true").process("web", 1);
        let mock = MockController::builder().seed(1).pace(pace).app(app).start_blocking();
        mock.run_to_end();
        let state = mock.state();
        assert_eq!(state.app("bad").unwrap().running("web"), 0);
    }
}

#[test]
fn no_secret_shows_in_debug() {
    let seed = AppSeed::new("www").env("TOKEN", "s3cret");
    let builder = MockController::builder().key("s3cret").app(seed.clone());
    let fault = flynn_mock::Fault::answer(500, "s3cret");
    let command = flynn_mock::Command {
        env: [("TOKEN".to_owned(), "s3cret".to_owned())].into(),
        ..flynn_mock::Command::default()
    };
    let input = flynn_mock::Input::Stdin("s3cret".into());
    let shown = format!(
        "{seed:?} {builder:?} {fault:?} {command:?} {input:?} {:?}",
        builder.clone().start_blocking()
    );
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("TOKEN"), "{shown}");
}

#[test]
fn what_cannot_be_bootstrapped_says_so() {
    let refusal = |builder: flynn_mock::Builder| {
        let start = std::panic::AssertUnwindSafe(|| builder.start_blocking());
        let panic = std::panic::catch_unwind(start).err().unwrap();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    let new = MockController::builder;
    assert!(refusal(new().key("")).contains("key is empty"));
    assert!(refusal(new().key("a\nb")).contains("key has control characters"));
    for none in ["", "no domain", "..", "a..b"] {
        let said = refusal(new().bootstrapped(none));
        assert!(said.contains(&format!("{none:?} is not a domain")), "{said}");
    }
    let said = refusal(new().bootstrapped("flynn.test:8443").tls());
    assert!(said.contains("\"flynn.test:8443\" has a port"), "{said}");
    let seed = AppSeed::new("www").strategy("nope");
    assert!(refusal(new().app(seed)).contains("the seeded app \"www\" is refused"));
    assert!(refusal(new().app(AppSeed::new("No"))).contains("must match the pattern"));
    assert!(refusal(new().key("")).contains("controller.rs"), "the caller's line");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_start_at_once_on_any_runtime() {
    let starts: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn(async {
                let mock = MockController::builder().tls().start().await;
                assert_eq!(get(&mock, "/ping").await.status, 200);
                mock
            })
        })
        .collect();
    let mut addresses = std::collections::BTreeSet::new();
    let mut mocks = Vec::new();
    for start in starts {
        let mock = start.await.unwrap();
        addresses.insert(mock.addr());
        mocks.push(mock);
    }
    assert_eq!(addresses.len(), 100, "each has a port of its own");
}

/// The controller's answers repeat the request, such as a route with its key or a variable with its value.
#[test]
fn a_refused_seed_shows_no_secret() {
    let issued = flynn_tls::generate::Ca::new("ca").unwrap().issue(&["a.example.com"]).unwrap();
    let certificate = json!({"cert": issued.chain_pem(), "key": issued.key_pem()});
    let route = json!({"type": "http", "domain": "a.example.com", "service": "www-web",
                       "certificate": certificate});
    let twice = AppSeed::new("www").route_json(route.clone()).route_json(route);
    let unnamed = AppSeed::new("www").env("", "s3cret");
    for (seed, why) in [(twice, "conflict: "), (unnamed, "an env var with an empty key")] {
        let said = MockController::builder().app(seed).try_start().unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
        assert!(!said.contains("PRIVATE KEY") && !said.contains("s3cret"), "{said}");
    }
}

/// A dropped mock frees its address even while the thread of all mocks is busy, here with a program that waits.
#[tokio::test]
async fn a_dropped_mock_leaves_its_address_at_once() {
    let (began, mut beginning) = tokio::sync::mpsc::unbounded_channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = Arc::new(Mutex::new(ended));
    let busy = MockController::builder().app(AppSeed::new("www").release()).programs(move |_| {
        let (began, ended) = (began.clone(), Arc::clone(&ended));
        Box::new(move |_: Input| {
            began.send(()).unwrap();
            let _ = ended.lock().unwrap().recv();
            vec![Output::Exit(0)]
        })
    });
    let busy = busy.start().await;
    let release = get(&busy, "/apps/www/release").await.json();
    let dropped = MockController::builder().start().await;
    let job = post(&busy, "/apps/www/jobs", json!({"release": release["id"]}));
    let start_again = async {
        beginning.recv().await.unwrap();
        let address = dropped.addr();
        drop(dropped);
        let mock = MockController::builder().bind(address).try_start();
        drop(end);
        mock.unwrap()
    };
    let (mock, _) = tokio::join!(start_again, job);
    assert_eq!(get(&mock, "/ping").await.status, 200);
}

#[tokio::test]
async fn clients_of_controller_and_status_app_with_and_without_tls() {
    let new = MockController::builder;
    for mock in [new().start().await, new().tls().start().await] {
        mock.client().ping().await.unwrap();
        assert!(mock.status_client().status().await.unwrap().detail.contains_key("router"));
    }
}

#[tokio::test]
async fn a_client_has_the_present_key() {
    let mock = MockController::builder().start().await;
    let old = mock.client();
    let both = format!("rotated,{}", mock.key());
    old.app("controller").env().set([("AUTH_KEY", &both)]).await.unwrap();
    let new = mock.client();
    new.app("controller").env().set([("AUTH_KEY", "rotated")]).await.unwrap();
    assert!(old.apps().list().await.unwrap_err().is_unauthorized());
    assert!(!mock.client().apps().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn until_waits_for_a_change() {
    let mock = MockController::builder().start().await;
    let client = mock.client();
    let ((), made) = tokio::join!(mock.until(|state| state.app("www").is_ok()), async {
        client.apps().create(flynn_client::apps::NewApp::named("www")).await
    });
    assert_eq!(made.unwrap().name, "www");
}
