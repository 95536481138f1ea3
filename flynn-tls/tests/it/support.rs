//! A TLS server in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use flynn_tls::generate::Issued;
use flynn_tls::rustls::crypto::ring;
use flynn_tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use flynn_tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use flynn_tls::rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Echoes one line per connection, and counts the application bytes that it receives.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn server_config(issued: &Issued) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(issued.chain(), issued.key_der())
        .unwrap()
}

/// Returns a configuration for what `with_single_cert` refuses: certificates that webpki cannot read, or with another
/// key.
pub(crate) fn unchecked_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = ring::default_provider();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver))
}

pub(crate) async fn serve(config: ServerConfig) -> Server {
    serve_at((Ipv4Addr::LOCALHOST, 0).into(), config).await
}

pub(crate) async fn serve_at(address: SocketAddr, config: ServerConfig) -> Server {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let task = tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                let mut buffer = [0; 64];
                while let Ok(n @ 1..) = tls.read(&mut buffer).await {
                    let _ = tls.write_all(&buffer[..n]).await;
                }
            });
        }
    });
    Server { address, task }
}

/// Completes a handshake for `name`, sends a line and waits for its echo.
pub(crate) async fn say_hello(
    config: Arc<ClientConfig>,
    address: SocketAddr,
    name: &str,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut tls = TlsConnector::from(config).connect(name, tcp).await?;
    tls.write_all(b"hello").await?;
    let mut answer = [0; 5];
    tls.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"hello");
    Ok(tls)
}
