//! Routes that a migration should have made and has not.
//!
//! The server looks for a route of the app that begins like the old one and ends in the new domain, and makes none if
//! there is one. When the new domain is the end of the old one (`old.example.com` becomes `example.com`), every old
//! route passes for its own sibling, and nothing is made at all. Of several routes on one domain only one gets a
//! sibling, and its path is lost. Read in the source of v20161015.2 and v20210218.0.

use flynn_client::routes::{NewRoute, Route, RouteType};

use crate::cluster;
use crate::session::Session;
use anyhow::{Context as _, Result};

/// Gives every http route under the old domain its sibling under the new one, where there is none yet. Those that had
/// a certificate get the cluster's new one, which the migration has put into the router's env.
///
/// # Errors
/// When the controller refuses a route. Those before it stay.
pub(super) async fn create(session: &mut Session, old: &str, new: &str) -> Result<()> {
    let routes = session.client.routes().list().await.context("cannot list the routes")?;
    let env = cluster::env(&session.client, "router").await?;
    let text = |name: &str| env.get(name).cloned().unwrap_or_default();
    let certificate = (text("TLSCERT"), text("TLSKEY"));
    let mut missing: Vec<(String, &Route)> = routes
        .iter()
        .filter(|route| route.kind == RouteType::Http)
        .filter_map(|route| Some((sibling(&route.domain, old, new)?, route)))
        .filter(|(domain, route)| !routes.iter().any(|other| serves(other, domain, route)))
        .collect();
    // A path needs the `/` of its domain first.
    missing.sort_by_key(|(_, route)| route.path.len());
    for (domain, route) in missing {
        let mut sibling = NewRoute::http(&domain)
            .service(&route.service)
            .path(&route.path)
            .sticky(route.sticky)
            .leader(route.leader)
            .drain_backends(route.drain_backends)
            .disable_keep_alives(route.disable_keep_alives);
        if route.certificate.is_some() {
            sibling = sibling.certificate(&certificate.0, certificate.1.as_str());
        }
        let app = route.parent_ref.rsplit('/').next().unwrap_or_default();
        if app.is_empty() {
            session.screen.say(format_args!("{} is no app's: it gets no {domain}", route.domain));
            continue;
        }
        let routes = session.client.app(app).routes();
        routes
            .create(sibling)
            .await
            .with_context(|| format!("cannot create the route {domain}"))?;
        session.screen.say(format_args!("the migration made no route {domain}: created"));
    }
    Ok(())
}

/// The name under the new domain of a name under the old one.
fn sibling(domain: &str, old: &str, new: &str) -> Option<String> {
    let prefix = domain.strip_suffix(old)?;
    (prefix.is_empty() || prefix.ends_with('.')).then(|| format!("{prefix}{new}"))
}

fn serves(route: &Route, domain: &str, like: &Route) -> bool {
    let path = |route: &Route| route.path.trim_matches('/').to_owned();
    route.domain == domain && path(route) == path(like)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_stand_behind_a_dot() {
        let (old, new) = ("old.example.com", "example.com");
        assert_eq!(sibling("git.old.example.com", old, new).as_deref(), Some("git.example.com"));
        assert_eq!(sibling("old.example.com", old, new).as_deref(), Some("example.com"));
        assert_eq!(sibling("xold.example.com", old, new), None);
        assert_eq!(sibling("git.example.com", old, new), None);
    }
}
