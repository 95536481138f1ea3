//! TLS as in the router: the certificate of the requested route, or an alert for a name without a route.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::server::hub::Hub;

/// The result of a handshake.
pub(super) enum Greeting {
    /// The name has no route.
    Refused,
    /// It speaks HTTP/1.1.
    Http1(TlsStream<TcpStream>),
    /// It speaks HTTP/2.
    Http2(TlsStream<TcpStream>),
}

/// The TLS configurations by certificate and key. So a session of one certificate is never resumed under another.
#[derive(Default)]
pub(super) struct Identities(Mutex<HashMap<(String, String), Arc<ServerConfig>>>);

/// The fatal alert `internal_error`, which the real router (Go's TLS stack) sends for a name without a route.
const INTERNAL_ERROR: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50];

/// Performs the handshake.
pub(super) async fn greet(
    socket: TcpStream,
    hub: &Hub,
    identities: &Identities,
) -> io::Result<Greeting> {
    let mut start = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
    let name = start.client_hello().server_name().map(str::to_ascii_lowercase);
    let identity = hub.with(|inner| {
        inner.engine.advance(inner.clock.now());
        inner.engine.certificate(name.as_deref())
    });
    let Some(config) = identity.and_then(|identity| identities.config(identity)) else {
        start.io.write_all(&INTERNAL_ERROR).await?;
        start.io.shutdown().await?;
        return Ok(Greeting::Refused);
    };
    let stream = start.into_stream(config).await?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok(if h2 { Greeting::Http2(stream) } else { Greeting::Http1(stream) })
}

impl Identities {
    /// Returns the configuration for a certificate and its key; `None` if they cannot be used.
    fn config(&self, identity: (String, String)) -> Option<Arc<ServerConfig>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(&identity) {
            return Some(Arc::clone(config));
        }
        let config = Arc::new(configure(&identity.0, &identity.1)?);
        known.insert(identity, Arc::clone(&config));
        Some(config)
    }
}

fn configure(chain: &str, key: &str) -> Option<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).ok()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .ok()?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Some(config)
}
