//! How the hosts of a cluster are reached: by DNS, or all at one address.

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

/// How many hosts are asked for their certificate at the same time.
const PROBES_AT_ONCE: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// A cluster's hosts: those beside the controller have the port of its URL, and one address for all may be given.
#[derive(Debug, Clone)]
pub struct Reach {
    controller: Url,
    connect_to: Option<SocketAddr>,
    tokens: Tokens,
}

impl Reach {
    /// The hosts of a cluster of `.flynnrc`.
    ///
    /// # Errors
    /// When its `ControllerURL` is not `https://controller.<domain>`, with or without a port.
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
        Ok(Self { controller, connect_to, tokens: locations.tokens() })
    }

    /// The controller's URL.
    pub fn controller_url(&self) -> &str {
        self.controller.as_str().trim_end_matches('/')
    }

    /// The controller's host.
    pub fn controller_host(&self) -> &str {
        self.controller.host_str().unwrap_or_default()
    }

    /// The port as URLs carry it: nothing, or `:8443`.
    pub fn port_suffix(&self) -> String {
        self.controller.port().map(|port| format!(":{port}")).unwrap_or_default()
    }

    /// A client of the controller over this TLS.
    ///
    /// # Errors
    /// When it cannot be set up. Nothing is sent yet.
    pub fn client(&self, cluster: &Cluster, tls: ClientTls) -> Result<Client> {
        let builder = connect::builder(tls, cluster, &self.tokens)?;
        self.direct(builder, self.controller_host()).build().context("cannot set up the client")
    }

    /// Whether a host has an address: without one, a migration to its domain would lock us out.
    ///
    /// # Errors
    /// When DNS knows none, and no address for all hosts was given.
    pub async fn resolves(&self, host: &str) -> Result<()> {
        if self.connect_to.is_some() {
            return Ok(());
        }
        let what =
            format!("{host} does not resolve yet: apply the DNS plan first, or give --connect-to");
        let mut found = tokio::net::lookup_host((host, 443)).await.with_context(|| what.clone())?;
        found.next().map(|_| ()).ok_or_else(|| anyhow!(what))
    }

    /// Returns what a host of the cluster presents now.
    ///
    /// # Errors
    /// Returns why there was no TLS handshake.
    pub async fn presented(&self, host: &str) -> Result<Presented> {
        self.probe(host).run().await.with_context(|| format!("no TLS handshake with {host}"))
    }

    /// Returns what several hosts of the cluster present now, in their order.
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

    /// The status, asked as a monitoring service would: by its public name, with its own key.
    ///
    /// # Errors
    /// When the status app does not answer.
    pub async fn status(&self, client: &Client, domain: &str) -> Result<Status> {
        let host = format!("status.{domain}");
        let url = format!("https://{host}{}", self.port_suffix());
        // It has no certificate of its own and presents the router's default one.
        let router = cluster::env(client, "router").await?;
        let certificate = router.get("TLSCERT").map_or("", String::as_str);
        let pin = Pin::from_pem(certificate).context("the router's TLSCERT is no certificate")?;
        let tls = ClientTls::pinned(pin).config().context("cannot set up TLS")?;
        let mut builder = self.direct(StatusClient::builder(&url).rustls_config(tls), &host);
        // Its key is another one than the controller's; private addresses are not asked for it.
        if let Some(key) = cluster::env(client, "status").await?.remove("AUTH_KEY") {
            builder = builder.key(key);
        }
        let client = builder.build_status().context("cannot set up the client")?;
        client.status().await.with_context(|| format!("cannot ask {url} for the status"))
    }

    fn direct(&self, builder: ClientBuilder, host: &str) -> ClientBuilder {
        match self.connect_to {
            // Who names the address does not want a proxy to choose another.
            Some(address) => builder.resolve(host, address).no_proxy(),
            None => builder,
        }
    }
}
