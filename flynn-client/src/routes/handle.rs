//! One route of any app.

use super::{AppRoutes, Route, UpdateRoute, check};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::ids::RouteId;
use crate::transport::{Deadline, Request};

/// One route, by its id only; returned by [`Client::route`]. Creating the handle sends nothing.
///
/// The server reads and changes a route only under its app. Each call therefore looks for the app first, in the list
/// of all routes. If you know the app, use [`AppHandle::routes`](crate::apps::AppHandle::routes).
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
/// # let flynn = mock.client();
/// # let id = flynn.routes().list().await?.remove(0).id();
/// let route = flynn.route(&id);
/// println!("{} leads to {}", route.get().await?.domain, route.get().await?.service);
/// route.update().sticky(true).await?;
/// assert!(route.get().await?.sticky);
/// # Ok::<(), flynn_client::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct RouteHandle {
    client: Client,
    id: RouteId,
}

impl Client {
    /// Accesses one route of any app, by its id with the type (`http/UUID`). Sends nothing.
    pub fn route(&self, id: impl Into<RouteId>) -> RouteHandle {
        RouteHandle { client: self.clone(), id: id.into() }
    }
}

impl RouteHandle {
    /// Reads the route.
    ///
    /// # Errors
    /// Fails with [`NotFound`](ErrorKind::NotFound) if the route does not exist, and with
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an id without its type.
    pub fn get(&self) -> Request<Route> {
        let route = self.clone();
        Request::steps("route(..).get()", |deadline| async move { route.find(deadline).await })
    }

    /// Reads the route, or `None` if it does not exist.
    ///
    /// # Errors
    /// Fails with [`InvalidInput`](ErrorKind::InvalidInput) for an id without its type.
    pub fn get_opt(&self) -> Request<Option<Route>> {
        let (list, id) = (self.client.routes().list(), self.id.clone());
        Request::steps("route(..).get_opt()", |deadline| async move {
            check(&id)?;
            Ok(list.run(deadline).await?.into_iter().find(|route| route.id() == id))
        })
    }

    /// Changes the route; see [`AppRoutes::update`].
    ///
    /// # Errors
    /// Returns the errors of [`AppRoutes::update`], and [`InvalidInput`](ErrorKind::InvalidInput) for a route that does
    /// not belong to an app.
    pub fn update(&self) -> UpdateRoute {
        UpdateRoute::new(&self.client, None, self.id.clone())
    }

    /// Deletes the route.
    ///
    /// # Errors
    /// Returns the errors of [`AppRoutes::delete`], and [`InvalidInput`](ErrorKind::InvalidInput) for a route that does
    /// not belong to an app.
    pub fn delete(&self) -> Request<()> {
        let route = self.clone();
        Request::steps("route(..).delete()", |deadline| async move {
            let routes = route.siblings(deadline).await?;
            routes.delete(&route.id).within(deadline).await
        })
    }

    async fn find(&self, deadline: Deadline) -> Result<Route, Error> {
        let found = self.get_opt().within(deadline).await?;
        found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("no app has the route {}", self.id))
        })
    }

    /// Returns the routes of the app that owns it.
    pub(super) async fn siblings(&self, deadline: Deadline) -> Result<AppRoutes, Error> {
        let app = self.find(deadline).await?.app_id().ok_or_else(|| {
            let message =
                format!("the route {} does not belong to an app and cannot be changed", self.id);
            Error::invalid_input(message)
        })?;
        Ok(self.client.app(app).routes())
    }
}
