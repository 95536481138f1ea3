use std::sync::Arc;

use flynn_tls::generate::{Ca, bootstrap};
use flynn_tls::{ClientTls, Pin, pin_mismatch};

use crate::support::{say_hello, serve, server_config};

#[tokio::test]
async fn the_pinned_certificate_is_accepted_and_another_is_a_mismatch() {
    let made = bootstrap("example.com").unwrap();
    let server = serve(server_config(&made.leaf)).await;
    let good = ClientTls::pinned(made.leaf.pin()).config().unwrap();
    say_hello(Arc::new(good), server.address, "controller.example.com").await.unwrap();

    let other = Pin::from_der(b"other");
    let bad = ClientTls::pinned(other).config().unwrap();
    let e = say_hello(Arc::new(bad), server.address, "x.example.com").await.unwrap_err();
    let mismatch = pin_mismatch(&e).unwrap();
    assert!(mismatch.expected().contains(&other));
    assert_eq!(mismatch.presented(), made.leaf.pin());
}

#[tokio::test]
async fn a_private_ca_is_trusted_for_its_names_alone() {
    let ca = Ca::new("mine").unwrap();
    let server = serve(server_config(&ca.issue(&["*.example.com"]).unwrap())).await;
    let config = Arc::new(ClientTls::private_ca(&ca.certificate_pem()).unwrap().config().unwrap());
    say_hello(config.clone(), server.address, "a.example.com").await.unwrap();
    assert!(say_hello(config, server.address, "example.com").await.is_err());
}
