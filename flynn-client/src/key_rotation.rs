//! Rotates the cluster's key, which gives root access to every node.
//!
//! The rotation locks nobody out: the controller accepts both keys until every app has the new one, and the old key is
//! removed only after your `store` has saved the new one.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
//! # let flynn = mock.client();
//! let rotated = flynn
//!     .rotate_key()
//!     .store(|key| async move {
//!         // Write the key to ~/.flynnrc, for example with `flynn_config::FlynnRc::edit`.
//!         assert_eq!(key.expose().len(), 32);
//!         Ok(())
//!     })
//!     .await?;
//! println!("apps with the new key: {}", rotated.apps.join(", "));
//!
//! let flynn = flynn.with_key(&rotated.key)?;
//! assert!(!flynn.apps().list().await?.is_empty());
//! # Ok::<(), flynn_client::Error>(()) }).unwrap();
//! ```
//!
//! If the rotation is interrupted, run it again with a client that has the stored key: it continues with that key.
//! Interrupted before `store`, it starts again.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use secrecy::ExposeSecret as _;

use crate::apps::AppHandle;
use crate::client::Client;
use crate::env::ChangeEnv;
use crate::error::{BoxError, Error, ErrorKind, Pending};
use crate::secret::Secret;
use crate::transport::{Auth, Deadline, Limits, operation};

const CONTROLLER: &str = "controller";
const WEB: &str = "web";
const AUTH_KEY: &str = "AUTH_KEY";
/// The status app, whose `AUTH_KEY` is a separate key.
const STATUS: &str = "status";

impl Client {
    /// Prepares a rotation of the key that this client uses. Nothing is sent until it is awaited.
    pub fn rotate_key(&self) -> RotateKey {
        RotateKey { client: self.clone(), new: None }
    }
}

/// Settings of a rotation; returned by [`Client::rotate_key`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is given a store and awaited"]
pub struct RotateKey {
    client: Client,
    new: Option<Secret>,
}

impl RotateKey {
    /// Continues an interrupted rotation with the stored key, instead of generating a new one. The client may use the
    /// old key or this one.
    ///
    /// A client that has the stored key continues without this.
    pub fn resume(mut self, key: impl Into<Secret>) -> Self {
        self.new = Some(key.into());
        self
    }

    /// Sets how the new key is stored, for example in `~/.flynnrc`.
    ///
    /// `store` is called once the controller accepts the new key, and before anything else is changed. If it fails, the
    /// controller stops accepting the new key and the rotation ends with its error. The key of a resumed rotation stays
    /// accepted, because it was stored before.
    ///
    /// A [timeout](RunKeyRotation::timeout) does not cut `store` off.
    pub fn store<F, A>(self, store: F) -> RunKeyRotation
    where
        F: Fn(Secret) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let store: Arc<Store> = Arc::new(move |key| Box::pin(store(key)));
        RunKeyRotation { rotate: self, store, limits: Limits::default() }
    }
}

type Store = dyn Fn(Secret) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

/// Rotates the key; returned by [`RotateKey::store`].
///
/// 1. The controller's `web` process accepts the new key in addition to the old one.
/// 2. A request with the new key tests it, and `store` saves it.
/// 3. Every app that has the old key in a variable gets the new one. The status app's own `AUTH_KEY` does not change.
/// 4. The controller's `AUTH_KEY` is replaced, and the `web` process no longer accepts the old key.
/// 5. A request with the old key must be refused.
///
/// Each change is one release and one deployment of the app. Other keys in the controller's `AUTH_KEY` stay. Keys that
/// only the `web` process accepts come from interrupted rotations and are removed. Withdrawing a key that could not be
/// stored may take up to two more minutes, in addition to a timeout.
///
/// # Errors
/// Fails with [`InvalidInput`](crate::ErrorKind::InvalidInput) if the client has no key, and with [`ErrorKind::Failed`]
/// if `store` fails (with its error as the source) or if the controller still accepts the old key. Otherwise returns
/// the errors of the requests and deployments. [`Error::pending`] says whether to [`resume`](RotateKey::resume) or to
/// start again.
#[must_use = "nothing is sent until it is awaited"]
pub struct RunKeyRotation {
    rotate: RotateKey,
    store: Arc<Store>,
    limits: Limits,
}

operation!(RunKeyRotation => KeyRotated);

impl fmt::Debug for RunKeyRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunKeyRotation").field("rotate", &self.rotate).finish_non_exhaustive()
    }
}

/// A finished rotation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyRotated {
    /// The new key, the only one of the two that the controller accepts now.
    pub key: Secret,
    /// The names of the apps that got it, in order.
    pub apps: Vec<String>,
}

