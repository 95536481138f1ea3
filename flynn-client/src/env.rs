//! Environment variables of an app: read, and changed with one release and one deployment.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! let env = flynn.app("router").env();
//! let change = env.set([("TLSCERT", "..."), ("TLSKEY", "...")]).await?; // one release, one deployment, finished
//! assert!(change.changed());
//! assert_eq!(env.get().await?["TLSCERT"], "...");
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! Of one kind of process, removed, replaced:
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
//! assert!(!env.replace(all).await?.changed()); // nothing of that name: nothing is deployed
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::apps::{App, AppHandle};
use crate::deployments::{self, Deployment};
use crate::error::{Error, ErrorKind, Pending};
use crate::ids::ReleaseId;
use crate::json::null_is_default;
use crate::releases::Release;
use crate::transport::{Deadline, Repeat, Request, Spec, operation};

/// Environment variables by name. `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Env(#[serde(deserialize_with = "null_is_default")] BTreeMap<String, String>);

impl Env {
    /// No variables.
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
/// Variables of an app, or of one of its kinds of processes; made by [`AppHandle::env`].
#[derive(Clone, Debug)]
pub struct AppEnv {
    app: AppHandle,
    process: Option<String>,
}

impl AppHandle {
    /// The app's variables.
    pub fn env(&self) -> AppEnv {
        AppEnv { app: self.clone(), process: None }
    }
}

impl AppEnv {
    /// Those of one kind of process alone, which win over the app's.
    pub fn of_process(mut self, name: impl Into<String>) -> Self {
        self.process = Some(name.into());
        self
    }

    /// All variables, of the current release. An app without a release has none.
    pub fn get(&self) -> GetEnv {
        GetEnv { env: self.clone(), timeout: None }
    }

    /// Sets variables and keeps the others: one release, one deployment, waited for.
    ///
    /// Variables that have their value already change nothing; when none changes, nothing is deployed. The
    /// server has no compare-and-set: of two writers at the same time, one loses its change.
    ///
    /// Values are sent as they are. A certificate or key (`TLSCERT` and `TLSKEY` of the router) must be
    /// [canonical PEM](crate::routes::NewRoute::certificate), or the router does not start.
    pub fn set<K: Into<String>, V: Into<String>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> ChangeEnv {
        self.change().set(pairs)
    }

    /// Removes variables and keeps the others: one release, one deployment, waited for.
    pub fn unset<K: Into<String>>(&self, names: impl IntoIterator<Item = K>) -> ChangeEnv {
        self.change().unset(names)
    }

    /// Replaces all variables by these: one release, one deployment, waited for.
    pub fn replace(&self, env: Env) -> ChangeEnv {
        let mut change = self.change();
        change.replace = true;
        change.set(env)
    }

    fn change(&self) -> ChangeEnv {
        ChangeEnv { env: self.clone(), changes: Vec::new(), replace: false, timeout: None }
    }
}

/// Reading variables; made by [`AppEnv::get`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct GetEnv {
    env: AppEnv,
    timeout: Option<Duration>,
}

impl GetEnv {
    async fn run(self, deadline: Deadline) -> Result<Env, Error> {
        let AppEnv { app, process } = self.env;
        let Some(mut release) = app.release_opt().within(deadline).await? else {
            // No release, or no such app?
            app.get().within(deadline).await?;
            return Ok(Env::new());
        };
        Ok(match process {
            None => release.env,
            Some(name) => {
                release.processes.remove(&name).map(|process| process.env).unwrap_or_default()
            }
        })
    }
}

operation!(GetEnv => Env);

/// What a change of variables has led to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct EnvChange {
    /// The release that holds the variables; `None` when nothing had to change.
    pub release: Option<Release>,
    /// Its deployment, finished; `None` when nothing had to change.
    pub deployment: Option<Deployment>,
}

impl EnvChange {
    /// Whether anything had to change.
    pub fn changed(&self) -> bool {
        self.release.is_some()
    }
}

/// A change of variables; made by [`AppEnv::set`] and its siblings.
///
/// # Errors
/// Not found, when there is no such app; a validation error for an empty name, or a kind of process that
/// the release lacks; [`ErrorKind::DeploymentInProgress`], with nothing changed, while the app is being
/// deployed. Once the release is made, an error's [`pending`](Error::pending) names it, and once
/// the deployment is accepted, the deployment.
#[derive(Clone)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ChangeEnv {
    env: AppEnv,
    /// In order; `None` removes.
    changes: Vec<(String, Option<String>)>,
    replace: bool,
    timeout: Option<Duration>,
}

