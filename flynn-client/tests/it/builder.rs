use std::net::SocketAddr;
use std::sync::Arc;

use flynn_client::{Client, ErrorKind, RetryPolicy, rustls};

use crate::server::{Server, Step, answer, json};

fn tls() -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

#[tokio::test]
async fn a_key_that_was_meant_for_tls_does_not_leave_in_clear_text() {
    let server = Server::play([answer(200, "", ""), answer(200, "", "")]).await;
    let builder = || Client::builder(server.url()).key("s3cret").no_proxy();
    let error = builder().rustls_config(tls()).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("https://"), "{error}");
    assert!(server.seen().is_empty());

    let dangerous = builder().rustls_config(tls()).dangerous();
    assert!(!format!("{dangerous:?}").contains("s3cret"));
    dangerous.plain_http().build().unwrap().ping().await.unwrap();
    builder().build().unwrap().ping().await.unwrap();
    assert_eq!(server.lines(), ["GET /ping"; 2]);
}

#[tokio::test]
async fn a_host_is_resolved_in_any_spelling() {
    for (in_url, given) in [
        ("controller.example.com", "Controller.EXAMPLE.com"),
        ("CONTROLLER.example.com", "controller.example.com."),
        ("controller.example.com.", "controller.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "BÜCHER.example"),
        ("bücher.example", "b\u{fc}cher.example"),
    ] {
        let server = Server::play([answer(200, "", "")]).await;
        let url = format!("http://{in_url}:{}", server.address.port());
        let client = Client::builder(&url).resolve(given, server.address).build().unwrap();
        client.ping().await.unwrap_or_else(|error| panic!("{given} for {url}: {error}"));
    }
}

#[tokio::test]
async fn resolve_refuses_addresses_and_mismatches() {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    for (url, host, to) in [
        // Addresses are not resolved, so the key would go to the URL's own address.
        ("http://192.0.2.1", "192.0.2.1", "192.0.2.2:80"),
        ("http://192.0.2.1", "192.0.2.1", "192.0.2.1:81"),
        ("http://192.0.2.1:8080", "192.0.2.1", "192.0.2.1:80"),
        ("http://192.0.2.1", "0xC0.0.2.1", "192.0.2.2:80"),
        ("http://[2001:db8::1]", "2001:db8::1", "[2001:db8::2]:80"),
        ("http://[2001:db8::1]", "[2001:db8::1]", "[2001:db8::2]:80"),
        ("http://192.0.2.1", "controller.example.com", "192.0.2.2:80"),
        // A name other than the URL's, or none.
        ("http://controller.example.com", "controler.example.com", "192.0.2.1:80"),
        ("http://controller.example.com", "192.0.2.1", "192.0.2.2:80"),
        ("http://controller.example.com", "controller.example.com:80", "192.0.2.1:80"),
        ("http://controller.example.com", "http://controller.example.com", "192.0.2.1:80"),
        ("http://controller.example.com", "", "192.0.2.1:80"),
        ("http://controller.example.com:8080", "controller.example.com", "192.0.2.1:80"),
    ] {
        let error = Client::builder(url).resolve(host, address(to)).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{host} for {url}");
    }
    // The URL leads there anyway.
    let server = Server::play([answer(200, "", "")]).await;
    let client = Client::builder(server.url()).resolve("127.0.0.1", server.address);
    client.build().unwrap().ping().await.unwrap();
    // A layer may redirect to another name.
    Client::builder("http://controller.example.com")
        .resolve("other.example.com", address("192.0.2.1:80"))
        .layer(tower_layer::layer_fn(|inner| inner))
        .build()
        .unwrap();
}

#[tokio::test]
async fn a_client_is_made_from_another() {
    let server = Server::play(vec![json(200, "[]"); 3]).await;
    let flynn = server.builder().user_agent_suffix("tool/1").build().unwrap();
    let rotated = flynn.with_key("new-key").unwrap();
    let once = rotated.with_retry(RetryPolicy::none()).unwrap();
    for client in [&flynn, &rotated, &once] {
        client.apps().list().await.unwrap();
    }
    let seen = server.seen();
    let keys: Vec<_> = seen.iter().map(|seen| seen.header("authorization").unwrap()).collect();
    assert_eq!(keys, ["Basic OnRoZS1rZXk=", "Basic Om5ldy1rZXk=", "Basic Om5ldy1rZXk="]);
    assert!(seen.iter().all(|seen| seen.header("user-agent").unwrap().ends_with("tool/1")));
    assert!(flynn.with_key("a\nb").is_ok(), "a key is encoded");
    assert!(flynn.to_builder().bearer_token("a\nb").build().is_err());
}

#[tokio::test]
async fn a_call_may_have_a_retry_policy_of_its_own() {
    let server = Server::play(vec![Step::Drop; 5]).await;
    let flynn = server.client();
    let error = flynn.apps().list().retry(RetryPolicy::none()).await.unwrap_err();
    assert_eq!(error.attempts(), 1);
    assert_eq!(flynn.apps().list().await.unwrap_err().attempts(), 4);
}

#[test]
fn host_and_port_are_those_of_the_url() {
    for (url, host, port) in [
        ("https://Controller.Example.com", "controller.example.com", 443),
        ("http://controller.example.com:8080/flynn", "controller.example.com", 8080),
        ("http://[::1]", "::1", 80),
    ] {
        let client = Client::builder(url).build().unwrap();
        assert_eq!((client.host(), client.port()), (host, port));
    }
}

#[tokio::test]
async fn the_status_app_is_reached_like_the_controller() {
    let server = Server::play([json(200, r#"{"data":{"status":"healthy"}}"#)]).await;
    let flynn =
        Client::builder(format!("http://controller.example.com:{}/x", server.address.port()))
            .key("the-key")
            .resolve("controller.example.com", server.address)
            .build()
            .unwrap();
    let status = flynn.status_client("status-key").unwrap().build_status().unwrap();
    assert!(status.status().await.unwrap().is_healthy());
    let seen = server.seen();
    assert_eq!(seen[0].line(), "GET /");
    assert!(seen[0].header("host").unwrap().starts_with("status.example.com:"));
    assert_eq!(seen[0].header("authorization"), Some("Basic OnN0YXR1cy1rZXk="));
    let other = Client::builder("http://flynn.example.com").build().unwrap();
    assert_eq!(other.status_client("k").unwrap_err().kind(), ErrorKind::Config);
}
