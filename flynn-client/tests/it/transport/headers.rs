use std::collections::HashSet;

use flynn_client::Client;

use crate::server::{Server, answer, json};

#[tokio::test]
async fn every_call_says_what_it_wants_and_who_it_is() {
    let server = Server::play([json(200, "[]"), json(200, "[]")]).await;
    let client = server.builder().user_agent_suffix("my-tool/1.2").build().unwrap();
    client.apps().list().await.unwrap();
    client.apps().list().await.unwrap();
    let seen = server.seen();
    let get = |name| seen[0].header(name).unwrap();
    assert_eq!(get("accept"), "application/json");
    assert_eq!(get("content-type"), "application/json");
    assert_eq!(
        get("user-agent"),
        concat!("flynn-client/", env!("CARGO_PKG_VERSION"), " my-tool/1.2")
    );
    assert_eq!(get("authorization"), "Basic OnRoZS1rZXk=");
    let ids: HashSet<_> = seen.iter().map(|seen| seen.header("x-request-id").unwrap()).collect();
    assert_eq!(ids.len(), 2, "each call has an id of its own");
}

#[tokio::test]
async fn errors_carry_the_id_of_their_call() {
    let server = Server::play([answer(404, "", "")]).await;
    let error = server.client().app("x y").get().await.unwrap_err();
    assert_eq!(error.request_id(), server.seen()[0].header("x-request-id"));
    assert_eq!(error.to_string(), "not found (GET /apps/x%20y, status 404)");
}

#[tokio::test]
async fn tokens_and_users() {
    let server = Server::play(vec![json(200, "[]"); 3]).await;
    for builder in [
        Client::builder(server.url()).bearer_token("abc"),
        Client::builder(server.url()).basic_auth("me", "pw"),
        Client::builder(server.url()),
    ] {
        builder.no_proxy().build().unwrap().apps().list().await.unwrap();
    }
    let seen = server.seen();
    let auth: Vec<_> = seen.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(auth, [Some("Bearer abc"), Some("Basic bWU6cHc="), None]);
}

#[tokio::test]
async fn resolve_sends_the_name_to_the_address() {
    let server = Server::play([answer(200, "", "")]).await;
    let port = server.address.port();
    let client = Client::builder(format!("http://controller.example.com:{port}"))
        .resolve("controller.example.com", server.address)
        .build()
        .unwrap();
    client.ping().await.unwrap();
    assert_eq!(
        server.seen()[0].header("host"),
        Some(format!("controller.example.com:{port}").as_str())
    );
    let other = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let contradiction = Client::builder(format!("http://controller.example.com:{port}"))
        .resolve("controller.example.com", other)
        .build();
    assert!(contradiction.is_err());
}

#[test]
fn what_cannot_be_a_url_is_an_error_of_the_builder() {
    for url in
        ["", "controller.example.com", "ftp://x", "https://u:p@x", "https://x?key=1", "https://x#y"]
    {
        let error = Client::builder(url).key("s3cret").build().unwrap_err();
        assert_eq!(error.kind(), flynn_client::ErrorKind::Config, "{url}");
    }
    for (url, says) in [
        ("controller.example.com", "must start with https://"),
        ("https://controller.example.com:99999", "port"),
        ("https://controller example com", "domain"),
    ] {
        let error = Client::builder(url).build().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert!(Client::builder("https://x").key("a\nb").build().is_ok(), "base64 hides it");
    assert!(Client::builder("https://x").bearer_token("a\nb").build().is_err());
}

#[tokio::test]
async fn the_api_may_live_below_a_prefix() {
    let server = Server::play(vec![json(200, "[]"); 2]).await;
    for prefix in ["/proxied/flynn", "/proxied/flynn/"] {
        let client =
            Client::builder(format!("{}{prefix}", server.url())).no_proxy().build().unwrap();
        assert_eq!(client.url(), format!("{}/proxied/flynn", server.url()));
        client.events().of_app("a/b").list().await.unwrap();
    }
    assert_eq!(server.lines(), ["GET /proxied/flynn/events?app_id=a%2Fb&count=500"; 2]);
}

#[tokio::test]
async fn a_slash_that_the_servers_router_takes_for_one_is_no_missing_call() {
    let text = answer(404, "Content-Type: text/plain\r\n", "404 page not found\n");
    let server = Server::play(vec![text; 2]).await;
    assert!(server.client().app("a/b").get_opt().await.unwrap().is_none());
    assert!(server.client().app("a").get().await.unwrap_err().is_unsupported());
}

#[tokio::test]
async fn ids_reach_the_server_as_they_are() {
    let server = Server::play(vec![answer(404, "", ""); 5]).await;
    for id in ["%2e", "..%2f", "a%b", "\u{e4}/?#", "a\\b"] {
        assert!(server.client().app(id).get_opt().await.unwrap().is_none());
    }
    let paths = ["%252e", "..%252f", "a%25b", "%C3%A4%2F%3F%23", "a%5Cb"];
    assert_eq!(server.lines(), paths.map(|path| format!("GET /apps/{path}")));
}
