//! One run of the steps: the files and the connection to the cluster.

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

/// The longest time for one deployment, including the wait for an earlier one.
pub const DEPLOY_TIMEOUT: Duration = Duration::from_secs(300);
/// The longest time until the routers present a route's certificate.
const LIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// The files, the connection and the progress of a run.
pub struct Session {
    /// The state to work towards.
    pub job: Job,
    /// The cluster as `.flynnrc` has it now.
    pub cluster: Cluster,
    /// The client of its controller.
    pub client: Client,
    /// The output of the progress.
    pub screen: Screen,
    /// The connections to its hosts.
    pub reach: Reach,
    certificate: Option<NewCertificate>,
}

impl Session {
    /// Reads the files of the certificate, and sets up the client of the cluster. Nothing is sent yet.
    ///
    /// # Errors
    /// Fails if a file is missing or not valid. The error names it in one line.
    pub fn open(job: Job, cluster: Cluster, screen: Screen) -> Result<Self> {
        let certificate = job.certificate.as_ref().map(NewCertificate::load).transpose()?;
        let reach = Reach::of(&cluster, &job.locations, job.connect_to)?;
        let client = reach.client(&cluster, trust(&cluster, certificate.as_ref())?)?;
        Ok(Self { job, cluster, client, screen, reach, certificate })
    }

    /// Reads `.flynnrc` again after a change, and connects with its new values.
    ///
    /// # Errors
    /// Fails if it is not valid.
    pub async fn reload(&mut self) -> Result<()> {
        let (locations, name) = (self.job.locations.clone(), self.cluster.name().to_owned());
        self.cluster = blocking(move || connect::cluster(&locations, Some(&name))).await?;
        self.reach = Reach::of(&self.cluster, &self.job.locations, self.job.connect_to)?;
        let trust = trust(&self.cluster, self.certificate.as_ref())?;
        self.client = self.reach.client(&self.cluster, trust)?;
        Ok(())
    }

    /// The new certificate.
    ///
    /// # Errors
    /// Fails if none was given.
    pub fn certificate(&self) -> Result<&NewCertificate> {
        self.certificate.as_ref().ok_or_else(|| anyhow!("no certificate was given"))
    }

    /// Returns the pin in `.flynnrc`, if there is one.
    ///
    /// # Errors
    /// Fails if it is not valid.
    pub fn pin(&self) -> Result<Option<Pin>> {
        connect::pin(&self.cluster)
    }

    /// Returns the pin of the certificate that a host presents now.
    ///
    /// # Errors
    /// Fails if the TLS handshake fails.
    pub async fn presented(&self, host: &str) -> Result<Pin> {
        Ok(self.reach.presented(host).await?.pin())
    }

    /// Waits until a host presents the new certificate.
    ///
    /// # Errors
    /// Fails if it still presents another one after half a minute.
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

/// Returns TLS settings that trust the pin in `.flynnrc` and the pin of the new certificate. So a run that was
/// interrupted between the controller's route and the pin can continue. A server that presents the new certificate has
/// proved that it has the user's private key.
fn trust(cluster: &Cluster, certificate: Option<&NewCertificate>) -> Result<ClientTls> {
    connect::trust(cluster, certificate.map(|certificate| certificate.pin))
}
