//! Checks that a controller answers as Flynn's does: `conformance`.
//!
//! By default it checks the mock, in each release. With `FLYNN_TEST_CONTROLLER_URL` and
//! `FLYNN_TEST_CONTROLLER_KEY` it checks a real controller. It creates apps there and deletes them again.

use std::process::ExitCode;

use flynn_mock::{MockController, ServerAge};
use flynn_tests::conformance::{self, Report, Target};

/// The releases that the mock knows.
const RELEASES: [ServerAge; 4] =
    [ServerAge::V2016, ServerAge::V2021, ServerAge::Fork2026June, ServerAge::Fork2026September];

#[tokio::main]
async fn main() -> ExitCode {
    match check().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("conformance: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all checks pass.
async fn check() -> Result<bool, String> {
    if let Some(target) = Target::from_env()? {
        return Ok(show(target.url(), &conformance::run(&target).await));
    }
    let mut passed = true;
    for release in RELEASES {
        let mock = MockController::builder().server(release).tls().start().await;
        let report = conformance::run(&Target::of(&mock)?).await;
        passed &= show(&format!("the mock of {release:?}"), &report);
    }
    Ok(passed)
}

/// Prints a report. Returns whether all its checks have passed.
fn show(subject: &str, report: &Report) -> bool {
    let failed = report.failures().count();
    println!("{subject}: {failed} of {} checks failed\n{report}", report.checks());
    failed == 0
}
