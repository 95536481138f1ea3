//! What is still wrong with a cluster, and with the files of the person who uses it. Nothing is changed.

mod blobstore;
mod certificates;
mod connection;
mod files;
mod routes;

use std::fmt;
use std::net::SocketAddr;

use flynn_client::Client;
use flynn_config::{Cluster, Locations};
use flynn_tls::Roots;

use crate::blocking::blocking;
use crate::connect;
use crate::reach::Reach;
use anyhow::Result;

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Works, and probably not as it should.
    Warning,
    /// Does not work, or is a danger.
    Error,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: `.flynnrc`, a host, an app.
    pub subject: String,
    /// What is wrong.
    pub explanation: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    fn error(
        subject: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            subject: subject.into(),
            explanation: what.into(),
            remedy: remedy.into(),
        }
    }

    fn warning(
        subject: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(subject, what, remedy) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(
            f,
            "{severity:<8} {}: {}\n         → {}",
            self.subject, self.explanation, self.remedy
        )
    }
}

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
    /// When there is no such file or cluster, or its pin or URL is none.
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

    /// The CA that its certificates lead to, when it is not a public one and not the cluster's own.
    #[must_use]
    pub fn with_ca(mut self, ca: Roots) -> Self {
        self.ca = Some(ca);
        self
    }

    /// The cluster's name and the controller's URL.
    pub fn describe(&self) -> String {
        format!("cluster {:?} at {}", self.cluster.name(), self.cluster.controller_url())
    }

    async fn files(&self) -> Result<Vec<Finding>> {
        let (locations, url) = (self.locations.clone(), self.cluster.git_url().to_owned());
        blocking(move || Ok(files::examine(&locations, &url))).await
    }

    /// Everything that is wrong, the worst first. What cannot be looked at is a finding too.
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
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }
}

/// The findings, or that there are none because looking failed.
fn either(findings: Result<Vec<Finding>>, subject: &str) -> Vec<Finding> {
    findings.unwrap_or_else(|failure| {
        vec![Finding::error(subject, failure.to_string(), "put this right and ask again")]
    })
}
