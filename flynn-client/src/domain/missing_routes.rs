//! Finds and creates routes that a migration has not created.

use std::collections::HashSet;

use super::{Domain, MigrationHandle};
use crate::client::Client;
use crate::error::{Error, MissingRoute};
use crate::routes::{NewRoute, Route, RouteType, is_under, of_all};
use crate::transport::{Deadline, Request};

impl Domain {
    /// Finds the HTTP routes under the old domain that have no counterpart under the new one, which is a route with the
    /// same path and the same name before the domain.
    ///
    /// A migration can succeed without creating all routes, even the controller's. Servers before v20170127.0 mistake a
    /// refusal for a duplicate. No server copies paths or more than one route per name. A new domain that is a suffix
    /// of the old one gets no routes at all.
    ///
    /// # Errors
    /// Fails with [`InvalidInput`](crate::ErrorKind::InvalidInput) if a domain is empty, and with
    /// [`NotFound`](crate::ErrorKind::NotFound) if the server does not know the migration.
    pub fn missing_routes(
        &self,
        old_domain: impl Into<String>,
        new_domain: impl Into<String>,
    ) -> Request<Vec<MissingRoute>> {
        find(self.between(old_domain.into(), new_domain.into()))
    }

    /// Creates the routes that [`missing_routes`](Self::missing_routes) finds, with the settings of the routes under
    /// the old domain, and returns them. A route that had a certificate gets the router's default one, which the
    /// migration has replaced.
    ///
    /// # Errors
    /// Returns the errors of [`missing_routes`](Self::missing_routes) and of
    /// [`AppRoutes::create`](crate::routes::AppRoutes::create); [`Error::missing_routes`] names what is still missing.
    /// The routes that were created stay; the next call creates the rest.
    pub fn create_missing_routes(
        &self,
        old_domain: impl Into<String>,
        new_domain: impl Into<String>,
    ) -> Request<Vec<Route>> {
        create(self.between(old_domain.into(), new_domain.into()))
    }

    fn between(&self, old: String, new: String) -> Between {
        Between::Domains { client: self.client.clone(), old, new }
    }
}

impl MigrationHandle {
    /// Finds the routes that the migration has not created; see [`Domain::missing_routes`].
    pub fn missing_routes(&self) -> Request<Vec<MissingRoute>> {
        find(Between::Migration(Box::new(self.clone())))
    }

    /// Creates the routes that the migration has not created; see [`Domain::create_missing_routes`].
    pub fn create_missing_routes(&self) -> Request<Vec<Route>> {
        create(Between::Migration(Box::new(self.clone())))
    }
}

/// The two domains.
#[derive(Clone, Debug)]
enum Between {
    Domains { client: Client, old: String, new: String },
    Migration(Box<MigrationHandle>),
}

impl Between {
    async fn resolve(self, deadline: Deadline) -> Result<(Client, String, String), Error> {
        let (client, old, new) = match self {
            Self::Domains { client, old, new } => (client, old, new),
            Self::Migration(handle) => {
                let migration = handle.known(deadline).await?;
                (handle.client, migration.old_domain, migration.domain)
            }
        };
        if old.is_empty() || new.is_empty() {
            return Err(Error::invalid_input("the old or the new domain is empty"));
        }
        Ok((client, old, new))
    }
}

fn find(between: Between) -> Request<Vec<MissingRoute>> {
    Request::steps("missing_routes(..)", |deadline| async move {
        let (client, old, new) = between.resolve(deadline).await?;
        let routes = of_all(&client, deadline).await?;
        Ok(missing(&routes, &old, &new).into_iter().map(|(_, missing)| missing).collect())
    })
}

fn create(between: Between) -> Request<Vec<Route>> {
    Request::steps("create_missing_routes(..)", |deadline| async move {
        let (client, old, new) = between.resolve(deadline).await?;
        let routes = of_all(&client, deadline).await?;
        let mut missing = missing(&routes, &old, &new).into_iter();
        let mut made = Vec::new();
        if missing.len() == 0 {
            return Ok(made);
        }
        let current = client.app("router").release_opt().within(deadline).await?;
        let mut env = current.map(|release| release.env).unwrap_or_default();
        let mut variable = |name: &str| env.remove(name).filter(|value| !value.trim().is_empty());
        let certificate = variable("TLSCERT").zip(variable("TLSKEY"));
        while let Some((old_route, new)) = missing.next() {
            let mut route = NewRoute::http(&new.domain)
                .service(&old_route.service)
                .path(&old_route.path)
                .sticky(old_route.sticky)
                .leader(old_route.leader)
                .drain_backends(old_route.drain_backends)
                .disable_keep_alives(old_route.disable_keep_alives);
            if let (Some((cert, key)), true) = (&certificate, old_route.certificate.is_some()) {
                route = route.certificate(cert, key.as_str());
            }
            match client.app(&new.app_id).routes().create(route).within(deadline).await {
                Ok(route) => made.push(route),
                Err(error) if error.is_conflict() => {} // somebody else has created it
                Err(error) => {
                    let rest = [new].into_iter().chain(missing.map(|(_, missing)| missing));
                    return Err(error.with_missing_routes(rest.collect()));
                }
            }
        }
        Ok(made)
    })
}

/// Returns the routes under the old domain without a counterpart, each with the missing route; `/` comes before the
/// paths that need it.
fn missing<'a>(routes: &'a [Route], old: &str, new: &str) -> Vec<(&'a Route, MissingRoute)> {
    let there: HashSet<_> = routes.iter().map(|route| place(&route.domain, &route.path)).collect();
    // A name under the new domain can also be under the old one. It needs no counterpart.
    let is_below = is_under(new, old);
    let mut missing: Vec<_> = routes
        .iter()
        .filter(|route| route.kind == RouteType::Http)
        .filter(|route| !(is_below && is_under(&route.domain, new)))
        .filter_map(|route| {
            let missing = MissingRoute {
                app_id: route.app_id()?,
                domain: counterpart(&route.domain, old, new)?,
                path: if route.path.is_empty() { "/".to_owned() } else { route.path.clone() },
                old_route: route.id(),
            };
            (!there.contains(&place(&missing.domain, &missing.path))).then_some((route, missing))
        })
        .collect();
    missing.sort_by_key(|(_, missing)| missing.path.len());
    missing
}

/// Normalizes a route's place: the case of the name and trailing slashes of the path do not matter.
fn place<'a>(domain: &str, path: &'a str) -> (String, &'a str) {
    (domain.to_ascii_lowercase(), path.trim_end_matches('/'))
}

/// Moves a name from the old domain to the new one.
fn counterpart(name: &str, old: &str, new: &str) -> Option<String> {
    let front = name.len().checked_sub(old.len()).filter(|_| is_under(name, old))?;
    Some(format!("{}{new}", name.get(..front)?))
}

/// Lists a few names of the missing routes.
pub(super) fn list(missing: &[MissingRoute]) -> String {
    const SHOWN: usize = 5;
    let name = |route: &MissingRoute| route.domain.clone() + route.path.trim_end_matches('/');
    let text = missing.iter().take(SHOWN).map(name).collect::<Vec<_>>().join(", ");
    match missing.len().saturating_sub(SHOWN) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}
