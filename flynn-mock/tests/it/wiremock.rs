//! A user's own `wiremock` mocks answer first.

use flynn_mock::wiremock::matchers::{method, path};
use flynn_mock::wiremock::{Mock, ResponseTemplate};
use flynn_mock::{Fault, MockController, Op};

use crate::raw::get;

#[tokio::test]
async fn what_is_mounted_answers_and_the_rest_is_the_controllers() {
    let mock = MockController::builder().start().await;
    Mock::given(method("GET"))
        .and(path("/apps/odd"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{\"name\":\"odd\"}"))
        .expect(1)
        .mount(mock.wiremock().await)
        .await;
    Mock::given(path("/apps/gone"))
        .respond_with(ResponseTemplate::new(404).set_body_string("mine"))
        .mount(mock.wiremock().await)
        .await;
    assert_eq!(get(&mock, "/apps/odd").await.json()["name"], "odd");
    assert_eq!(get(&mock, "/apps/gone").await.body, "mine");
    assert_eq!(get(&mock, "/apps/nosuch").await.body, "");
    assert_eq!(get(&mock, "/apps/controller").await.json()["name"], "controller");
    mock.requests().of(Op::AppGet).assert_count(4);
}

#[tokio::test]
async fn what_they_answer_uses_up_no_fault() {
    let mock = MockController::builder().start().await;
    Mock::given(path("/apps/odd"))
        .respond_with(ResponseTemplate::new(418))
        .mount(mock.wiremock().await)
        .await;
    let fault = mock.fail_next(Op::AppGet, Fault::status(500));
    assert_eq!(get(&mock, "/apps/odd").await.status, 418);
    assert_eq!(fault.hits(), 0);
    assert_eq!(get(&mock, "/apps/controller").await.status, 500);
    assert_eq!(fault.hits(), 1);
}
