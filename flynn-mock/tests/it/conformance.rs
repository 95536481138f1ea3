//! The suite that also runs against real controllers.

use flynn_mock::conformance::{self, Target};
use flynn_mock::{Fault, MockController, Op, ServerAge};

#[tokio::test]
async fn both_ages_conform() {
    for age in [ServerAge::V2016, ServerAge::V2021] {
        let mock = MockController::builder().server(age).tls().start().await;
        let report = conformance::run(&Target::of(&mock)).await;
        assert!(report.len() > 10);
        report.assert_passed();
    }
}

#[tokio::test]
async fn a_controller_named_by_the_environment_conforms() {
    if let Some(target) = Target::from_env() {
        conformance::run(&target.unwrap()).await.assert_passed();
    }
}

#[tokio::test]
async fn a_server_that_misbehaves_does_not_conform() {
    let mock = MockController::builder().start().await;
    mock.fail_next(Op::Ping, Fault::status(500)).until_lifted();
    let report = conformance::run(&Target::of(&mock)).await;
    let failed: Vec<_> = report.failures().map(|(name, _)| name).collect();
    assert_eq!(failed, ["ping_needs_no_key"]);
}
