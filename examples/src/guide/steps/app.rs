//! The app for the root domain, and its route.

use flynn_client::apps::NewApp;
use flynn_client::routes::NewRoute;

use crate::cluster;
use crate::route_table;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result, bail};

/// Names that the fork of September 2026 refuses for an app.
const RESERVED: [&str; 1] = ["www"];

/// Looks for the app and the apex route, and lists all routes as `flynn route` does.
///
/// # Errors
/// Fails if the cluster does not answer.
pub async fn look(session: &mut Session) -> Result<Look> {
    let (apex, app) = (session.job.domain.as_str(), session.job.app.as_str());
    let mut plan = Vec::new();
    if !exists(session).await? {
        plan.push(format!("create the app {app}"));
    }
    let routes = session.client.routes().list().await.context("cannot list all routes")?;
    let owner = routes.iter().find(|route| route.domain == apex);
    let served = owner.map_or("nobody", |route| &route.service);
    if owner.is_none() {
        plan.push(format!("add the route {apex} to {app}"));
    }
    let now = format!("{apex} is served by {served}, {} routes in all", routes.len());
    let look = if plan.is_empty() { Look::holds(now) } else { Look::lacks(now, plan) };
    Ok(look.details(route_table::lines(&routes)))
}

/// Creates the app and the route if they are missing. An apex that another app serves, for example one that redirects,
/// stays with that app.
///
/// # Errors
/// Fails if the controller refuses the app or the route.
pub async fn act(session: &mut Session) -> Result<()> {
    let (apex, app) = (session.job.domain.as_str(), session.job.app.as_str());
    if !exists(session).await? {
        let what = format!("cannot create the app {app}, choose another name with --app");
        session.client.apps().create(NewApp::named(app)).await.context(what)?;
    }
    let routes = session.client.routes().list().await.context("cannot list all routes")?;
    if !routes.iter().any(|route| route.domain == apex) {
        let routes = session.client.app(app).routes();
        let what = format!("cannot add the route {apex} to {app}");
        routes.create(NewRoute::http(apex)).await.context(what)?;
    }
    Ok(())
}

/// Checks that the server accepts the name of an app that does not exist yet.
///
/// # Errors
/// Fails if the name is reserved.
pub async fn check_name(session: &Session) -> Result<()> {
    let name = session.job.app.as_str();
    if RESERVED.contains(&name)
        && cluster::hides_system_apps(&session.client).await?
        && !exists(session).await?
    {
        bail!("the app name {name} is reserved on this server; choose another with --app NAME");
    }
    Ok(())
}

async fn exists(session: &Session) -> Result<bool> {
    let app = session.job.app.as_str();
    let found = session.client.app(app).get_opt().await;
    Ok(found.with_context(|| format!("cannot look for the app {app}"))?.is_some())
}
