//! The router's default certificate, which every route without its own presents.

use secrecy::ExposeSecret;

use crate::cluster;
use crate::session::Session;
use crate::step::Look;
use anyhow::Result;

/// Checks the router's env and the certificate that `status.` presents, which does not have its own.
///
/// # Errors
/// Fails if the cluster does not answer.
pub async fn look(session: &mut Session) -> Result<Look> {
    let env = cluster::env(&session.client, "router").await?;
    let new = session.certificate()?;
    let same = |name: &str, pem: &str| env.get(name).is_some_and(|set| set.trim() == pem.trim());
    let set = same("TLSCERT", &new.chain_pem) && same("TLSKEY", new.key_pem.expose_secret());
    let domain = cluster::domain(&session.client).await?;
    let presented = session.presented(&format!("status.{domain}")).await?;
    if set && presented == new.pin {
        return Ok(Look::holds(format!("status.{domain} presents the new leaf")));
    }
    let now = format!("status.{domain} presents another leaf");
    Ok(Look::lacks(
        now,
        ["set TLSCERT and TLSKEY of router, in one release and one deploy".to_owned()],
    ))
}

/// Sets both variables in one release and waits until the certificate is live.
///
/// # Errors
/// Fails if the deployment fails or the certificate does not become live.
pub async fn act(session: &mut Session) -> Result<()> {
    let new = session.certificate()?;
    let env = [("TLSCERT", new.chain_pem.as_str()), ("TLSKEY", new.key_pem.expose_secret())];
    let change = session.client.app("router").env().set(env);
    cluster::change_env(session, change, "cannot set the router's certificate").await?;
    let domain = cluster::domain(&session.client).await?;
    session.presents_new(&format!("status.{domain}")).await
}
