//! The routes of the system apps, each of which has its own copy of a certificate.

use flynn_client::RouteId;
use flynn_client::certificates::{Place, Question};
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
/// Fails if an update fails or does not become live. All routes then have their old certificates again.
pub async fn act(session: &mut Session) -> Result<()> {
    let new = session.certificate()?;
    let ids: Vec<RouteId> =
        find(session).await?.into_iter().map(|found| found.route.id()).collect();
    let (domain, key) = (session.job.domain.as_str(), new.key_pem.expose_secret());
    let install = session.client.install_certificate(domain, &new.chain_pem, key);
    let install = install.only(move |route| ids.contains(&route.id())).router_default(false);
    let plan = install.detach_managed(session.job.detach_managed).plan().await;
    let plan = plan.context("cannot plan the update of the routes")?;
    let (reach, pin) = (session.reach.clone(), new.pin);
    let verify = move |question| {
        let reach = reach.clone();
        async move {
            Ok(match question {
                Question::IsLive { host } => reach.presented(&host).await?.pin() == pin,
                // The session's clients trust the new certificate beside the old one.
                Question::IsTrusted => true,
                _ => false,
            })
        }
    };
    let progress = session.screen.clone();
    let say = move |place: &Place| progress.say(format_args!("{place} presents the new leaf"));
    plan.apply(verify).on_step(say).await.context("cannot update the routes")?;
    // Routes that an interrupted run has changed have the certificate, but may not present it yet.
    for found in find(session).await?.into_iter().filter(|found| !found.holds) {
        session.presents_new(&found.route.domain).await?;
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
