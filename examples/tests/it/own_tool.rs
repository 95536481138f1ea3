//! Shows how to test your own tool against a controller that runs inside the test.

use flynn_client::{Client, Error};
use flynn_mock::{AppSeed, Fault, MockController, Op};

/// The tool: shows the maintenance page of the shop.
async fn close_shop(flynn: &Client) -> Result<(), Error> {
    flynn.app("shop").env().set([("MAINTENANCE", "on")]).await.map(drop)
}

async fn shop() -> MockController {
    MockController::builder().app(AppSeed::new("shop").process("web", 2)).start().await
}

#[tokio::test]
async fn it_closes_although_the_controller_is_restarting() {
    let mock = shop().await;
    mock.fail_next(Op::Deploy, Fault::status(503).retry(true)).times(2);
    close_shop(&mock.client()).await.unwrap();
    let shop = mock.state().app("shop").unwrap();
    assert_eq!((shop.release().env["MAINTENANCE"].as_str(), shop.running("web")), ("on", 2));
}

#[tokio::test]
async fn a_key_that_is_refused_changes_nothing() {
    let mock = shop().await;
    let stranger = mock.client().with_key("another key").unwrap();
    assert!(close_shop(&stranger).await.unwrap_err().is_unauthorized());
    mock.requests().of(Op::ReleaseCreate).assert_none();
}
