use flynn_client::apps::NewApp;
use flynn_client::capabilities::{Capabilities, Capability, Support};
use flynn_client::{Client, ErrorKind};
use flynn_mock::{Fault, MockController, Op, ServerAge, Token};

use crate::server::{Server, answer};

async fn cluster(age: ServerAge) -> MockController {
    MockController::builder().server(age).bootstrapped("example.com").start().await
}

fn count(can: &Capabilities, wanted: Support) -> usize {
    can.iter().filter(|(_, support)| *support == wanted).count()
}

#[tokio::test]
async fn they_are_told_apart_and_remembered() {
    for (age, few) in [
        (ServerAge::V2016, Capability::AllRoutes),
        (ServerAge::V2021, Capability::Acme),
        (ServerAge::Fork2026June, Capability::Users),
    ] {
        let mock = cluster(age).await;
        let can = mock.client().capabilities().await.unwrap();
        assert_eq!(can.get(few), Support::No, "{age:?}");
        assert_eq!(count(&can, Support::Unknown), 0, "{age:?} {can:?}");
    }
    let mock = cluster(ServerAge::Fork2026September).await;
    let client = mock.client();
    let before = mock.state().events().len();
    let can = client.capabilities().await.unwrap();
    assert!(can.iter().all(|(_, support)| support == Support::Yes), "{can:?}");
    assert_eq!(client.clone().capabilities().await.unwrap(), can);
    let asked = mock.requests();
    asked.assert_count(Capability::ALL.len());
    let nil = "00000000-0000-0000-0000-000000000000";
    let writes: Vec<_> =
        asked.iter().filter(|request| request.method != http::Method::GET).collect();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].path, format!("/apps/{nil}/scale/{nil}"), "no object has the nil UUID");
    assert_eq!(mock.state().events().len(), before, "asking changes nothing");
}

#[tokio::test]
async fn what_was_not_answered_is_unknown_and_asked_again() {
    let mock = cluster(ServerAge::Fork2026September).await;
    let client = mock.client();
    mock.fail_next(Op::HostList, Fault::status(403));
    let can = client.capabilities().await.unwrap();
    assert_eq!((can.get(Capability::Hosts), count(&can, Support::Unknown)), (Support::Unknown, 1));
    assert_eq!(count(&client.capabilities().await.unwrap(), Support::Unknown), 0);

    let stranger = client.with_key("wrong").unwrap();
    assert!(stranger.capabilities().await.unwrap_err().is_unauthorized());
    // A server that knows no path at all.
    let text = "Content-Type: text/plain\r\n";
    let other = Server::answering(move |_| answer(404, text, "404 page not found\n")).await;
    let can = other.client().capabilities().await.unwrap();
    assert_eq!(count(&can, Support::No), Capability::ALL.len());
}

/// A client with a token that has this grant on an app, by its id.
async fn granted(mock: &MockController, permission: &str) -> (Client, flynn_client::apps::App) {
    let app = mock.client().apps().create(NewApp::named("shop")).await.unwrap();
    let token = mock.issue_token(Token::new().grant(app.id.as_str(), permission));
    (mock.client_builder().bearer_token(token).build().unwrap(), app)
}

#[tokio::test]
async fn a_token_that_may_not_ask_learns_nothing_and_that_is_not_an_error() {
    for age in [ServerAge::Fork2026June, ServerAge::Fork2026September] {
        let mock = cluster(age).await;
        let (client, app) = granted(&mock, "app:read").await;
        let can = client.capabilities().await.unwrap();
        assert!(can.iter().all(|(_, support)| support == Support::Unknown), "{can:?}");
        assert_eq!(client.app(&app.id).get().await.unwrap().name, "shop");

        let by_name = client.app("shop").release().await.unwrap_err();
        assert!(by_name.is_forbidden() && by_name.message().contains("by its id"), "{by_name}");
        let error = client.app(&app.id).set_release("r1").await.unwrap_err();
        let wants = "`app:write` for this app, or the scope `cluster:admin`";
        assert!(error.message().ends_with(wants), "{error}");
        let error = client.app(&app.id).deploy("r1").await.unwrap_err();
        assert!(error.message().contains("`app:deploy`"), "{error}");
        let error = client.events().list().await.unwrap_err();
        assert!(error.message().contains("needs the scope `cluster:admin`"), "{error}");
    }
}

/// A call that needs the id of a named app looks it up, which such a token may not do.
#[tokio::test]
async fn a_refused_look_up_says_how_to_give_the_id() {
    for age in [ServerAge::Fork2026June, ServerAge::Fork2026September] {
        let mock = cluster(age).await;
        let (client, app) = granted(&mock, "app:write").await;
        let error = client.app("shop").delete().await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Forbidden, Some("/apps/shop")));
        assert!(error.message().contains("name the app by its id"), "{error}");
        let shop = client.app(&app.id);
        assert_eq!(shop.get().await.unwrap().name, "shop");
        shop.set_meta([("team", "a")]).await.unwrap();
        assert_eq!(shop.get().await.unwrap().meta["team"], "a");
    }
}

/// Only the controller's own message is explained. Others already name the missing grant, or come from another server.
#[tokio::test]
async fn other_refusals_are_left_as_they_are() {
    let body = r#"{"code":"forbidden","message":"this account is suspended","retry":false}"#;
    let server = Server::answering(move |_| crate::server::json(403, body)).await;
    let error = server.client().app("shop").get().await.unwrap_err();
    assert_eq!(error.message(), "this account is suspended");
}
