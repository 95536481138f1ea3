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

/// Asks a live server what it presents, without trusting it: nothing but a TLS handshake is
/// sent.
///
/// ```no_run
/// # async fn f() -> Result<(), flynn_tls::Error> {
/// use flynn_tls::Probe;
///
/// let presented = Probe::new("controller.example.com", 443).run().await?;
/// println!("{} {}", presented.pin(), presented.leaf()?.not_after());
///
/// // What does this node present for the same name?
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

/// What `host:port` presents to a client that asks for the name `server_name`: the short form of
/// [`Probe`], with its timeout of ten seconds.
///
/// # Errors
/// As [`Probe::run`].
pub async fn probe(host: &str, port: u16, server_name: &str) -> Result<Presented, Error> {
    Probe::new(host, port).server_name(server_name).run().await
}

impl Probe {
    /// Asks `host` (a name or an IP address, IPv6 with or without brackets) for its own name.
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

    /// Asks for another name (or address, as in [`new`](Self::new)) than the one connected to.
    pub fn server_name(mut self, name: &str) -> Self {
        self.server_name = Some(without_brackets(name).to_owned());
        self
    }

    /// Connects to this address, whatever the host's name resolves to: one node of a cluster.
    pub fn connect_to(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// How long everything together may take: resolving, connecting, the handshake. Ten seconds
    /// unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The protocols offered by ALPN, each of 1 to 255 bytes; `h2` and `http/1.1` unless set. None:
    /// no ALPN at all.
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Uses this crypto provider instead of the default one.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Connects, shakes hands, and hangs up.
    ///
    /// A server that shows its certificate and then breaks the handshake off (because it wants
    /// one of us, say) has presented it: that is a success, with
    /// [`completed`](Presented::completed) false.
    ///
    /// # Errors
    /// [`ErrorKind::Name`] for a name that TLS cannot ask for, [`ErrorKind::Connect`],
    /// [`ErrorKind::Timeout`], [`ErrorKind::Handshake`] when no certificate was seen, and
    /// [`ErrorKind::Config`] without a crypto provider, or for a protocol that ALPN cannot offer.
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

    /// `host:port`, and the address where another one is connected to.
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
        // The length has one byte, and rustls does not look.
        if let Some(odd) = self.alpn.iter().find(|name| !(1..=255).contains(&name.len())) {
            let message = format!("ALPN has no protocol names of {} bytes", odd.len());
            return Err(Error::new(ErrorKind::Config, message));
        }
        let provider = match &self.provider {
            Some(provider) => Arc::clone(provider),
            None => provider::default()?,
        };
        let witness = Arc::new(Witness::new(&provider));
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::because(ErrorKind::Config, "the crypto provider cannot do TLS", e))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as _)
            .with_no_client_auth();
        config.alpn_protocols.clone_from(&self.alpn);
        config.resumption = rustls::client::Resumption::disabled();

        let (stream, peer) = match self.address {
            Some(address) => connect::to(&[address], what).await?,
            None => connect::resolve(&self.host, self.port, what).await?,
        };
        let mut handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let outcome = (&mut handshake).await;
        let session = match &outcome {
            Ok(stream) => Some(stream.get_ref().1),
            Err(_) => None,
        };
        match witness.testimony() {
            Some(seen) => Ok(Presented::new(peer, seen, session)),
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

/// IPv6 as URLs write it.
fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}
