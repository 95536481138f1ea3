//! The cluster's state in typed form: the mock's own answers, decoded to the client's types.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use flynn_client::apps::App;
use flynn_client::artifacts::Artifact;
use flynn_client::deployments::Deployment;
use flynn_client::events::Event;
use flynn_client::formations::Formation;
use flynn_client::jobs::{Job, JobState};
use flynn_client::providers::Provider;
use flynn_client::releases::Release;
use flynn_client::resources::Resource;
use flynn_client::routes::Route;
use flynn_client::sinks::Sink;
use flynn_client::volumes::Volume;
use serde::de::DeserializeOwned;

use crate::calls;
use crate::server::hub::Hub;

/// The state of a cluster. Each method reads it anew, without a request that
/// [`requests`](crate::MockController::requests) would show.
///
/// ```
/// # fn main() -> Result<(), flynn_mock::Missing> {
/// use flynn_mock::{AppSeed, MockController};
///
/// let www = AppSeed::new("www").env("GREETING", "hello").process("web", 2);
/// let mock = MockController::builder().app(www).start_blocking();
/// let www = mock.state().app("www")?;
/// assert_eq!(www.release().env["GREETING"], "hello");
/// assert_eq!(www.running("web"), 2);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// A method panics on the caller's line if the client's types cannot decode the mock's answer, which is a defect of one
/// of the two.
#[derive(Clone)]
pub struct State {
    hub: Arc<Hub>,
}

/// An object that is not in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    path: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the mock has no {}", self.path)
    }
}

impl std::error::Error for Missing {}

impl State {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }

    #[track_caller]
    fn read<T: DeserializeOwned>(&self, path: String) -> Result<T, Missing> {
        let document = self.hub.with(|inner| calls::read(&mut inner.engine, &path));
        let Some(document) = document else { return Err(Missing { path }) };
        match serde_json::from_value(document) {
            Ok(value) => Ok(value),
            Err(e) => panic!("the client's types do not fit the mock's {path}: {e}"),
        }
    }

    #[track_caller]
    fn list<T: DeserializeOwned>(&self, path: impl Into<String>) -> Vec<T> {
        self.read(path.into()).unwrap_or_default()
    }

    /// All apps, the system apps included, newest first.
    #[track_caller]
    pub fn apps(&self) -> Vec<App> {
        self.list("/apps?all=1")
    }

    /// Returns one app, by name or id.
    ///
    /// # Errors
    /// Fails if it does not exist.
    #[track_caller]
    pub fn app(&self, name_or_id: &str) -> Result<AppState, Missing> {
        let app = self.read(format!("/apps/{name_or_id}"))?;
        Ok(AppState { state: self.clone(), app })
    }

    /// Returns all releases, newest first.
    #[track_caller]
    pub fn releases(&self) -> Vec<Release> {
        self.list("/releases")
    }

    /// Returns one release.
    ///
    /// # Errors
    /// Fails if it does not exist.
    #[track_caller]
    pub fn release(&self, id: &str) -> Result<Release, Missing> {
        self.read(format!("/releases/{id}"))
    }

    /// Returns all artifacts, newest first.
    #[track_caller]
    pub fn artifacts(&self) -> Vec<Artifact> {
        self.list("/artifacts")
    }

    /// Returns one deployment.
    ///
    /// # Errors
    /// Fails if it does not exist.
    #[track_caller]
    pub fn deployment(&self, id: &str) -> Result<Deployment, Missing> {
        self.read(format!("/deployments/{id}"))
    }

    /// Returns the routes of all apps.
    #[track_caller]
    pub fn routes(&self) -> Vec<Route> {
        let of = |app: App| self.list(format!("/apps/{}/routes", app.id));
        self.apps().into_iter().flat_map(of).collect()
    }

    /// Returns all providers, newest first.
    #[track_caller]
    pub fn providers(&self) -> Vec<Provider> {
        self.list("/providers")
    }

    /// Returns all resources, newest first.
    #[track_caller]
    pub fn resources(&self) -> Vec<Resource> {
        self.list("/resources")
    }

    /// Returns all volumes; none on an old server.
    #[track_caller]
    pub fn volumes(&self) -> Vec<Volume> {
        self.list("/volumes")
    }

    /// Returns all log sinks; none on an old server.
    #[track_caller]
    pub fn sinks(&self) -> Vec<Sink> {
        self.list("/sinks")
    }

    /// Returns all events, oldest first.
    #[track_caller]
    pub fn events(&self) -> Vec<Event> {
        let mut events: Vec<Event> = self.list("/events");
        events.reverse();
        events
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

/// An app and its objects. It derefs to the [`App`] as it was when it was read.
#[derive(Clone, Debug)]
pub struct AppState {
    state: State,
    app: App,
}

impl Deref for AppState {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl AppState {
    #[track_caller]
    fn list<T: DeserializeOwned>(&self, of: &str) -> Vec<T> {
        self.state.list(format!("/apps/{}/{of}", self.app.id))
    }

    /// Returns its current release.
    ///
    /// # Panics
    /// Panics if it has no release.
    #[track_caller]
    pub fn release(&self) -> Release {
        match self.release_opt() {
            Some(release) => release,
            None => panic!("the app {} has no release", self.app.name),
        }
    }

    /// Returns its current release, or `None` if it has none.
    #[track_caller]
    pub fn release_opt(&self) -> Option<Release> {
        self.state.read(format!("/apps/{}/release", self.app.id)).ok()
    }

    /// Returns its releases, newest first.
    #[track_caller]
    pub fn releases(&self) -> Vec<Release> {
        self.list("releases")
    }

    /// Returns its deployments, newest first.
    #[track_caller]
    pub fn deployments(&self) -> Vec<Deployment> {
        self.list("deployments")
    }

    /// Returns its formations, newest first.
    #[track_caller]
    pub fn formations(&self) -> Vec<Formation> {
        self.list("formations")
    }

    /// Returns the formation of its current release.
    #[track_caller]
    pub fn formation(&self) -> Option<Formation> {
        let release = self.release_opt()?;
        self.formations().into_iter().find(|formation| formation.release_id == release.id)
    }

    /// Returns all jobs that it ever had, newest first.
    #[track_caller]
    pub fn jobs(&self) -> Vec<Job> {
        self.list("jobs")
    }

    /// Returns the number of jobs of a process type that are up.
    #[track_caller]
    pub fn running(&self, process_type: &str) -> usize {
        let up = |job: &&Job| job.process_type == process_type && job.state == JobState::Up;
        self.jobs().iter().filter(up).count()
    }

    /// Returns its routes, newest first.
    #[track_caller]
    pub fn routes(&self) -> Vec<Route> {
        self.list("routes")
    }

    /// Returns its resources, newest first.
    #[track_caller]
    pub fn resources(&self) -> Vec<Resource> {
        self.list("resources")
    }

    /// Returns its volumes; none on an old server.
    #[track_caller]
    pub fn volumes(&self) -> Vec<Volume> {
        self.list("volumes")
    }
}
