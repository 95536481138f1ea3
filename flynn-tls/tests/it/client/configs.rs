use std::sync::Arc;

use flynn_tls::generate::{Ca, bootstrap};
use flynn_tls::rustls::RootCertStore;
use flynn_tls::rustls::crypto::{CryptoProvider, ring};
use flynn_tls::{ClientTls, ErrorKind, Pin, PinSet, Roots, pin_mismatch};

use crate::support::{say_hello, serve, server_config};

#[tokio::test]
async fn a_bootstrapped_cluster_is_reached_by_its_pin_and_by_its_ca() {
    let made = bootstrap("example.com").unwrap();
    let server = serve(server_config(&made.leaf)).await;
    let ca = made.ca.certificate_pem();
    for tls in [
        ClientTls::pinned(made.leaf.pin()),
        ClientTls::private_ca(&ca).unwrap(),
        ClientTls::pinned_and_webpki(made.leaf.pin()).roots(Roots::from_pem(&ca).unwrap()),
        ClientTls::webpki().dangerous().accept_any_certificate(),
    ] {
        let config = Arc::new(tls.config().unwrap());
        say_hello(config, server.address, "controller.example.com").await.unwrap();
    }
}

#[tokio::test]
async fn during_a_rotation_both_certificates_are_accepted() {
    let (old, new) = (bootstrap("example.com").unwrap(), bootstrap("example.com").unwrap());
    let pins = [old.leaf.pin(), new.leaf.pin()];
    let config = Arc::new(ClientTls::pinned(pins).config().unwrap());
    for made in [old, new] {
        let server = serve(server_config(&made.leaf)).await;
        say_hello(config.clone(), server.address, "x.example.com").await.unwrap();
    }
    let third = serve(server_config(&bootstrap("example.com").unwrap().leaf)).await;
    let e = say_hello(config, third.address, "x.example.com").await.unwrap_err();
    assert_eq!(pin_mismatch(&e).unwrap().expected(), &PinSet::from(pins));
}

#[test]
fn what_makes_no_sense_is_an_error_and_no_panic() {
    let nothing = [
        ClientTls::pinned(PinSet::default()),
        ClientTls::pinned_and_webpki(PinSet::default()),
        ClientTls::webpki().roots(RootCertStore::empty().into()),
        ClientTls::pinned(Pin::from_der(b"x")).provider(Arc::new(CryptoProvider {
            cipher_suites: Vec::new(),
            ..ring::default_provider()
        })),
    ];
    for tls in nothing {
        assert_eq!(tls.config().unwrap_err().kind(), ErrorKind::Config);
    }
    let key = Ca::new("x").unwrap().issue(&["x"]).unwrap().key_pem();
    for (pem, says) in [("", "empty"), (key.as_str(), "private key"), ("hello", "no PEM block")] {
        let e = ClientTls::private_ca(pem).unwrap_err();
        assert!(e.kind() == ErrorKind::Certificate && e.to_string().contains(says), "{e}");
    }
}

/// The crypto provider decides which certificates cannot be verified.
#[cfg(feature = "aws-lc-rs")]
#[tokio::test]
async fn with_aws_lc_rs_a_p_521_certificate_is_accepted() {
    use flynn_tls::rustls::crypto::aws_lc_rs;
    use flynn_tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
    use flynn_tls::rustls::{ServerConfig, version::TLS13};
    use flynn_tls::{KeyKind, unverifiable};

    let provider = Arc::new(aws_lc_rs::default_provider());
    let ca = Ca::new("x").unwrap();
    let issued = ca.leaf(&["a.example.com"]).key(KeyKind::P521).issue().unwrap();
    let key = provider.key_provider.load_private_key(issued.key_der()).unwrap();
    let resolver = SingleCertAndKey::from(CertifiedKey::new(issued.chain(), key));
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    let server = serve(server).await;
    let config = ClientTls::pinned(issued.pin()).provider(provider).config().unwrap();
    say_hello(Arc::new(config), server.address, "a.example.com").await.unwrap();
    let ring = ClientTls::pinned(issued.pin()).config().unwrap();
    let e = say_hello(Arc::new(ring), server.address, "a.example.com").await.unwrap_err();
    assert!(unverifiable(&e).is_some(), "{e}");
}

/// The machine's roots do not contain a CA that was created here.
#[cfg(feature = "platform")]
#[tokio::test]
async fn the_platforms_roots_refuse_a_stranger_and_forgive_nothing() {
    let tls = || ClientTls::webpki().roots(Roots::platform());
    for forgiving in [tls().dangerous().accept_expired(), tls().dangerous().accept_other_names()] {
        assert_eq!(forgiving.config().unwrap_err().kind(), ErrorKind::Config);
    }
    let issued = Ca::new("x").unwrap().issue(&["a.example.com"]).unwrap();
    let server = serve(server_config(&issued)).await;
    for tls in [tls(), ClientTls::pinned_and_webpki(issued.pin()).roots(Roots::platform())] {
        // A machine may have no roots at all.
        match tls.config() {
            Ok(config) => {
                let e = say_hello(Arc::new(config), server.address, "a.example.com").await;
                assert!(e.unwrap_err().to_string().contains("UnknownIssuer"));
            }
            Err(e) => assert_eq!(e.kind(), ErrorKind::Config),
        }
    }
}

/// Only compiles: users share these types between tasks.
#[test]
fn configurations_and_errors_can_be_sent_to_other_threads() {
    fn sendable<T: Send + Sync + 'static>() {}
    sendable::<ClientTls>();
    sendable::<flynn_tls::PinMismatch>();
    sendable::<flynn_tls::Error>();
    sendable::<flynn_tls::Probe>();
    sendable::<flynn_tls::Presented>();
}
