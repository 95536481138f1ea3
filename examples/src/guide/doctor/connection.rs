//! The controller, the domain, and the cluster's status.

use flynn_aws::Finding;
use flynn_client::Error;
use flynn_client::status::Health;
use flynn_tls::pin_mismatch;

use super::{is_forbidden, not_examined};
use crate::connect::Connected;
use crate::text::{one_line, shell_quoted};

/// Returns the cluster's domain, or `None` if the controller cannot be used. If this user may not read it, returns the
/// domain of the `ControllerURL`.
pub(super) async fn examine(connected: &Connected, findings: &mut Vec<Finding>) -> Option<String> {
    let error = match connected.client.domain().get().await {
        Ok(domain) => return Some(domain),
        Err(error) => error,
    };
    if !error.is_forbidden() {
        findings.push(refused(connected, &error));
        return None;
    }
    findings.push(not_examined("domain", &error.into()));
    connected.reach.controller_host().strip_prefix("controller.").map(str::to_owned)
}

fn refused(connected: &Connected, error: &Error) -> Finding {
    let subject = connected.cluster.controller_url();
    if let Some(mismatch) = pin_mismatch(error) {
        // The library decides whether it is safe to store another pin.
        let (explanation, remedy) = (mismatch.explanation(), mismatch.remedy());
        return Finding::error("pin-mismatch", subject, explanation, remedy);
    }
    if error.is_unauthorized() {
        let what = format!("it refuses the key of cluster {:?} (401)", connected.cluster.name());
        let remedy = "get the new key (AUTH_KEY of the controller's release)";
        return Finding::error("key-refused", subject, what, remedy);
    }
    let remedy = "check the network, the DNS records and ports 80 and 443 of the nodes";
    Finding::error("unreachable", subject, one_line(error), remedy)
}

/// Finds a `.flynnrc` that still names an earlier domain of the cluster.
pub(super) fn domain(connected: &Connected, domain: &str) -> Option<Finding> {
    let host = connected.reach.controller_host();
    if host == format!("controller.{domain}") {
        return None;
    }
    let cluster = shell_quoted(connected.cluster.name());
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
pub(super) async fn status(connected: &Connected, domain: &str) -> Vec<Finding> {
    let host = format!("status.{domain}");
    let status = match connected.reach.status(&connected.client, domain).await {
        Ok(status) => status,
        Err(failure) if is_forbidden(&failure) => return vec![not_examined(&host, &failure)],
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
