//! The routes of the system apps, each of which has its own copy of a certificate.

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

impl Found {
    fn plan(&self) -> String {
        let domain = &self.route.domain;
        if self.route.managed_certificate_domain.is_empty() {
            format!("update {domain}")
        } else {
            format!("update {domain} and end the management of its certificate")
        }
    }
}

/// Checks that no certificate managed by the cluster would be replaced unintentionally.
///
/// # Errors
/// Returns which route has a managed certificate.
pub async fn check_managed(session: &Session) -> Result<()> {
    if session.job.detach_managed {
        return Ok(());
    }
    for (_, route) in routes(session).await? {
        if !route.managed_certificate_domain.is_empty() {
            bail!(
                "the cluster itself obtains and renews the certificate of {} (ACME); to replace it by yours, give \
                 --detach-managed",
                route.domain
            );
        }
    }
    Ok(())
}

/// Finds the routes of the new domain and the certificate that each presents.
///
/// # Errors
/// Fails if the cluster does not answer.
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
    let plan = found.iter().filter(|found| !found.holds).map(Found::plan);
    Ok(Look::lacks(now, plan).details(lines))
}

/// Updates one route after the other and waits until each presents the new leaf.
///
/// # Errors
/// Fails if an update fails, changes more than the certificate, or does not become live. Earlier routes are done.
pub async fn act(session: &mut Session) -> Result<()> {
    for found in find(session).await? {
        if found.holds {
            continue;
        }
        let (app, old) = (found.app, found.route);
        let what = format!("cannot update the route {}", old.domain);
        let routes = session.client.app(app.as_str()).routes();
        let new = session.certificate()?;
        let update = routes.update(&old);
        let update = if old.managed_certificate_domain.is_empty() {
            update
        } else {
            // In the same PUT, or the server would ignore the certificate.
            update.detach_managed_certificate()
        };
        update
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

/// Finds the routes that get the certificate, the controller's last.
async fn find(session: &Session) -> Result<Vec<Found>> {
    check_managed(session).await?;
    let new = session.certificate()?;
    let mut all = Vec::new();
    for (app, route) in routes(session).await? {
        let stored = route.certificate.as_ref().map(|stored| stored.cert.trim());
        let same = stored == Some(new.chain_pem.trim());
        let is_own = same && route.managed_certificate_domain.is_empty();
        let holds = is_own && session.presented(&route.domain).await? == new.pin;
        all.push(Found { app, route, holds });
    }
    // The controller can have other routes, such as that of the fork's login.
    let controller = format!("controller.{}", session.job.domain);
    all.sort_by_key(|found| found.route.domain == controller);
    Ok(all)
}

/// Returns the certified routes of the system apps under the domain that the new certificate covers, with their apps.
async fn routes(session: &Session) -> Result<Vec<(String, Route)>> {
    let names = session.certificate()?.bundle.leaf().names();
    let mut all = Vec::new();
    for app in cluster::system_apps(&session.client).await? {
        let routes = session.client.app(app.id.clone()).routes().list();
        let routes = routes.under_domain(session.job.domain.as_str()).await;
        let routes = routes.with_context(|| format!("cannot list the routes of {}", app.name))?;
        // A route without a certificate, such as that of the status app, follows the router's default. Names two labels
        // deep are not covered by the wildcard: those of the old domain, if it was below the new one.
        let certified = |route: &Route| {
            let has = route.certificate.is_some() || !route.managed_certificate_domain.is_empty();
            has && names.covers(&route.domain)
        };
        all.extend(routes.into_iter().filter(certified).map(|route| (app.name.clone(), route)));
    }
    Ok(all)
}

fn differs_in_certificate_alone(old: &Route, new: &Route) -> bool {
    let mut expected = new.clone();
    expected.certificate.clone_from(&old.certificate);
    expected.managed_certificate_domain.clone_from(&old.managed_certificate_domain);
    expected.updated_at.clone_from(&old.updated_at);
    expected == *old
}
