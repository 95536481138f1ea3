mod connect;
mod many;
mod presented;
mod refusal;
mod witness;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

pub use many::probe_many;
pub use presented::Presented;

use crate::error::{Error, ErrorKind};
use crate::provider;
use witness::Witness;

/// Asks a live server for its certificate without trusting it. Sends only a TLS handshake.
///
/// ```no_run
/// # async fn f() -> Result<(), flynn_tls::Error> {
/// use flynn_tls::Probe;
///
/// let presented = Probe::new("controller.example.com", 443).run().await?;
/// println!("{} {}", presented.pin(), presented.leaf()?.not_after());
///
/// // Ask one node of the cluster for the same name.
/// let node = Probe::new("controller.example.com", 443).connect_to(([10, 0, 0, 1], 443));
/// println!("{}", node.run().await?.pin());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `run`"]
pub struct Probe {
    host: String,
    port: u16,
    server_name: Option<String>,
    address: Option<SocketAddr>,
    timeout: Duration,
    alpn: Vec<Vec<u8>>,
    provider: Option<Arc<CryptoProvider>>,
}

/// Asks `host:port` for the certificate of `server_name`, with a timeout of 10 seconds. See [`Probe`]
/// for more settings.
///
/// # Errors
/// Returns the errors of [`Probe::run`].
pub async fn probe(host: &str, port: u16, server_name: &str) -> Result<Presented, Error> {
    Probe::new(host, port).server_name(server_name).run().await
}

impl Probe {
    /// Creates a probe that asks `host` for its own name. `host` is a name or an IP address, IPv6 with
    /// or without brackets.
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: without_brackets(host).to_owned(),
            port,
            server_name: None,
            address: None,
            timeout: Duration::from_secs(10),
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            provider: None,
        }
    }

    /// Asks for the certificate of this name or address instead of the host.
    pub fn server_name(mut self, name: &str) -> Self {
        self.server_name = Some(without_brackets(name).to_owned());
        self
    }

    /// Connects to this address, such as one node of a cluster, instead of resolving the host.
    pub fn connect_to(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Sets the timeout of the whole probe: resolving, connecting and the handshake. The default is
    /// 10 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the protocols to offer by ALPN, each of 1 to 255 bytes. The default is `h2` and
    /// `http/1.1`; an empty list disables ALPN.
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Uses this crypto provider instead of the default one.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Connects, performs the handshake, and disconnects.
    ///
    /// If a server presents its certificate and then ends the handshake, for example because it
    /// requires a client certificate, that is a success with [`completed`](Presented::completed)
    /// false.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Name`] if TLS cannot ask for the name, with [`ErrorKind::Connect`] or
    /// [`ErrorKind::Timeout`] if the server does not answer, with [`ErrorKind::Handshake`] if it did not present a
    /// certificate, and with [`ErrorKind::Config`] without a crypto provider or for an ALPN protocol of a wrong length.
    pub async fn run(self) -> Result<Presented, Error> {
        let what = self.describe();
        match tokio::time::timeout(self.timeout, self.shake_hands(&what)).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("{what} did not answer within {:?}", self.timeout),
            )),
        }
    }

    /// Returns `host:port`, with the address if one was set.
    fn describe(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        match self.address {
            Some(address) => format!("{host} at {address}"),
            None => host,
        }
    }

    async fn shake_hands(&self, what: &str) -> Result<Presented, Error> {
        let asked = self.server_name.as_deref().unwrap_or(&self.host);
        let name = ServerName::try_from(asked.to_owned()).map_err(|e| {
            Error::because(ErrorKind::Name, format!("{asked:?} is not a host name"), e)
        })?;
        // The length field has one byte, and rustls does not check it.
        if let Some(odd) = self.alpn.iter().find(|name| !(1..=255).contains(&name.len())) {
            let message =
                format!("an ALPN protocol has {} bytes: it must have 1 to 255", odd.len());
            return Err(Error::new(ErrorKind::Config, message));
        }
        let provider = match &self.provider {
            Some(provider) => Arc::clone(provider),
            None => provider::default()?,
        };
        let witness = Arc::new(Witness::new(&provider));
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| {
                Error::because(
                    ErrorKind::Config,
                    "the crypto provider does not support TLS 1.2 and 1.3",
                    e,
                )
            })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as _)
            .with_no_client_auth();
        config.alpn_protocols.clone_from(&self.alpn);
        config.resumption = rustls::client::Resumption::disabled();

        let (stream, peer) = match self.address {
            Some(address) => connect::to(&[address], what).await?,
            None => connect::resolve(&self.host, self.port, what).await?,
        };
        let mut handshake = TlsConnector::from(Arc::new(config)).connect(name.clone(), stream);
        let outcome = (&mut handshake).await;
        let session = match &outcome {
            Ok(stream) => Some(stream.get_ref().1),
            Err(_) => None,
        };
        match witness.testimony() {
            Some(seen) => Ok(Presented::new(peer, name, seen, session, provider)),
            None => Err(match outcome {
                Err(e) => {
                    Error::because(ErrorKind::Handshake, refusal::explain(&e, what, asked), e)
                }
                Ok(_) => {
                    Error::new(ErrorKind::Handshake, format!("{what} presented no certificate"))
                }
            }),
        }
    }
}

/// Removes the brackets of an IPv6 address in a URL.
fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}