impl RunKeyRotation {
    async fn run(self, deadline: Deadline) -> Result<KeyRotated, Error> {
        let RotateKey { client, new } = &self.rotate;
        let Auth::Key(own) = &client.transport().settings.auth else {
            return Err(Error::invalid_input("the client has no key to rotate"));
        };
        let own = Secret::from(own.expose_secret());
        if new.as_ref().is_some_and(|new| !is_key(new)) {
            return Err(Error::invalid_input("the key to resume with is empty or has a comma"));
        }
        // After an interrupted rotation, only one of the keys may still work.
        let admin = match (client.app(CONTROLLER).get().within(deadline).await, new) {
            (Err(error), Some(new)) if error.is_unauthorized() => client.with_key(new)?,
            (answer, _) => answer.map(|_| client.clone())?,
        };
        let controller = Controller::read(&admin, deadline).await?;
        let new = match new {
            Some(new) => new.clone(),
            None if controller.was_introduced(&own) => own.clone(),
            None => generate()?,
        };
        let rotation = Rotation { controller, newer: client.with_key(&new)?, new };
        let Some(old) = rotation.old_key(&own)? else {
            // No other key is accepted any more.
            return Ok(KeyRotated { key: rotation.new, apps: Vec::new() });
        };
        if let Err(error) = self.introduce(&rotation, deadline).await {
            return Err(rotation.take_back(error, deadline.for_restoring()).await);
        }
        let apps = rotation.replace(&old, deadline).await;
        let apps =
            apps.map_err(|e| e.with_only_pending([Pending::KeyRotation { stored: true }]))?;
        Ok(KeyRotated { key: rotation.new, apps })
    }

    /// Makes the controller accept the new key, tests it, and stores it.
    async fn introduce(&self, rotation: &Rotation, deadline: Deadline) -> Result<(), Error> {
        let Rotation { controller, newer, new } = rotation;
        let mut accepted = controller.accepted();
        if !accepted.contains(new) {
            accepted.push(new.clone());
            controller.accept(&accepted, deadline).await?;
        }
        newer.app(CONTROLLER).get().within(deadline).await?;
        // The deadline does not apply: a store that is cut off may still write the key.
        let stored = (self.store)(new.clone()).await;
        stored.map_err(|e| Error::new(ErrorKind::Failed, "cannot store the new key").caused_by(e))
    }
}

/// The controller and the keys in its variables, before the rotation.
struct Controller {
    app: AppHandle,
    /// `AUTH_KEY` of the app.
    global: Vec<Secret>,
    /// `AUTH_KEY` of the `web` process, which overrides the app's.
    web: Option<Vec<Secret>>,
}

impl Controller {
    async fn read(client: &Client, deadline: Deadline) -> Result<Self, Error> {
        let app = client.app(CONTROLLER);
        let release = app.release().within(deadline).await?;
        let global = release.env.get(AUTH_KEY).map(|list| keys(list)).unwrap_or_default();
        let web = release.processes.get(WEB).and_then(|web| web.env.get(AUTH_KEY));
        Ok(Self { app, global, web: web.map(|list| keys(list)) })
    }

    fn accepted(&self) -> Vec<Secret> {
        self.web.clone().unwrap_or_else(|| self.global.clone())
    }

    /// Returns whether this is the new key of an interrupted rotation: only the `web` process accepts it.
    fn was_introduced(&self, key: &Secret) -> bool {
        !self.global.contains(key) && self.accepted().contains(key)
    }

    /// Makes the `web` process accept these keys, independent of the app's variable.
    async fn accept(&self, accepted: &[Secret], deadline: Deadline) -> Result<(), Error> {
        let web = self.app.env().of_process(WEB);
        change(web.set([(AUTH_KEY, list(accepted))]), deadline).await
    }

    /// Makes the `web` process accept the keys in the app's variable.
    async fn accept_global(&self, deadline: Deadline) -> Result<(), Error> {
        change(self.app.env().of_process(WEB).unset([AUTH_KEY]), deadline).await
    }
}

struct Rotation {
    controller: Controller,
    /// The client with the new key.
    newer: Client,
    new: Secret,
}

impl Rotation {
    /// Returns the key to replace: the client's key, or the other accepted key if the client already has the new one.
    /// `None` if the rotation is complete.
    fn old_key(&self, own: &Secret) -> Result<Option<Secret>, Error> {
        if *own != self.new {
            return Ok(Some(own.clone()));
        }
        let Controller { global, web, .. } = &self.controller;
        let others: Vec<_> = if global.contains(&self.new) {
            let web = web.iter().flatten();
            web.filter(|key| !global.contains(key)).collect()
        } else {
            global.iter().collect()
        };
        match &others[..] {
            [] => Ok(None),
            [old] => Ok(Some((*old).clone())),
            _ => Err(Error::invalid_input(
                "the controller accepts several other keys: resume with a client that has the old key",
            )),
        }
    }

