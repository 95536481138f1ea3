//! Tests your own tool against a mocked cluster, including failures.
//!
//! `cargo run -p flynn-examples --example test_with_mock`

use flynn_client::Client;
use flynn_mock::{AppSeed, Fault, MockController, Op};

/// The tool: counts the apps that are not part of Flynn itself.
async fn my_tool(flynn: &Client) -> Result<usize, flynn_client::Error> {
    Ok(flynn.apps().list().await?.iter().filter(|app| !app.is_system()).count())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A test starts like this. Dropping the mock stops it.
    let mock = MockController::builder().app(AppSeed::new("www").process("web", 2)).start().await;
    assert_eq!(my_tool(&mock.client()).await?, 1);

    // The controller is restarting. The client retries, since listing apps is idempotent.
    mock.fail_next(Op::AppList, Fault::status(503).retry(true)).times(2);
    assert_eq!(my_tool(&mock.client()).await?, 1);

    // An error that retrying does not fix reaches the tool.
    mock.fail_next(Op::AppList, Fault::status(500).retry(false));
    let status = my_tool(&mock.client()).await.err().and_then(|error| error.status());
    assert_eq!(status.map(|status| status.as_u16()), Some(500));

    mock.requests().of(Op::AppList).assert_count(5);
    println!("the tool works, and fails as it should");
    Ok(())
}
