//! One run of the steps: what was read from the files, and the connection to the cluster.

use std::time::Duration;

use flynn_client::Client;
use flynn_config::{Cluster, FlynnRc};
use flynn_tls::{ClientTls, Pin, PinSet, Probe};
use url::Url;

use crate::certificate::NewCertificate;
use crate::failure::{Context, Failure, Result};
use crate::job::Job;
use crate::screen::Screen;

/// How long one deployment may take, its waiting included.
pub const DEPLOY_TIMEOUT: Duration = Duration::from_secs(300);
/// How long the routers may take to present what a route says.
const LIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// The files, the connection, and where to report.
pub struct Session {
    /// What shall be true at the end.
    pub job: Job,
    /// The new certificate.
    pub certificate: NewCertificate,
    /// The cluster as `.flynnrc` has it now.
    pub cluster: Cluster,
    /// The client of its controller.
    pub client: Client,
    /// Where progress goes.
    pub screen: Screen,
    controller: Url,
}

impl Session {
    /// Reads all files that the job names. Nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the files, in one line.
    pub fn open(job: Job, screen: Screen) -> Result<Self> {
        let cluster = read_cluster(&job)?;
        let certificate = NewCertificate::load(&job.certificate, &job.key)?;
        let controller = controller_url(&cluster)?;
        let pins = PinSet::from_iter([pin_of(&cluster)?, certificate.pin]);
        let client = client(&job, &cluster, &controller, pins)?;
        Ok(Self { job, certificate, cluster, client, screen, controller })
    }

    /// Reads `.flynnrc` again after it was changed, and connects by what it says now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn reload(&mut self) -> Result<()> {
        self.cluster = read_cluster(&self.job)?;
        self.controller = controller_url(&self.cluster)?;
        // The new certificate's pin belongs to the set: a run that was interrupted between the controller's route
        // and the pin goes on, and whoever presents it has proved to own the key that the user handed in.
        let pins = PinSet::from_iter([self.pin()?, self.certificate.pin]);
        self.client = client(&self.job, &self.cluster, &self.controller, pins)?;
        Ok(())
    }

    /// The pin that `.flynnrc` has.
    ///
    /// # Errors
    /// When it is none.
    pub fn pin(&self) -> Result<Pin> {
        pin_of(&self.cluster)
    }

    /// A client that trusts these pins alone.
    ///
    /// # Errors
    /// When it cannot be set up.
    pub fn client_with(&self, pins: impl Into<PinSet>) -> Result<Client> {
        client(&self.job, &self.cluster, &self.controller, pins.into())
    }

    /// The controller's URL as `.flynnrc` has it.
    pub fn controller_url(&self) -> &str {
        self.controller.as_str().trim_end_matches('/')
    }

    /// The port of every URL of the cluster.
    pub fn port(&self) -> u16 {
        self.controller.port_or_known_default().unwrap_or(443)
    }

    /// The port as URLs carry it: nothing, or `:8443`.
    pub fn port_suffix(&self) -> String {
        self.controller.port().map(|port| format!(":{port}")).unwrap_or_default()
    }

    /// The host of the controller that `.flynnrc` names.
    pub fn controller_host(&self) -> &str {
        self.controller.host_str().unwrap_or_default()
    }

    /// The pin of what a host of the cluster presents now.
    ///
    /// # Errors
    /// When no handshake comes about.
    pub async fn presented(&self, host: &str) -> Result<Pin> {
        let mut probe = Probe::new(host, self.port());
        if let Some(address) = self.job.connect_to {
            probe = probe.connect_to(address);
        }
        Ok(probe.run().await.context(format!("no TLS handshake with {host}"))?.pin())
    }

    /// Waits until a host presents the new certificate.
    ///
    /// # Errors
    /// When it presents another for half a minute.
    pub async fn presents_new(&self, host: &str) -> Result<()> {
        let wanted = self.certificate.pin;
        let deadline = tokio::time::Instant::now() + LIVE_TIMEOUT;
        let mut pause = Duration::from_millis(10);
        loop {
            let presented = self.presented(host).await?;
            if presented == wanted {
                return Ok(());
            }
            if tokio::time::Instant::now() + pause > deadline {
                return Err(Failure::new(format!(
                    "{host} still presents a certificate with the pin {presented}, not the new one with {wanted}"
                )));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

fn read_cluster(job: &Job) -> Result<Cluster> {
    let rc = FlynnRc::load(job.locations.flynnrc()).context("cannot use .flynnrc")?;
    rc.select(job.cluster.as_deref()).cloned().context("cannot use .flynnrc")
}

fn pin_of(cluster: &Cluster) -> Result<Pin> {
    cluster
        .tls_pin()
        .parse()
        .context(format!("cannot use the TLSPin of cluster {:?}", cluster.name()))
}

fn controller_url(cluster: &Cluster) -> Result<Url> {
    let what = format!("cannot use the ControllerURL of cluster {:?}", cluster.name());
    let url = Url::parse(cluster.controller_url()).context(&what)?;
    if url.scheme() != "https"
        || !url.host_str().is_some_and(|host| host.starts_with("controller."))
    {
        return Err(Failure::new(format!("{what}: it is not https://controller.<domain>")));
    }
    Ok(url)
}

fn client(job: &Job, cluster: &Cluster, controller: &Url, pins: PinSet) -> Result<Client> {
    let tls = ClientTls::pinned(pins).config().context("cannot set up TLS")?;
    let mut builder =
        Client::builder(cluster.controller_url()).key(cluster.key()).rustls_config(tls);
    if let (Some(address), Some(host)) = (job.connect_to, controller.host_str()) {
        // Who names the address does not want a proxy to choose another.
        builder = builder.resolve(host, address).no_proxy();
    }
    builder.build().context("cannot set up the client")
}
