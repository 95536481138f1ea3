//! One run of the steps: what was read from the files, and the connection to the cluster.

use std::time::Duration;

use flynn_client::Client;
use flynn_config::Cluster;
use flynn_tls::{ClientTls, Pin};

use crate::blocking::blocking;
use crate::certificate::NewCertificate;
use crate::connect;
use crate::job::Job;
use crate::reach::Reach;
use crate::screen::Screen;
use anyhow::{Result, anyhow, bail};

/// How long one deployment may take, its waiting included.
pub const DEPLOY_TIMEOUT: Duration = Duration::from_secs(300);
/// How long the routers may take to present what a route says.
const LIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// The files, the connection, and where to report.
pub struct Session {
    /// What shall be true at the end.
    pub job: Job,
    /// The cluster as `.flynnrc` has it now.
    pub cluster: Cluster,
    /// The client of its controller.
    pub client: Client,
    /// Where progress goes.
    pub screen: Screen,
    /// How its hosts are reached.
    pub reach: Reach,
    certificate: Option<NewCertificate>,
}

impl Session {
    /// Reads all files that the job names. Nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the files, in one line.
    pub fn open(job: Job, screen: Screen) -> Result<Self> {
        let cluster = connect::cluster(&job.locations, job.cluster.as_deref())?;
        let certificate = job.certificate.as_ref().map(NewCertificate::load).transpose()?;
        let reach = Reach::of(&cluster, &job.locations, job.connect_to)?;
        let client = reach.client(&cluster, trust(&cluster, certificate.as_ref())?)?;
        Ok(Self { job, cluster, client, screen, reach, certificate })
    }

    /// Reads `.flynnrc` again after it was changed, and connects by what it says now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn reload(&mut self) -> Result<()> {
        let (locations, name) = (self.job.locations.clone(), self.job.cluster.clone());
        self.cluster = blocking(move || connect::cluster(&locations, name.as_deref())).await?;
        self.reach = Reach::of(&self.cluster, &self.job.locations, self.job.connect_to)?;
        let trust = trust(&self.cluster, self.certificate.as_ref())?;
        self.client = self.reach.client(&self.cluster, trust)?;
        Ok(())
    }

    /// The new certificate.
    ///
    /// # Errors
    /// When none was given.
    pub fn certificate(&self) -> Result<&NewCertificate> {
        self.certificate.as_ref().ok_or_else(|| anyhow!("no certificate was given"))
    }

    /// The pin that `.flynnrc` has, if it has one.
    ///
    /// # Errors
    /// When it is none.
    pub fn pin(&self) -> Result<Option<Pin>> {
        connect::pin(&self.cluster)
    }

    /// The pin of what a host of the cluster presents now.
    ///
    /// # Errors
    /// When no handshake comes about.
    pub async fn presented(&self, host: &str) -> Result<Pin> {
        Ok(self.reach.presented(host).await?.pin())
    }

    /// Waits until a host presents the new certificate.
    ///
    /// # Errors
    /// When it presents another for half a minute.
    pub async fn presents_new(&self, host: &str) -> Result<()> {
        let wanted = self.certificate()?.pin;
        let deadline = tokio::time::Instant::now() + LIVE_TIMEOUT;
        let mut pause = Duration::from_millis(10);
        loop {
            let presented = self.presented(host).await?;
            if presented == wanted {
                return Ok(());
            }
            if tokio::time::Instant::now() + pause > deadline {
                bail!(
                    "{host} still presents a certificate with the pin {presented}, not the new one with {wanted}"
                );
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

/// Whom the client trusts. The new certificate's pin belongs to it: a run that was interrupted between the
/// controller's route and the pin goes on, and whoever presents it has proved to own the key that the user handed in.
fn trust(cluster: &Cluster, certificate: Option<&NewCertificate>) -> Result<ClientTls> {
    connect::trust(cluster, certificate.map(|certificate| certificate.pin))
}
