use flynn_client::Client;
use http::Method;
use serde_json::json;

use crate::server::{self, Server, Step};

#[tokio::test]
async fn any_call_typed_and_raw() {
    let server =
        Server::play([server::json(200, r#"{"n":1}"#), server::json(200, r#"{"n":2}"#)]).await;
    let client = server.client();
    let answer = client
        .request(Method::POST, "/new/thing")
        .query("a", "b c")
        .json(&json!({"x": 1}))
        .await
        .unwrap();
    assert_eq!(answer.json::<serde_json::Value>().unwrap(), json!({"n": 1}));
    let value: serde_json::Value = client.request(Method::GET, "/new").decode().await.unwrap();
    assert_eq!(value, json!({"n": 2}));
    let seen = server.seen();
    assert_eq!((seen[0].line(), seen[0].json()), ("POST /new/thing?a=b%20c", json!({"x": 1})));
}

#[tokio::test]
async fn it_is_repeated_only_when_told() {
    let server = Server::play([Step::Drop, Step::Drop, server::json(200, "1")]).await;
    let client = server.client();
    assert!(client.request(Method::GET, "/x").await.is_err());
    client.request(Method::POST, "/x").repeatable().await.unwrap();
    assert_eq!(server.lines(), ["GET /x", "POST /x", "POST /x"]);
}

#[tokio::test]
async fn odd_paths_are_refused_before_anything_is_sent() {
    let server = Server::play([]).await;
    for path in ["", "apps", "/apps/..", "/./apps", "/apps?x=1", "/apps#x", "/a\\b"] {
        let error = server.client().request(Method::GET, path).await.unwrap_err();
        assert!(error.is_validation() && error.attempts() == 0, "{path}: {error:?}");
    }
    let below = Client::builder(format!("{}/flynn", server.url())).no_proxy().build().unwrap();
    for path in [
        "/%2e%2e/",
        "/.%2E/x",
        "/%2E",
        "/apps/%2e%2e%2fother",
        "/apps%5c..%5Cother",
        "/a\t/..",
        "/.\n./x",
        "/a\rb",
        "/a\0",
        "/a\x7f",
        "/a%0ab",
    ] {
        let error = below.request(Method::GET, path).await.unwrap_err();
        assert!(error.is_validation() && error.attempts() == 0, "{path:?}: {error:?}");
    }
    let client = server.client();
    for id in ["", ".", "..", "../x", "a/../..", "a\\..\\b"] {
        assert!(client.app(id).get().await.unwrap_err().is_validation());
    }
    // Outside of the path, an empty id would mean all objects.
    let www = client.app("www");
    assert!(client.events().of_app("").list().await.unwrap_err().is_validation());
    assert!(client.events().object_id("").stream().await.unwrap_err().is_validation());
    assert!(client.deployment("").watch().next().await.unwrap().unwrap_err().is_validation());
    assert!(www.log().job("").await.unwrap_err().is_validation());
    assert!(www.deploy("").await.unwrap_err().is_validation());
    assert!(www.set_release("").await.unwrap_err().is_validation());
    assert!(server.seen().is_empty());
}
