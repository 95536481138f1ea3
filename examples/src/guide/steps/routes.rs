//! The routes of the system apps, each of which carries its own copy of a certificate.

use flynn_client::routes::Route;
use secrecy::ExposeSecret;

use crate::cluster;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result, bail};

/// A route that needs the certificate.
struct Found {
    app: String,
    route: Route,
    holds: bool,
}

/// Finds the routes of the new domain and the certificate that each presents.
///
/// # Errors
/// Returns that the cluster does not answer.
pub async fn look(session: &mut Session) -> Result<Look> {
    let found = find(session).await?;
    let domain = session.job.domain.clone();
    if found.is_empty() {
        let plan = format!(
            "give the certificate to every system app's route under {domain}, the controller's last"
        );
        return Ok(Look::lacks(format!("no certified routes under {domain} yet"), [plan]));
    }
    let mut lines = Vec::new();
    for found in &found {
        let state = if found.holds { "the new leaf" } else { "another leaf" };
        lines.push(format!("{} ({}): {state}", found.route.domain, found.app));
    }
    let holding = found.iter().filter(|found| found.holds).count();
    let now = format!("{holding} of {} routes carry and present the new leaf", found.len());
    if holding == found.len() {
        return Ok(Look::holds(now));
    }
    let plan = found
        .iter()
        .filter(|found| !found.holds)
        .map(|found| format!("update {}", found.route.domain));
    Ok(Look::lacks(now, plan).details(lines))
}

/// Updates one route after the other and waits until each presents the new leaf.
///
/// # Errors
/// Returns that an update failed, changed more than the certificate, or does not become live. Earlier routes are done.
pub async fn act(session: &mut Session) -> Result<()> {
    for found in find(session).await? {
        if found.holds {
            continue;
        }
        let (app, old) = (found.app, found.route);
        let what = format!("cannot update the route {}", old.domain);
        let routes = session.client.app(app.as_str()).routes();
        let new = session.certificate()?;
        routes
            .update(&old)
            .certificate(&new.chain_pem, new.key_pem.expose_secret())
            .await
            .with_context(|| what.clone())?;
        // The reply does not prove what is stored: read it again.
        let stored = routes.get(&old).await.with_context(|| what.clone())?;
        let chain = stored.certificate.as_ref().map(|certificate| certificate.cert.trim());
        if chain != Some(new.chain_pem.trim()) {
            bail!("{what}: the certificate was not stored");
        }
        if !differs_in_certificate_alone(&old, &stored) {
            bail!("{what}: more than the certificate has changed");
        }
        session.presents_new(&old.domain).await?;
        session.screen.say(format_args!("{} ({app}) presents the new leaf", old.domain));
    }
    Ok(())
}

async fn find(session: &Session) -> Result<Vec<Found>> {
    let new = session.certificate()?;
    let names = new.bundle.leaf().names();
    let mut all = Vec::new();
    for app in cluster::system_apps(&session.client).await? {
        let routes = session.client.app(app.id.clone()).routes().list();
        let routes = routes.under_domain(session.job.domain.as_str()).await;
        let routes = routes.with_context(|| format!("cannot list the routes of {}", app.name))?;
        // A route without a certificate, as that of the status app, follows the router's default.
        // Names two labels deep are not the wildcard's: those of the old domain, when that was below the new one.
        let certified = |route: &Route| route.certificate.is_some() && names.covers(&route.domain);
        for route in routes.into_iter().filter(certified) {
            let stored = route.certificate.as_ref().map(|stored| stored.cert.trim());
            let same = stored == Some(new.chain_pem.trim());
            let holds = same && session.presented(&route.domain).await? == new.pin;
            all.push(Found { app: app.name.clone(), route, holds });
        }
    }
    Ok(all)
}

fn differs_in_certificate_alone(old: &Route, new: &Route) -> bool {
    let mut expected = new.clone();
    expected.certificate.clone_from(&old.certificate);
    expected.updated_at.clone_from(&old.updated_at);
    expected == *old
}
