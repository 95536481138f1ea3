//! The cluster's status.

use flynn_client::status::Health;

use crate::cluster;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Result, bail};

/// Asks the status app.
///
/// # Errors
/// Fails if it does not answer or if a service is unhealthy.
pub async fn look(session: &mut Session) -> Result<Look> {
    let domain = cluster::domain(&session.client).await?;
    let status = session.reach.status(&session.client, &domain).await?;
    if !status.is_healthy() {
        let unhealthy =
            status.detail.iter().filter(|(_, service)| service.status != Health::Healthy);
        let names: Vec<&str> = unhealthy.map(|(name, _)| name.as_str()).collect();
        bail!("the status is {}: {}", status.status, names.join(", "));
    }
    let services = status.detail.len();
    Ok(Look::holds(format!("{}, {services} services healthy, {}", status.status, status.version))
        .before("not asked"))
}
