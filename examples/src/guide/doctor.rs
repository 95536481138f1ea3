//! Finds problems of a cluster and of the user's files for it. Changes nothing.

mod blobstore;
mod certificates;
mod connection;
mod files;
mod finding;
mod git;
mod routes;

use flynn_aws::Finding;
use flynn_client::Error;
use flynn_tls::Roots;

use crate::blocking::blocking;
use crate::connect::Connected;
use crate::text::{one_line, shell_quoted};
use anyhow::Result;

/// Returns all problems of a cluster, the worst first, one finding per cause. A check that is not possible is a finding
/// too. `ca` is the CA that the cluster's certificates lead to, if that is neither a public CA nor the cluster's own.
pub async fn examine(connected: &Connected, ca: Option<&Roots>) -> Vec<Finding> {
    let mut findings = either(files(connected).await, "files");
    if let Some(domain) = connection::examine(connected, &mut findings).await {
        findings.extend(connection::domain(connected, &domain));
        findings.extend(connection::status(connected, &domain).await);
        findings.extend(either(routes::examine(connected, &domain).await, "routes"));
        let certificates = certificates::examine(connected, &domain, ca).await;
        findings.extend(either(certificates, "certificates"));
        findings.extend(either(blobstore::examine(connected).await, "blobstore"));
    }
    finding::by_cause(findings)
}

async fn files(connected: &Connected) -> Result<Vec<Finding>> {
    let (locations, cluster) = (connected.locations.clone(), connected.cluster.clone());
    blocking(move || {
        let mut findings = files::examine(&locations);
        findings.extend(git::examine(&locations, &cluster));
        Ok(findings)
    })
    .await
}

/// Returns the findings, or one that says why there are none.
fn either(findings: Result<Vec<Finding>>, subject: &str) -> Vec<Finding> {
    findings.unwrap_or_else(|failure| vec![not_examined(subject, &failure)])
}

fn not_examined(subject: &str, failure: &anyhow::Error) -> Finding {
    let remedy = if is_forbidden(failure) {
        "use the cluster's key or the token of an administrator"
    } else {
        "fix this and run doctor again"
    };
    Finding::error("not-examined", subject, one_line(failure.as_ref()), remedy)
}

/// Returns whether the controller refuses the call to this user.
fn is_forbidden(failure: &anyhow::Error) -> bool {
    failure.downcast_ref::<Error>().is_some_and(Error::is_forbidden)
}

/// Returns the command that replaces a wrong certificate.
fn install_certificate(connected: &Connected) -> String {
    let cluster = shell_quoted(connected.cluster.name());
    format!("install-certificate --cluster {cluster} --cert FILE --key FILE")
}
