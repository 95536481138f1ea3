use std::net::SocketAddr;
use std::sync::Arc;

use flynn_client::{Client, ErrorKind, rustls};

use crate::server::{Server, answer};

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
async fn what_resolve_cannot_do_is_refused() {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    for (url, host, to) in [
        // Addresses are not resolved: the key would go to the URL's own.
        ("http://192.0.2.1", "192.0.2.1", "192.0.2.2:80"),
        ("http://192.0.2.1", "192.0.2.1", "192.0.2.1:81"),
        ("http://192.0.2.1:8080", "192.0.2.1", "192.0.2.1:80"),
        ("http://192.0.2.1", "0xC0.0.2.1", "192.0.2.2:80"),
        ("http://[2001:db8::1]", "2001:db8::1", "[2001:db8::2]:80"),
        ("http://[2001:db8::1]", "[2001:db8::1]", "[2001:db8::2]:80"),
        ("http://192.0.2.1", "controller.example.com", "192.0.2.2:80"),
        // Another name than the URL's, or none.
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
    // It leads there anyway.
    let server = Server::play([answer(200, "", "")]).await;
    let client = Client::builder(server.url()).resolve("127.0.0.1", server.address);
    client.build().unwrap().ping().await.unwrap();
    // A layer may lead elsewhere.
    Client::builder("http://controller.example.com")
        .resolve("other.example.com", address("192.0.2.1:80"))
        .layer(tower_layer::layer_fn(|inner| inner))
        .build()
        .unwrap();
}
