//! The app `www`, and the apex as a route of it.

use flynn_client::apps::NewApp;
use flynn_client::routes::NewRoute;

use crate::failure::{Context, Result};
use crate::route_table;
use crate::session::Session;
use crate::step::Look;

/// The app's name, which is its first route too: `www.<domain>`.
const APP: &str = "www";

/// Looks for the app and the apex route, and lists all routes as `flynn route` does.
///
/// # Errors
/// When the cluster does not answer.
pub async fn look(session: &mut Session) -> Result<Look> {
    let apex = session.job.domain.as_str().to_owned();
    let www = session.client.app(APP);
    if www.get_opt().await.context("cannot look for the app www")?.is_none() {
        let plan = ["create the app www".to_owned(), format!("add the route {apex} to www")];
        return Ok(Look::lacks("no app www", plan));
    }
    let routes = www.routes().list().await.context("cannot list the routes of www")?;
    let domains: Vec<&str> = routes.iter().map(|route| route.domain.as_str()).collect();
    if !domains.contains(&apex.as_str()) {
        let now = format!("www serves {}", domains.join(", "));
        return Ok(Look::lacks(now, [format!("add the route {apex} to www")]));
    }
    let all = session.client.routes().list().await.context("cannot list all routes")?;
    let now = format!("www serves {} ({} routes in all)", domains.join(", "), all.len());
    Ok(Look::holds(now).details(route_table::lines(&all)))
}

/// Creates what is missing.
///
/// # Errors
/// When the controller refuses, for instance because another app owns the apex.
pub async fn act(session: &mut Session) -> Result<()> {
    let apex = session.job.domain.as_str();
    let www = session.client.app(APP);
    if www.get_opt().await.context("cannot look for the app www")?.is_none() {
        session
            .client
            .apps()
            .create(NewApp::named(APP))
            .await
            .context("cannot create the app www")?;
    }
    let routes = www.routes().list().await.context("cannot list the routes of www")?;
    if !routes.iter().any(|route| route.domain == apex) {
        www.routes()
            .create(NewRoute::http(apex))
            .await
            .context(format!("cannot add the route {apex} to www"))?;
    }
    Ok(())
}
