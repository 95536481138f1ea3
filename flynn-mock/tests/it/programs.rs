//! Programs of detached jobs: those that panic, and those that ask the mock.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flynn_mock::{AppSeed, Builder, Delays, Input, MockController, Output, Pace, ServerAge, State};
use serde_json::json;

use crate::raw::{Events, get, post};

/// An app whose jobs do what `run` says, from their first argument.
fn with_jobs(run: impl Fn(&str) -> Output + Clone + Send + Sync + 'static) -> Builder {
    MockController::builder().app(AppSeed::new("www").release()).programs(move |command| {
        let (run, arg) = (run.clone(), command.args.last().cloned().unwrap_or_default());
        assert!(arg != "unmade", "a bug of what makes the programs");
        Box::new(move |input| match input {
            Input::Start => vec![run(&arg)],
            _ => Vec::new(),
        })
    })
}

async fn run(mock: &MockController, arg: &str) {
    let release = get(mock, "/apps/www/release").await.json();
    post(mock, "/apps/www/jobs", json!({"release": release["id"], "args": [arg]})).await;
}

/// Returns the exit status of the only job.
fn exit_status(mock: &MockController) -> Option<i32> {
    let jobs = mock.state().app("www").unwrap().jobs();
    assert_eq!(jobs.len(), 1);
    jobs[0].exit_status
}

#[tokio::test]
async fn one_that_panics_ends_and_the_cluster_lives_on() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = with_jobs(|arg| {
            assert!(arg == "good", "a bug of the program");
            Output::Exit(0)
        });
        // This applies to the machine's clock.
        let mock = mock.server(age).delays(Delays::default()).start().await;
        let mut events = Events::open(&mock, "/events?object_types=job", None).await;
        for (arg, status) in [("bad", 101), ("unmade", 101), ("good", 0)] {
            run(&mock, arg).await;
            let down = events.until(|event| event["data"]["state"] == "down");
            let down = tokio::time::timeout(Duration::from_secs(60), down).await.unwrap();
            assert_eq!(down["data"]["exit_status"], status, "{arg}");
        }
    }
}

#[tokio::test]
#[should_panic(expected = "a bug of the program")]
async fn a_panic_within_the_tests_own_step_is_the_tests() {
    let mock = with_jobs(|_| panic!("a bug of the program")).pace(Pace::ByHand).start().await;
    run(&mock, "bad").await;
    while mock.step() {}
}

/// A mock whose jobs ask it how many apps it has.
async fn asked_by_its_jobs(pace: Pace) -> MockController {
    let state = Arc::new(OnceLock::<State>::new());
    let asked = Arc::clone(&state);
    let mock =
        with_jobs(move |_| Output::Exit(i32::try_from(asked.get().unwrap().apps().len()).unwrap()));
    let mock = mock.pace(pace).start().await;
    state.set(mock.state()).unwrap();
    mock
}

#[tokio::test]
async fn one_may_ask_the_mock() {
    for pace in [Pace::ByHand, Pace::AtOnce] {
        let mock = asked_by_its_jobs(pace).await;
        run(&mock, "any").await;
        mock.run_to_end();
        let apps = i32::try_from(mock.state().apps().len()).unwrap();
        assert_eq!(exit_status(&mock), Some(apps), "{pace:?}");
    }
}

#[tokio::test]
async fn one_that_blocks_delays_its_own_mock_alone() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let slow = with_jobs(move |_| {
        released.lock().unwrap().recv().unwrap();
        Output::Exit(3)
    });
    let slow = slow.delays(Delays::default()).start().await;
    run(&slow, "any").await;
    // The job hangs by now or soon. Calls to its mock and to others are still answered.
    let quick = with_jobs(|_| Output::Exit(0)).start().await;
    run(&quick, "any").await;
    assert_eq!(exit_status(&quick), Some(0));
    assert_eq!(get(&slow, "/apps/www").await.status, 200);
    assert_eq!(exit_status(&slow), None);
    release.send(()).unwrap();
    let ended = slow.until(|state| state.app("www").unwrap().jobs()[0].exit_status == Some(3));
    tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
}

/// Answers one request per body. Returns the requests.
fn provider(answers: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/databases", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            requests.push(format!("{} {}", first.trim(), String::from_utf8(body).unwrap()));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
        requests
    });
    (url, serving)
}

#[tokio::test]
async fn a_provider_on_this_machine_is_called() {
    let (url, serving) = provider(vec![r#"{"id":"/databases/x","env":{"A":"1"}}"#, ""]);
    let mock = MockController::builder().app(AppSeed::new("www")).start().await;
    post(&mock, "/providers", json!({"name": "mine", "url": url})).await;
    let asked = json!({"apps": ["www"], "config": {"size": 1}});
    let made = post(&mock, "/providers/mine/resources", asked).await;
    assert_eq!((&made["external_id"], &made["env"]), (&json!("/databases/x"), &json!({"A": "1"})));
    let path = format!("/providers/mine/resources/{}", made["id"].as_str().unwrap());
    let answer = crate::raw::call(&mock, http::Method::DELETE, &path, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        serving.join().unwrap(),
        [
            r#"POST /databases HTTP/1.1 {"size":1}"#,
            "DELETE /databases?id=%2Fdatabases%2Fx HTTP/1.1 "
        ]
    );
    // Nothing listens there any more.
    let answer = crate::raw::call(&mock, http::Method::POST, "/providers/mine/resources", "{}");
    assert_eq!(answer.await.status, 500);
}

#[tokio::test]
async fn an_api_of_a_provider_that_panics_refuses() {
    let mock = MockController::builder()
        .app(AppSeed::new("www"))
        .provider_apis(|_, _, _| panic!("a bug of the API"))
        .start()
        .await;
    let body = json!({"apps": ["www"]}).to_string();
    let path = "/providers/postgres/resources";
    let answer = crate::raw::call(&mock, http::Method::POST, path, &body).await;
    assert_eq!(answer.status, 500);
}
