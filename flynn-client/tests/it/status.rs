use flynn_client::StatusClient;

use crate::server::{Server, answer, json};

#[tokio::test]
async fn an_unhealthy_cluster_is_an_answer() {
    let body = r#"{"data":{"status":"unhealthy","version":"dev","detail":{"router":{"status":"unhealthy"}}}}"#;
    let failure = r#"{"code":"unknown_error","message":"x","retry":false}"#;
    let server = Server::play([json(500, body), json(500, failure), answer(401, "", "")]).await;
    let client = StatusClient::builder(server.url()).no_proxy().build_status().unwrap();
    let status = client.status().await.unwrap();
    assert!(!status.is_healthy() && !status.detail["router"].status.is_empty());
    assert!(client.status().await.is_err());
    assert!(client.status().await.unwrap_err().is_unauthorized());
}
