//! The suite of checks that the mock shares with real controllers.

use std::process::{Command, Output};

use flynn_mock::{Fault, MockController, Op, ServerAge};
use flynn_tests::conformance::{self, Target};

#[tokio::test]
async fn every_release_of_the_mock_conforms() {
    for release in
        [ServerAge::V2016, ServerAge::V2021, ServerAge::Fork2026June, ServerAge::Fork2026September]
    {
        let mock = MockController::builder().server(release).start().await;
        let report = conformance::run(&Target::of(&mock).unwrap()).await;
        assert!(report.checks() > 10);
        assert_eq!(report.failures().next(), None, "{release:?}:\n{report}");
    }
}

#[tokio::test]
async fn a_server_that_misbehaves_does_not_conform() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::Ping, Fault::status(500)).until_lifted();
    let report = conformance::run(&Target::of(&mock).unwrap()).await;
    let failed: Vec<_> = report.failures().map(|(name, _)| name).collect();
    assert_eq!(failed, ["ping_needs_no_key"]);
}

/// Runs the program in a separate process, with only the settings that it needs for a real controller.
fn program(mock: &MockController) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_conformance"));
    for (name, value) in [
        ("URL", mock.url()),
        ("KEY", mock.key().to_owned()),
        ("PIN", mock.pin().to_string()),
        ("ADDRESS", mock.addr().to_string()),
    ] {
        program.env(format!("FLYNN_TEST_CONTROLLER_{name}"), value);
    }
    program
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_program_checks_the_controller_of_the_environment() {
    let mock = MockController::builder().tls().start_blocking();
    let output = program(&mock).output().unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("ok      a_deletion_ends_in_an_event"), "{stdout}");
    assert!(!stdout.contains(mock.key()), "{stdout}");
    assert!(!mock.requests().is_empty());

    mock.fail_next(Op::Ping, Fault::status(500)).until_lifted();
    let output = program(&mock).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(texts(&output).0.contains("FAILED  ping_needs_no_key"), "{output:?}");
}

#[test]
fn the_program_says_which_variable_is_wrong() {
    let mock = MockController::builder().tls().start_blocking();
    for (name, value) in [("KEY", None), ("PIN", Some("x")), ("ADDRESS", Some("x"))] {
        let mut program = program(&mock);
        let variable = format!("FLYNN_TEST_CONTROLLER_{name}");
        match value {
            Some(value) => program.env(&variable, value),
            None => program.env_remove(&variable),
        };
        let output = program.output().unwrap();
        let (_, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(&variable) && stderr.lines().count() == 1, "{stderr}");
    }
    mock.requests().assert_none();
}
