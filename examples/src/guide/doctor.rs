//! Finds problems of a cluster and of the user's files for it. Changes nothing.

mod blobstore;
mod certificates;
mod connection;
mod files;
mod finding;
mod git;
mod routes;

use std::net::SocketAddr;

use flynn_aws::Finding;
use flynn_client::Client;
use flynn_config::{Cluster, Locations};
use flynn_tls::Roots;

use crate::blocking::blocking;
use crate::connect;
use crate::reach::Reach;
use crate::text::{one_line, shell_quoted};
use anyhow::Result;

/// A cluster under examination.
pub struct Patient {
    locations: Locations,
    cluster: Cluster,
    reach: Reach,
    client: Client,
    ca: Option<Roots>,
}

impl Patient {
    /// Chooses a cluster of `.flynnrc`. Nothing is sent yet.
    ///
    /// # Errors
    /// Fails if the file or the cluster is missing, or if its pin or URL is not valid.
    pub fn open(
        locations: Locations,
        cluster: Option<&str>,
        connect_to: Option<SocketAddr>,
    ) -> Result<Self> {
        let cluster = connect::cluster(&locations, cluster)?;
        let reach = Reach::of(&cluster, &locations, connect_to)?;
        let client = reach.client(&cluster, connect::trust(&cluster, None)?)?;
        Ok(Self { locations, cluster, reach, client, ca: None })
    }

    /// Sets the CA that its certificates lead to, if that is neither a public CA nor the cluster's own.
    #[must_use]
    pub fn with_ca(mut self, ca: Roots) -> Self {
        self.ca = Some(ca);
        self
    }

    /// Returns the cluster's name and the controller's URL.
    pub fn describe(&self) -> String {
        format!("cluster {:?} at {}", self.cluster.name(), self.cluster.controller_url())
    }

    async fn files(&self) -> Result<Vec<Finding>> {
        let (locations, cluster) = (self.locations.clone(), self.cluster.clone());
        blocking(move || {
            let mut findings = files::examine(&locations);
            findings.extend(git::examine(&locations, &cluster));
            Ok(findings)
        })
        .await
    }

    /// Returns the command that replaces a wrong certificate.
    fn install_certificate(&self) -> String {
        let cluster = shell_quoted(self.cluster.name());
        format!("install-certificate --cluster {cluster} --cert FILE --key FILE")
    }

    /// Returns all problems, the worst first, one finding per cause. A check that is not possible is a finding too.
    pub async fn examine(&self) -> Vec<Finding> {
        let mut findings = either(self.files().await, "files");
        match connection::examine(self).await {
            Err(finding) => findings.push(finding),
            Ok(domain) => {
                findings.extend(connection::domain(self, &domain));
                findings.extend(connection::status(self, &domain).await);
                let routes = routes::examine(self, &domain).await;
                findings.extend(either(routes, "routes"));
                let certificates = certificates::examine(self, &domain).await;
                findings.extend(either(certificates, "certificates"));
                findings.extend(either(blobstore::examine(self).await, "blobstore"));
            }
        }
        finding::by_cause(findings)
    }
}

/// Returns the findings, or one that says why there are none.
fn either(findings: Result<Vec<Finding>>, subject: &str) -> Vec<Finding> {
    findings.unwrap_or_else(|failure| {
        let what = one_line(failure.as_ref());
        vec![Finding::error("not-examined", subject, what, "fix this and run doctor again")]
    })
}
