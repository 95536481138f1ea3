//! The cluster's status, asked as a monitoring service would: by its public name, with its own key.

use flynn_client::StatusClient;
use flynn_client::status::Health;
use flynn_tls::{ClientTls, Pin};

use crate::cluster;
use crate::failure::{Context, Failure, Result};
use crate::session::Session;
use crate::step::Look;

/// Asks the status app.
///
/// # Errors
/// When it does not answer, or a service is unhealthy.
pub async fn look(session: &mut Session) -> Result<Look> {
    let domain = cluster::domain(&session.client).await?;
    let host = format!("status.{domain}");
    let url = format!("https://{host}{}", session.port_suffix());
    // Its key is another one than the controller's; addresses of private networks are not asked for it.
    let key = cluster::env(&session.client, "status").await?.remove("AUTH_KEY");
    // It has no certificate of its own and presents the router's default one.
    let router = cluster::env(&session.client, "router").await?;
    let certificate = router.get("TLSCERT").map_or("", String::as_str);
    let pin = Pin::from_pem(certificate).context("the router's TLSCERT is no certificate")?;
    let tls = ClientTls::pinned(pin).config().context("cannot set up TLS")?;
    let mut builder = StatusClient::builder(&url).rustls_config(tls);
    if let Some(key) = key {
        builder = builder.key(key);
    }
    if let Some(address) = session.job.connect_to {
        builder = builder.resolve(&host, address).no_proxy();
    }
    let client = builder.build_status().context("cannot set up the client")?;
    let status = client.status().await.context(format!("cannot ask {url} for the status"))?;
    if !status.is_healthy() {
        let sick = |(name, _): &(&String, _)| name.as_str().to_owned();
        let unhealthy =
            status.detail.iter().filter(|(_, service)| service.status != Health::Healthy);
        let names: Vec<String> = unhealthy.map(|service| sick(&service)).collect();
        return Err(Failure::new(format!("the status is {}: {}", status.status, names.join(", "))));
    }
    let services = status.detail.len();
    Ok(Look::holds(format!("{}, {services} services healthy, {}", status.status, status.version))
        .before("not asked"))
}
