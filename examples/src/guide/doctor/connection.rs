//! Reaching the controller, its domain, and the cluster's status.

use flynn_client::Error;
use flynn_client::status::Health;
use flynn_tls::pin_mismatch;

use super::{Finding, Patient};
use crate::text::one_line;
use anyhow::Result;

/// The cluster's domain, or why nothing else can be asked.
pub(super) async fn examine(patient: &Patient) -> Result<String, Finding> {
    patient.client.domain().get().await.map_err(|error| refused(patient, &error))
}

fn refused(patient: &Patient, error: &Error) -> Finding {
    let subject = patient.cluster.controller_url();
    if let Some(mismatch) = pin_mismatch(error) {
        let remedy = "make sure that the certificate was changed on purpose, then write its pin into .flynnrc";
        return Finding::error(subject, mismatch.to_string(), remedy);
    }
    if error.is_unauthorized() {
        let what = format!("it refuses the key of cluster {:?} (401)", patient.cluster.name());
        return Finding::error(
            subject,
            what,
            "get the new key (AUTH_KEY of the controller's release)",
        );
    }
    let what = one_line(error);
    Finding::error(
        subject,
        what,
        "check the network, the DNS records and ports 80 and 443 of the nodes",
    )
}

/// Whether `.flynnrc` still names the domain that the cluster has.
pub(super) fn domain(patient: &Patient, domain: &str) -> Vec<Finding> {
    let host = patient.reach.controller_host();
    if host == format!("controller.{domain}") {
        return Vec::new();
    }
    vec![Finding::error(
        ".flynnrc",
        format!("its ControllerURL names {host}, but the cluster has moved to {domain}"),
        format!("let the URLs, the pin and the CA file follow: productionize --domain {domain}"),
    )]
}

/// What the status app says of each service.
pub(super) async fn status(patient: &Patient, domain: &str) -> Vec<Finding> {
    let host = format!("status.{domain}");
    match patient.reach.status(&patient.client, domain).await {
        Ok(status) => status
            .detail
            .iter()
            .filter(|(_, service)| service.status != Health::Healthy)
            .map(|(name, _)| {
                Finding::error(
                    &host,
                    format!("{name} is unhealthy"),
                    format!("see flynn -a {name} log"),
                )
            })
            .collect(),
        Err(failure) => {
            vec![Finding::error(host, failure.to_string(), "see flynn -a status log")]
        }
    }
}