impl std::fmt::Debug for ChangeEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.changes.iter().map(|(name, _)| name).collect();
        f.debug_struct("ChangeEnv")
            .field("env", &self.env)
            .field("names", &names)
            .finish_non_exhaustive()
    }
}

impl ChangeEnv {
    /// Sets further variables.
    pub fn set<K: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), Some(value.into())));
        self.changes.extend(pairs);
        self
    }

    /// Removes further variables.
    pub fn unset<K: Into<String>>(mut self, names: impl IntoIterator<Item = K>) -> Self {
        self.changes.extend(names.into_iter().map(|name| (name.into(), None)));
        self
    }

    async fn run(self, deadline: Deadline) -> Result<EnvChange, Error> {
        if self.changes.iter().any(|(name, _)| name.is_empty()) {
            return Err(Error::invalid_input("the name of a variable is empty"));
        }
        let app = &self.env.app;
        let document = Request::<Option<Value>>::optional(&app.client, app.release_spec())
            .within(deadline)
            .await?;
        let mut document = match document {
            Some(document) => document,
            None => first_release(&app.get().within(deadline).await?),
        };
        if !self.apply(&mut document)? {
            return Ok(EnvChange { release: None, deployment: None });
        }
        if let Ok(Some(id)) = deployments::under_way(app, deadline).await {
            // The release would be made, and left behind.
            let message = "nothing was changed; another deployment has to end first";
            return Err(Error::new(ErrorKind::DeploymentInProgress, message)
                .with_pending(Pending::Deployment(id)));
        }
        prepare_copy(&mut document);
        let spec = Spec::post("/releases", [], Repeat::Never).body(&document);
        let release = Request::<Release>::json(&app.client, spec).within(deadline).await?;
        let deployment = deploy(app, &release.id, deadline).await?;
        Ok(EnvChange { release: Some(release), deployment: Some(deployment) })
    }

    /// Writes the changes into the release's document; false when it says all of it already.
    fn apply(&self, document: &mut Value) -> Result<bool, Error> {
        let holder = match &self.env.process {
            None => Some(document),
            Some(name) => {
                document.get_mut("processes").and_then(|processes| processes.get_mut(name))
            }
        };
        let Some(holder) = holder.and_then(Value::as_object_mut) else {
            let name = self.env.process.as_deref().unwrap_or_default();
            return Err(Error::invalid_input(format!("the release has no process type {name:?}")));
        };
        let before = holder.get("env").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut after = if self.replace { Map::new() } else { before.clone() };
        for (name, value) in &self.changes {
            match value {
                Some(value) => after.insert(name.clone(), Value::from(value.as_str())),
                None => after.remove(name),
            };
        }
        let changed = after != before;
        if changed {
            holder.insert("env".to_owned(), Value::Object(after));
        }
        Ok(changed)
    }
}

operation!(ChangeEnv => EnvChange);

/// Deploys and waits; the error says what is pending.
async fn deploy(
    app: &AppHandle,
    release: &ReleaseId,
    deadline: Deadline,
) -> Result<Deployment, Error> {
    match deployments::start(app, release, true, deadline).await {
        Ok(handle) => deployments::wait(&handle, deadline).await,
        Err(error) if matches!(error.pending(), Some(Pending::PerhapsDeployed(_))) => Err(error),
        Err(error) => Err(error.with_pending(Pending::Release(release.clone()))),
    }
}

fn first_release(app: &App) -> Value {
    json!({ "app_id": app.id })
}

/// What the server gives itself must not be sent with a copy, and `entrypoint` and `cmd` would be worked
/// into `args` a second time.
fn prepare_copy(document: &mut Value) {
    let Some(release) = document.as_object_mut() else { return };
    release.remove("id");
    release.remove("created_at");
    if release.contains_key("artifacts") {
        // The first of them again, for old clients.
        release.remove("artifact");
    }
    let processes = release.get_mut("processes").and_then(Value::as_object_mut);
    for process in
        processes.into_iter().flatten().filter_map(|(_, process)| process.as_object_mut())
    {
        process.remove("entrypoint");
        process.remove("cmd");
    }
}
