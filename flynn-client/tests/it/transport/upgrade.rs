use flynn_client::ErrorKind;

use crate::server::{Server, Step, json};

fn switching(headers: &str) -> Step {
    Step::Send(format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n"))
}

#[tokio::test]
async fn a_switch_of_protocols_that_was_not_asked_for_is_an_error() {
    let release = json(200, r#"{"id":"r1","app_id":"a1"}"#);
    let to_other = switching("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    let to_nothing = switching("Connection: Upgrade\r\n");
    let to_ours = switching("Connection: Upgrade\r\nUpgrade: Flynn-Attach/0\r\n");
    let server = Server::play([
        to_ours.clone(),
        to_ours.clone(),
        release.clone(),
        to_other,
        release.clone(),
        to_nothing,
        release,
        to_ours,
    ])
    .await;
    let client = server.client();
    let whole = client.apps().list().await.unwrap_err();
    assert_eq!(whole.kind(), ErrorKind::Unexpected, "{whole}");
    let stream = client.events().stream().await.unwrap_err();
    assert_eq!(stream.kind(), ErrorKind::Unexpected, "{stream}");
    let jobs = client.app("www").jobs();
    for _ in 0..2 {
        let error = jobs.run(["x"]).attached().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
        assert_eq!(error.status().unwrap(), 101);
    }
    drop(jobs.run(["x"]).attached().await.unwrap());
}
