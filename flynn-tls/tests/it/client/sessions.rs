use std::net::SocketAddr;
use std::sync::Arc;

use flynn_tls::generate::bootstrap;
use flynn_tls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use flynn_tls::rustls::crypto::ring;
use flynn_tls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use flynn_tls::rustls::version::{TLS12, TLS13};
use flynn_tls::rustls::{
    self, ClientConfig, DigitallySignedStruct, HandshakeKind, ServerConfig, SignatureScheme,
};
use flynn_tls::{ClientTls, Pin, pin_mismatch};

use crate::support::{Server, say_hello, serve};

const HOST: &str = "controller.example.com";

async fn kind(config: &Arc<ClientConfig>, address: SocketAddr) -> std::io::Result<HandshakeKind> {
    let tls = say_hello(config.clone(), address, HOST).await?;
    Ok(tls.get_ref().1.handshake_kind().unwrap())
}

/// Servers of each version: one that stores sessions itself (session ids over TLS 1.2) and one that issues tickets.
/// Returns them with their common pin.
async fn servers() -> (Vec<Server>, Pin) {
    let leaf = bootstrap("example.com").unwrap().leaf;
    let mut servers = Vec::new();
    for (version, tickets) in [(&TLS12, false), (&TLS12, true), (&TLS13, false), (&TLS13, true)] {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(leaf.chain(), leaf.key_der())
            .unwrap();
        if tickets {
            config.ticketer = ring::Ticketer::new().unwrap();
        }
        servers.push(serve(config).await);
    }
    (servers, leaf.pin())
}

#[tokio::test]
async fn a_session_is_kept_within_a_configuration_and_its_clones() {
    let (servers, pin) = servers().await;
    for server in &servers {
        let config = ClientTls::pinned(pin).config().unwrap();
        let clone = Arc::new(config.clone());
        let config = Arc::new(config);
        assert_eq!(kind(&config, server.address).await.unwrap(), HandshakeKind::Full);
        assert_eq!(kind(&config, server.address).await.unwrap(), HandshakeKind::Resumed);
        assert_eq!(kind(&clone, server.address).await.unwrap(), HandshakeKind::Resumed);
    }
}

#[tokio::test]
async fn another_pin_set_never_resumes_even_when_the_store_is_shared() {
    let (servers, pin) = servers().await;
    let wrong = Pin::from_der(b"another");
    for server in &servers {
        let first = ClientTls::pinned(pin).config().unwrap();
        let store = first.resumption.clone();
        let first = Arc::new(first);
        kind(&first, server.address).await.unwrap();
        assert_eq!(kind(&first, server.address).await.unwrap(), HandshakeKind::Resumed);

        // Same pins, another configuration; more pins; another mode: accepted, in full.
        for tls in [
            ClientTls::pinned(pin),
            ClientTls::pinned([pin, wrong]),
            ClientTls::webpki().dangerous().accept_any_certificate(),
        ] {
            let mut config = tls.config().unwrap();
            config.resumption = store.clone();
            let kind = kind(&Arc::new(config), server.address).await.unwrap();
            assert_eq!(kind, HandshakeKind::Full);
        }

        // The wrong pin: refused, although the store holds a session that would do.
        let mut config = ClientTls::pinned(wrong).config().unwrap();
        config.resumption = store.clone();
        let e = kind(&Arc::new(config), server.address).await.unwrap_err();
        assert!(pin_mismatch(&e).is_some(), "{e}");
    }
}

/// Refuses every client.
#[derive(Debug)]
struct Nobody;

impl ServerCertVerifier for Nobody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Err(rustls::Error::General("nobody".into()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("nobody".into()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("nobody".into()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[tokio::test]
async fn a_clone_with_another_verifier_does_not_resume() {
    let (servers, pin) = servers().await;
    for server in &servers {
        let config = ClientTls::pinned(pin).config().unwrap();
        let mut changed = config.clone();
        changed.dangerous().set_certificate_verifier(Arc::new(Nobody));
        kind(&Arc::new(config), server.address).await.unwrap();
        let e = kind(&Arc::new(changed), server.address).await.unwrap_err();
        assert!(e.to_string().contains("nobody"), "{e}");
    }
}
