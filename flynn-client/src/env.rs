//! Environment variables of an app. A change creates one release, deploys it and waits for the deployment.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! let env = flynn.app("blobstore").env();
//! let change = env.set([("REGION", "eu-west-1"), ("LEVEL", "debug")]).await?; // one release, one deployment, finished
//! assert!(change.changed());
//! assert_eq!(env.get().await?["LEVEL"], "debug");
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! Variables of one process type, and replacing them all:
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! use flynn_client::Env;
//!
//! let web = flynn.app("controller").env().of_process("web");
//! web.set([("NEW_KEY", "...")]).await?;
//! let change = web.unset(["NEW_KEY"]).await?;
//! println!("{:?}", change.deployment.map(|deployment| deployment.status));
//!
//! let env = flynn.app("blobstore").env();
//! let mut all: Env = env.get().await?;
//! all.retain(|name, _| !name.starts_with("OLD_"));
//! assert!(!env.replace(all).await?.changed()); // nothing has changed, so nothing is deployed
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use crate::apps::AppHandle;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::ids::ReleaseId;
use crate::json::null_is_default;
use crate::releases::{ChangeRelease, ReleaseChange, ReleasePreview};
use crate::transport::{Deadline, Limits, Request, operation};

mod import;

/// Environment variables by name. `Debug` shows only the names.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Env(#[serde(deserialize_with = "null_is_default")] BTreeMap<String, String>);

impl Env {
    /// Creates an empty map.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Deref for Env {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Env {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|name| (name, format_args!("[redacted]")))).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl IntoIterator for Env {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Env {
    type Item = (&'a String, &'a String);
    type IntoIter = std::collections::btree_map::Iter<'a, String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<BTreeMap<String, String>> for Env {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }
}

impl From<HashMap<String, String>> for Env {
    fn from(map: HashMap<String, String>) -> Self {
        map.into_iter().collect()
    }
}

/// The variables of an app, or of one of its process types; returned by [`AppHandle::env`].
#[derive(Clone, Debug)]
pub struct AppEnv {
    app: AppHandle,
    process_type: Option<String>,
}

impl AppHandle {
    /// Accesses the variables of the app.
    pub fn env(&self) -> AppEnv {
        AppEnv { app: self.clone(), process_type: None }
    }
}

impl AppEnv {
    /// Selects the variables of one process type, which override the app's.
    pub fn of_process(mut self, process_type: impl Into<String>) -> Self {
        self.process_type = Some(process_type.into());
        self
    }

    /// Reads all variables of the current release. Empty for an app without a release.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn get(&self) -> Request<Env> {
        let Self { app, process_type } = self.clone();
        Request::steps("env().get()", |deadline| async move {
            let Some(mut release) = app.release_opt().within(deadline).await? else {
                // No release, or the app does not exist.
                app.get().within(deadline).await?;
                return Ok(Env::new());
            };
            Ok(match process_type {
                None => release.env,
                Some(name) => {
                    release.processes.remove(&name).map(|process| process.env).unwrap_or_default()
                }
            })
        })
    }

    /// Sets variables and keeps the others. Creates one release, deploys it and waits for the deployment.
    ///
    /// If no variable changes, nothing is deployed. For concurrent writers, see [`AppHandle::change_release`].
    ///
    /// Values are sent unchanged. A certificate or key (`TLSCERT` and `TLSKEY` of the router) must be
    /// [canonical PEM](crate::routes::NewRoute::certificate), or the router does not start.
    ///
    /// # Errors
    /// Returns the errors of [`AppHandle::change_release`].
    pub fn set<K: Into<String>, V: Into<String>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> ChangeEnv {
        self.change().set(pairs)
    }

    /// Removes variables and keeps the others. Creates one release, deploys it and waits for the deployment.
    ///
    /// # Errors
    /// Returns the errors of [`AppHandle::change_release`].
    pub fn unset<K: Into<String>>(&self, names: impl IntoIterator<Item = K>) -> ChangeEnv {
        self.change().unset(names)
    }

    /// Replaces all variables. Creates one release, deploys it and waits for the deployment.
    ///
    /// # Errors
    /// Returns the errors of [`AppHandle::change_release`].
    pub fn replace(&self, env: Env) -> ChangeEnv {
        let mut change = self.change();
        change.release = match &self.process_type {
            None => change.release.replace_env(env),
            Some(process_type) => change.release.replace_process_env(process_type, env),
        };
        change
    }

    fn change(&self) -> ChangeEnv {
        ChangeEnv {
            release: self.app.change_release(),
            process_type: self.process_type.clone(),
            limits: Limits::default(),
        }
    }
}

/// Changes variables; returned by [`AppEnv::set`] and its siblings.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ChangeEnv {
    release: ChangeRelease,
    process_type: Option<String>,
    limits: Limits,
}

impl ChangeEnv {
    /// Sets more variables.
    pub fn set<K: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.release = match &self.process_type {
            None => self.release.env(pairs),
            Some(process_type) => self.release.process_env(process_type, pairs),
        };
        self
    }

    /// Removes more variables.
    pub fn unset<K: Into<String>>(mut self, names: impl IntoIterator<Item = K>) -> Self {
        self.release = match &self.process_type {
            None => self.release.unset_env(names),
            Some(process_type) => self.release.unset_process_env(process_type, names),
        };
        self
    }

    /// Fails with a conflict if another release is the current one; see [`ChangeRelease::if_release`].
    pub fn if_release(mut self, id: impl Into<ReleaseId>) -> Self {
        self.release = self.release.if_release(id);
        self
    }

    /// Waits for a running deployment first; see [`ChangeRelease::after_running`].
    pub fn after_running(mut self) -> Self {
        self.release = self.release.after_running();
        self
    }

    /// Returns the changes without making them.
    pub fn preview(&self) -> Request<ReleasePreview> {
        self.release.preview()
    }

    pub(crate) async fn run(self, deadline: Deadline) -> Result<ReleaseChange, Error> {
        self.release.run(deadline).await
    }
}

operation!(ChangeEnv => ReleaseChange);
