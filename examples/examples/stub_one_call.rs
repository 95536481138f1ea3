//! Answers one call of a mocked cluster with wiremock. All other calls reach the mock.
//!
//! `cargo run -p flynn-examples --example stub_one_call`

use flynn_mock::{AppSeed, MockController};
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mock = MockController::builder().app(AppSeed::new("www")).start().await;
    Mock::given(method("GET"))
        .and(path("/apps/odd"))
        .respond_with(ResponseTemplate::new(418).set_body_string("I'm a teapot"))
        .expect(1)
        .mount(mock.wiremock().await)
        .await;

    let flynn = mock.client();
    if let Err(error) = flynn.app("odd").get().await {
        println!("the stub answers: {error}");
    }
    println!("the mock answers: {}", flynn.app("www").get().await?.name);
    Ok(())
}
