//! The app `www`, and the apex as a route of it.

use flynn_client::apps::NewApp;
use flynn_client::routes::NewRoute;

use crate::route_table;
use crate::session::Session;
use crate::step::Look;
use anyhow::{Context as _, Result};

/// The app's name, which is its first route too: `www.<domain>`.
const APP: &str = "www";

/// Looks for the app and the apex route, and lists all routes as `flynn route` does.
///
/// # Errors
/// Returns that the cluster does not answer.
pub async fn look(session: &mut Session) -> Result<Look> {
    let apex = session.job.domain.as_str();
    let mut plan = Vec::new();
    if !exists(session).await? {
        plan.push("create the app www".to_owned());
    }
    let routes = session.client.routes().list().await.context("cannot list all routes")?;
    let owner = routes.iter().find(|route| route.domain == apex);
    let served = owner.map_or("nobody", |route| &route.service);
    if owner.is_none() {
        plan.push(format!("add the route {apex} to www"));
    }
    let now = format!("{apex} is served by {served}, {} routes in all", routes.len());
    let look = if plan.is_empty() { Look::holds(now) } else { Look::lacks(now, plan) };
    Ok(look.details(route_table::lines(&routes)))
}

/// Creates the app and the route if they are missing. An apex that another app serves, for example one that redirects,
/// stays with that app.
///
/// # Errors
/// Returns that the controller refuses.
pub async fn act(session: &mut Session) -> Result<()> {
    let apex = session.job.domain.as_str();
    if !exists(session).await? {
        let new = NewApp::named(APP);
        session.client.apps().create(new).await.context("cannot create the app www")?;
    }
    let routes = session.client.routes().list().await.context("cannot list all routes")?;
    if !routes.iter().any(|route| route.domain == apex) {
        let routes = session.client.app(APP).routes();
        let what = format!("cannot add the route {apex} to www");
        routes.create(NewRoute::http(apex)).await.context(what)?;
    }
    Ok(())
}

async fn exists(session: &Session) -> Result<bool> {
    let app = session.client.app(APP).get_opt().await.context("cannot look for the app www")?;
    Ok(app.is_some())
}
