//! Connects to the hosts of a cluster, by DNS or all at one address.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use flynn_client::status::Status;
use flynn_client::{Client, ClientBuilder, StatusClient};
use flynn_config::login::Tokens;
use flynn_config::{Cluster, Locations};
use flynn_tls::{ClientTls, Pin, Presented, Probe, probe_many};
use url::Url;

use crate::cluster;
use crate::connect;
use anyhow::{Context as _, Result, anyhow, bail};

/// The number of hosts that are asked for their certificate at the same time.
const PROBES_AT_ONCE: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// A cluster's hosts. All use the port of the controller's URL, and `--connect-to` sets one address for all.
#[derive(Debug, Clone)]
pub struct Reach {
    controller: Url,
    connect_to: Option<SocketAddr>,
    tokens: Tokens,
}

impl Reach {
    /// Returns the hosts of a cluster of `.flynnrc`.
    ///
    /// # Errors
    /// Fails if its `ControllerURL` is not `https://controller.<domain>`, with or without a port.
    pub fn of(
        cluster: &Cluster,
        locations: &Locations,
        connect_to: Option<SocketAddr>,
    ) -> Result<Self> {
        let what = format!("cannot use the ControllerURL of cluster {:?}", cluster.name());
        let controller = Url::parse(cluster.controller_url()).with_context(|| what.clone())?;
        let named = controller.host_str().is_some_and(|host| host.starts_with("controller."));
        if controller.scheme() != "https" || !named {
            bail!("{what}: it is not https://controller.<domain>");
        }
        let port = controller.port_or_known_default().unwrap_or_default();
        if connect_to.is_some_and(|address| address.port() != port) {
            bail!(
                "the URLs of cluster {:?} have the port {port}: give it to --connect-to too",
                cluster.name()
            );
        }
        Ok(Self { controller, connect_to, tokens: locations.tokens() })
    }

    /// Returns the controller's URL.
    pub fn controller_url(&self) -> &str {
        self.controller.as_str().trim_end_matches('/')
    }

    /// Returns the controller's host.
    pub fn controller_host(&self) -> &str {
        self.controller.host_str().unwrap_or_default()
    }

    /// Returns the port as it follows a host in a URL: empty, or `:8443`.
    pub fn port_suffix(&self) -> String {
        self.controller.port().map(|port| format!(":{port}")).unwrap_or_default()
    }

    /// Returns a client of the controller with these TLS settings.
    ///
    /// # Errors
    /// Fails if it cannot be set up. Nothing is sent yet.
    pub fn client(&self, cluster: &Cluster, tls: ClientTls) -> Result<Client> {
        let builder = connect::builder(tls, cluster, &self.tokens)?;
        self.direct(builder, self.controller_host()).build().context("cannot set up the client")
    }

    /// Returns a client without a key for the site of a URL, such as the login server's.
    ///
    /// # Errors
    /// Fails if it cannot be set up. Nothing is sent yet.
    pub fn site(&self, url: &Url, tls: ClientTls) -> Result<Client> {
        let tls = tls.config().context("cannot set up TLS")?;
        let builder = Client::builder(url.origin().ascii_serialization()).rustls_config(tls);
        let host = url.host_str().unwrap_or_default();
        self.direct(builder, host).build().context("cannot set up the client")
    }

    /// Checks that a host has an address. Without one, a migration to its domain would lock us out.
    ///
    /// # Errors
    /// Fails if DNS has no address for it and `--connect-to` was not given.
    pub async fn resolves(&self, host: &str) -> Result<()> {
        if self.connect_to.is_some() {
            return Ok(());
        }
        let what =
            format!("{host} does not resolve yet: apply the DNS plan first, or give --connect-to");
        let mut found = tokio::net::lookup_host((host, 443)).await.with_context(|| what.clone())?;
        found.next().map(|_| ()).ok_or_else(|| anyhow!(what))
    }

    /// Returns the certificates that a host of the cluster presents now.
    ///
    /// # Errors
    /// Fails if the TLS handshake fails.
    pub async fn presented(&self, host: &str) -> Result<Presented> {
        self.probe(host).run().await.with_context(|| format!("no TLS handshake with {host}"))
    }

    /// Returns the certificates that several hosts of the cluster present now, in their order.
    pub async fn presented_by(
        &self,
        hosts: impl IntoIterator<Item = &str>,
    ) -> Vec<Result<Presented, flynn_tls::Error>> {
        probe_many(hosts.into_iter().map(|host| self.probe(host)), PROBES_AT_ONCE).await
    }

    fn probe(&self, host: &str) -> Probe {
        let port = self.controller.port_or_known_default().unwrap_or(443);
        let probe = Probe::new(host, port);
        match self.connect_to {
            Some(address) => probe.connect_to(address),
            None => probe,
        }
    }

    /// Asks for the status as a monitoring service does: by its public name and with the status app's key.
    ///
    /// # Errors
    /// Fails if the status app does not answer.
    pub async fn status(&self, client: &Client, domain: &str) -> Result<Status> {
        let host = format!("status.{domain}");
        let url = format!("https://{host}{}", self.port_suffix());
        // The status app has no certificate, so it presents the router's default one.
        let router = cluster::env(client, "router").await?;
        let certificate = router.get("TLSCERT").map_or("", String::as_str);
        let pin =
            Pin::from_pem(certificate).context("the TLSCERT of the router is not a certificate")?;
        let tls = ClientTls::pinned(pin).config().context("cannot set up TLS")?;
        let mut builder = self.direct(StatusClient::builder(&url).rustls_config(tls), &host);
        // Its key differs from the controller's. It does not ask private addresses for it.
        if let Some(key) = cluster::env(client, "status").await?.remove("AUTH_KEY") {
            builder = builder.key(key);
        }
        let client = builder.build_status().context("cannot set up the client")?;
        client.status().await.with_context(|| format!("cannot ask {url} for the status"))
    }

    fn direct(&self, builder: ClientBuilder, host: &str) -> ClientBuilder {
        match self.connect_to {
            // A proxy would choose another address.
            Some(address) => builder.resolve(host, address).no_proxy(),
            None => builder,
        }
    }
}