    /// Withdraws the new key, which was not stored, unless an earlier run has introduced and stored it.
    async fn take_back(&self, error: Error, deadline: Deadline) -> Error {
        if self.controller.accepted().contains(&self.new) {
            return error.with_only_pending([Pending::KeyRotation { stored: true }]);
        }
        let restored = match &self.controller.web {
            Some(before) => self.controller.accept(before, deadline).await,
            None => self.controller.accept_global(deadline).await,
        };
        match restored {
            Ok(()) => error.with_only_pending([]),
            Err(_) => error.with_only_pending([Pending::KeyRotation { stored: false }]),
        }
    }

    /// Replaces the old key everywhere, the controller's last.
    async fn replace(&self, old: &Secret, deadline: Deadline) -> Result<Vec<String>, Error> {
        let mut changed = Vec::new();
        for app in self.newer.apps().list().within(deadline).await? {
            if self.replace_in(&self.newer.app(&app.id), &app.name, old, deadline).await? {
                changed.push(app.name);
            }
        }
        // Read again: other keys may have changed meanwhile.
        let Controller { app: controller, global, .. } =
            Controller::read(&self.newer, deadline).await?;
        let replaced = replaced(&global, old, &self.new);
        change(controller.env().set([(AUTH_KEY, list(&replaced))]), deadline).await?;
        let last = controller.env().of_process(WEB).unset([AUTH_KEY]);
        change(last, deadline).await?;
        changed.push(CONTROLLER.to_owned());
        match self.newer.with_key(old)?.app(CONTROLLER).get().within(deadline).await {
            Err(error) if error.is_unauthorized() => Ok(changed),
            Err(error) => Err(error),
            Ok(_) => Err(Error::new(ErrorKind::Failed, "the controller still accepts the old key")),
        }
    }

    /// Replaces the old key in all variables of an app and of its process types.
    async fn replace_in(
        &self,
        app: &AppHandle,
        name: &str,
        old: &Secret,
        deadline: Deadline,
    ) -> Result<bool, Error> {
        let Some(release) = app.release_opt().within(deadline).await? else { return Ok(false) };
        let new_values = |env: &crate::Env| -> Vec<(String, String)> {
            let is_other =
                |variable: &str| variable == AUTH_KEY && (name == CONTROLLER || name == STATUS);
            env.iter()
                .filter(|(variable, value)| !is_other(variable) && keys(value).contains(old))
                .map(|(variable, value)| {
                    (variable.clone(), list(&replaced(&keys(value), old, &self.new)))
                })
                .collect()
        };
        // One release and one deployment for all changes.
        let values = new_values(&release.env);
        let mut found = !values.is_empty();
        let mut change = app.change_release().env(values).after_running();
        for (process_type, process) in &release.processes {
            let values = new_values(&process.env);
            found |= !values.is_empty();
            change = change.process_env(process_type.as_str(), values);
        }
        if found {
            change.run(deadline).await?;
        }
        Ok(found)
    }
}

/// Creates and deploys one release, after waiting for a running deployment.
async fn change(change: ChangeEnv, deadline: Deadline) -> Result<(), Error> {
    change.after_running().run(deadline).await.map(|_| ())
}

fn keys(list: &str) -> Vec<Secret> {
    list.split(',').map(str::trim).filter(|key| !key.is_empty()).map(Secret::from).collect()
}

fn list(keys: &[Secret]) -> String {
    keys.iter().map(Secret::expose).collect::<Vec<_>>().join(",")
}

/// Replaces the old key in a list by the new one, and removes duplicates.
fn replaced(list: &[Secret], old: &Secret, new: &Secret) -> Vec<Secret> {
    let mut keys: Vec<Secret> = Vec::with_capacity(list.len());
    for key in list {
        let key = if key == old { new } else { key };
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

fn is_key(key: &Secret) -> bool {
    !key.is_empty() && !key.expose().contains(',') && key.expose().trim() == key.expose()
}

/// Generates a key as a bootstrap does: 16 random bytes in hexadecimal.
fn generate() -> Result<Secret, Error> {
    use fmt::Write as _;
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::Unexpected, "the system has no random numbers").caused_by(e)
    })?;
    let mut key = String::with_capacity(32);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    Ok(key.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_keys_look_like_flynns() {
        let (a, b) = (generate().unwrap(), generate().unwrap());
        assert!(a != b && is_key(&a) && a.expose().len() == 32);
        assert!(a.expose().bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
        assert!(!is_key(&"a,b".into()) && !is_key(&"".into()) && !is_key(&" a".into()));
    }

    #[test]
    fn a_key_is_replaced_in_a_list() {
        let all = |text: &str| keys(text);
        let replace = |text| list(&replaced(&all(text), &"old".into(), &"new".into()));
        assert_eq!(replace("old"), "new");
        assert_eq!(replace("a, old,b"), "a,new,b");
        assert_eq!(replace("new,old"), "new");
        assert_eq!(replace("a"), "a");
    }
}
