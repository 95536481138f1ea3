//! The controller, the domain, and the cluster's status.

use flynn_aws::Finding;
use flynn_client::Error;
use flynn_client::status::Health;
use flynn_tls::pin_mismatch;

use super::Patient;
use crate::text::{one_line, shell_quoted};
use anyhow::Result;

/// Returns the cluster's domain, or a finding if the controller cannot be used.
pub(super) async fn examine(patient: &Patient) -> Result<String, Finding> {
    patient.client.domain().get().await.map_err(|error| refused(patient, &error))
}

fn refused(patient: &Patient, error: &Error) -> Finding {
    let subject = patient.cluster.controller_url();
    if let Some(mismatch) = pin_mismatch(error) {
        // The library decides whether it is safe to store another pin.
        let (explanation, remedy) = (mismatch.explanation(), mismatch.remedy());
        return Finding::error("pin-mismatch", subject, explanation, remedy);
    }
    if error.is_unauthorized() {
        let what = format!("it refuses the key of cluster {:?} (401)", patient.cluster.name());
        let remedy = "get the new key (AUTH_KEY of the controller's release)";
        return Finding::error("key-refused", subject, what, remedy);
    }
    let remedy = "check the network, the DNS records and ports 80 and 443 of the nodes";
    Finding::error("unreachable", subject, one_line(error), remedy)
}

/// Finds a `.flynnrc` that still names an earlier domain of the cluster.
pub(super) fn domain(patient: &Patient, domain: &str) -> Option<Finding> {
    let host = patient.reach.controller_host();
    if host == format!("controller.{domain}") {
        return None;
    }
    let cluster = shell_quoted(patient.cluster.name());
    Some(Finding::error(
        "old-domain",
        ".flynnrc",
        format!("its ControllerURL names {host}, but the cluster has moved to {domain}"),
        format!(
            "update the URLs, the pin and the CA file: migrate-domain --cluster {cluster} --domain {}",
            shell_quoted(domain)
        ),
    ))
}

/// Finds unhealthy services.
pub(super) async fn status(patient: &Patient, domain: &str) -> Vec<Finding> {
    let host = format!("status.{domain}");
    let status = match patient.reach.status(&patient.client, domain).await {
        Ok(status) => status,
        Err(failure) => {
            let what = one_line(failure.as_ref());
            return vec![Finding::error("no-status", host, what, "see flynn -a status log")];
        }
    };
    let unhealthy = status.detail.iter().filter(|(_, service)| service.status != Health::Healthy);
    unhealthy
        .map(|(name, _)| {
            let remedy = format!("see flynn -a {} log", shell_quoted(name));
            Finding::error("unhealthy", &host, format!("{name} is unhealthy"), remedy)
        })
        .collect()
}
