use flynn_client::ErrorKind;
use flynn_client::apps::NewApp;

use crate::server::{Server, answer, json};

#[tokio::test]
async fn reads_follow_within_the_origin() {
    let server = Server::play([answer(301, "Location: /apps\r\n", "<a>"), json(200, "[]")]).await;
    let answer = server.client().request(http::Method::GET, "/apps/").await.unwrap();
    assert_eq!(answer.body(), "[]");
    let seen = server.seen();
    assert_eq!(seen[1].line(), "GET /apps");
    assert!(seen[1].header("authorization").is_some());
}

#[tokio::test]
async fn the_key_never_leaves_its_origin() {
    let other = Server::play([json(200, "[]")]).await;
    let location = format!("Location: {}/apps\r\n", other.url());
    let server = Server::play([answer(302, &location, "")]).await;
    let error = server.client().apps().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert_eq!(error.redirect_target(), Some(format!("{}/apps", other.url()).as_str()));
    assert_eq!(error.status().unwrap(), 302);
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn writes_are_never_redirected_and_loops_end() {
    let server = Server::play([answer(307, "Location: /elsewhere\r\n", "")]).await;
    let error = server.client().apps().create(NewApp::named("www")).await.unwrap_err();
    assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Redirect, 1));

    let server = Server::play(vec![answer(302, "Location: /apps\r\n", ""); 9]).await;
    let error = server.client().apps().list().await.unwrap_err();
    assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Redirect, 6));
}
