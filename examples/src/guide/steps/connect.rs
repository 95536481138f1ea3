//! Connects with the pin of `.flynnrc`.

use flynn_tls::pin_mismatch;

use crate::cluster;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result, bail};

/// Makes a call that needs the key.
///
/// # Errors
/// Fails if no server or another server answers, or if the key is wrong.
pub async fn look(session: &mut Session) -> Result<Look> {
    let url = session.reach.controller_url().to_owned();
    let name = session.cluster.name().to_owned();
    let apps = match session.client.apps().list().await {
        Ok(apps) => apps,
        Err(error) if error.is_unauthorized() => {
            bail!("{url} refuses the key of cluster {name:?} (401 Unauthorized)");
        }
        Err(error) => {
            if let Some(mismatch) = pin_mismatch(&error) {
                bail!("{url} is not who .flynnrc says: {mismatch}");
            }
            let what = if error.status().is_some() {
                format!("{url} does not answer as it should")
            } else {
                format!("cannot reach {url}")
            };
            return Err(error).context(what);
        }
    };
    cluster::system_apps(&session.client).await?;
    let domain = cluster::domain(&session.client).await?;
    let presented = session.presented(session.reach.controller_host()).await?;
    let mut look = Look::holds(format!("key accepted, domain {domain}, {} apps", apps.len()))
        .before(format!("cluster {name:?} in .flynnrc"))
        .details([format!("{url} presents the pin {presented}")]);
    if session.pin()?.is_some_and(|pin| pin != presented) {
        look = look.details([
            "the new certificate is live already, the pin in .flynnrc is behind: an earlier run was interrupted"
                .to_owned(),
        ]);
    }
    Ok(look)
}
