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

/// The exit status of the only job.
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
        // On the machine's clock, that is.
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
#[should_panic(expected = "the mock is asked by what it waits for itself")]
async fn one_that_asks_the_mock_is_told_that_it_cannot() {
    let mock = asked_by_its_jobs(Pace::ByHand).await;
    run(&mock, "any").await;
    mock.run_to_end();
}

#[tokio::test]
async fn one_that_asks_the_mock_blocks_nobody() {
    let mock = asked_by_its_jobs(Pace::AtOnce).await;
    run(&mock, "any").await;
    assert_eq!(exit_status(&mock), Some(101));
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
