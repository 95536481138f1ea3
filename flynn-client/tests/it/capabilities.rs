use flynn_client::capabilities::{Capability, Support};

use crate::server::{Server, Step, answer, json};

fn unknown_path() -> Step {
    answer(404, "Content-Type: text/plain\r\n", "404 page not found\n")
}

#[tokio::test]
async fn they_are_told_apart_and_remembered() {
    // All probes go out at once, so all but one kind of answer are the same here.
    let server = Server::play(vec![answer(404, "", ""); Capability::ALL.len()]).await;
    let client = server.client();
    let can = client.capabilities().await.unwrap();
    assert!(can.iter().all(|(_, support)| support == Support::Yes), "{can:?}");
    assert_eq!(client.clone().capabilities().await.unwrap(), can);
    assert_eq!(server.seen().len(), Capability::ALL.len(), "asked once");
    let writes: Vec<_> =
        server.lines().into_iter().filter(|line| !line.starts_with("GET")).collect();
    let nil = "00000000-0000-0000-0000-000000000000";
    assert_eq!(writes, [format!("PUT /apps/{nil}/scale/{nil}")], "no object has the nil UUID");

    let server = Server::play(vec![unknown_path(); Capability::ALL.len()]).await;
    let can = server.client().capabilities().await.unwrap();
    assert_eq!(can.get(Capability::Volumes), Support::No);
}

#[tokio::test]
async fn what_was_not_answered_is_unknown_and_asked_again() {
    let mut steps = vec![json(200, "[]"); Capability::ALL.len() - 1];
    steps.push(answer(403, "", ""));
    let server = Server::play([steps, vec![json(200, "[]"); Capability::ALL.len()]].concat()).await;
    let client = server.client();
    let unknown = |can: flynn_client::capabilities::Capabilities| {
        can.iter().filter(|(_, s)| *s == Support::Unknown).count()
    };
    assert_eq!(unknown(client.capabilities().await.unwrap()), 1);
    assert_eq!(unknown(client.capabilities().await.unwrap()), 0);

    let server = Server::play(vec![answer(401, "", ""); Capability::ALL.len()]).await;
    assert!(server.client().capabilities().await.unwrap_err().is_unauthorized());
}

#[tokio::test]
async fn a_token_that_may_not_ask_learns_nothing_and_that_is_not_an_error() {
    let forbidden =
        r#"{"code":"forbidden","message":"this credential is not allowed","retry":false}"#;
    let server = Server::answering(move |_| json(403, forbidden)).await;
    let can = server.client().capabilities().await.unwrap();
    assert!(can.iter().all(|(_, support)| support == Support::Unknown));
    let flynn = server.client();
    let by_name = flynn.app("www").release().await.unwrap_err();
    assert!(by_name.is_forbidden() && by_name.message().contains("by its id"), "{by_name}");
    let by_id = flynn.app("11111111-0000-4000-8000-00000000000a");
    let error = by_id.set_release("r1").await.unwrap_err();
    assert!(
        error.message().ends_with("`app:write` for this app, or the scope `cluster:admin`"),
        "{error}"
    );
    let error = flynn.events().list().await.unwrap_err();
    assert!(error.message().contains("needs the scope `cluster:admin`"), "{error}");
}
