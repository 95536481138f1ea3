//! The status app.

use flynn_mock::MockController;
use http::Method;
use serde_json::{Value, json};

use crate::raw::{Answer, request, send};

async fn status(mock: &MockController, forwarded_for: Option<&str>) -> Answer {
    use http_body_util::BodyExt as _;
    let mut request = request(mock, Method::GET, "/", "");
    request.headers_mut().remove("authorization");
    request.headers_mut().insert("host", "status.example.com".parse().unwrap());
    if let Some(addresses) = forwarded_for {
        request.headers_mut().insert("x-forwarded-for", addresses.parse().unwrap());
    }
    let (parts, body) = send(mock, request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

#[tokio::test]
#[should_panic(expected = "there is no service \"postgress\"; the services are: blobstore, ")]
async fn a_service_that_it_does_not_check_is_a_mistake_of_the_test() {
    MockController::builder().start().await.set_healthy("postgress", false);
}

#[tokio::test]
#[should_panic(expected = "there is no host \"host9\"; the hosts are: host1, host2, host3")]
async fn a_host_that_it_does_not_have_is_a_mistake_of_the_test() {
    MockController::builder().start().await.set_host_reachable("host9", false);
}

#[tokio::test]
async fn thirteen_services_of_which_three_are_optional() {
    let mock = MockController::builder().bootstrapped("example.com").start().await;
    let healthy = status(&mock, None).await;
    assert_eq!(healthy.status, 200);
    let text = String::from_utf8(healthy.body.to_vec()).unwrap();
    assert!(
        text.starts_with("{\n  \"data\": {\n    \"status\": \"healthy\",\n    \"detail\": {\n")
    );
    assert!(text.ends_with("    },\n    \"version\": \"dev\"\n  }\n}\n"), "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["data"]["detail"].as_object().unwrap().len(), 13);
    for service in ["mariadb", "mongodb", "tarreceive"] {
        mock.set_healthy(service, false);
        assert_eq!(status(&mock, None).await.status, 200, "{service}");
    }
    mock.set_healthy("postgres", false);
    mock.set_service_version("postgres", None);
    let answer = status(&mock, None).await;
    assert_eq!(answer.status, 500);
    let body = answer.json();
    assert_eq!(body["data"]["status"], "unhealthy");
    assert_eq!(body["data"]["detail"]["postgres"], json!({"status": "unhealthy"}));
    mock.set_healthy("postgres", true);
    assert_eq!(status(&mock, None).await.status, 200);
}

#[tokio::test]
async fn who_is_asked_for_the_key() {
    let mock = MockController::builder().bootstrapped("example.com").start().await;
    for (addresses, wanted) in [
        ("203.0.114.7", 401),
        ("10.1.2.3, 203.0.114.7", 401),
        ("203.0.114.7, 10.1.2.3", 200),
        ("203.0.114.7,10.1.2.3", 401),
        ("nonsense", 401),
        ("10.1.2.3", 200),
    ] {
        assert_eq!(status(&mock, Some(addresses)).await.status, wanted, "{addresses}");
    }
}
