//! Releases made from the current one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::diff::rebase;
use super::{ProcessType, Release, ReleaseDiff};
use crate::apps::AppHandle;
use crate::deployments::{self, Deployment, DeploymentEvent, DeploymentHandle};
use crate::document::{self, Document};
use crate::env::Env;
use crate::error::{Error, ErrorKind, Pending};
use crate::ids::{ArtifactId, DeploymentId, ReleaseId};
use crate::operation;
use crate::transport::{Deadline, Repeat, Spec, operation};

impl AppHandle {
    /// Changes the current release: reads it, applies the changes, creates one release, deploys it and waits.
    ///
    /// Fields that you do not name stay as they are, those that this crate does not know included. When nothing
    /// differs, nothing is created. An app without a release starts with an empty one.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mock = flynn_mock::MockController::builder().bootstrapped("example.com").start().await;
    /// # let flynn = mock.client();
    /// # use flynn_client::apps::NewApp;
    /// # flynn.apps().create(NewApp::named("www")).await?;
    /// use flynn_client::releases::ProcessType;
    ///
    /// let change = flynn
    ///     .app("www")
    ///     .change_release()
    ///     .env([("GREETING", "hello")])
    ///     .process("web", ProcessType::web(["/bin/app"]));
    /// println!("{}", change.preview().await?.diff);
    /// let done = change.await?;
    /// assert!(done.changed() && done.deployment.is_some());
    /// # Ok::<(), flynn_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Two writers
    /// The server has no compare-and-set. When another release was deployed since the current one was read, the server
    /// tells so when it accepts the deployment, and the changes are applied to that release and deployed again, three
    /// times at most. When both writers changed the same field, the result is a conflict.
    /// [`if_release`](ChangeRelease::if_release) refuses any other release beforehand, and
    /// [`after_running`](ChangeRelease::after_running) waits for a running deployment instead of failing.
    ///
    /// # Errors
    /// - Not found, when there is no such app.
    /// - A validation error for an empty variable name or an unknown process type.
    /// - [`ErrorKind::DeploymentInProgress`] while the app is being deployed; nothing has changed then.
    /// - [`ErrorKind::Conflict`] when another writer changed the same fields: [`Error::conflicting_changes`] has both
    ///   diffs, and [`Error::pending`] the other release.
    /// - Those of the deployment. Once the release is created, [`Error::pending`] names it, and once the deployment is
    ///   accepted, the deployment.
    pub fn change_release(&self) -> ChangeRelease {
        ChangeRelease {
            app: self.clone(),
            edits: Vec::new(),
            if_release: None,
            after_running: false,
            deploys: true,
            on_step: None,
            timeout: None,
        }
    }
}

/// One change of a release.
#[derive(Clone)]
enum Edit {
    Artifacts(Vec<ArtifactId>),
    /// Sets, or removes with `None`; of the release or of a process type.
    Env(Option<String>, String, Option<String>),
    ReplaceEnv(Option<String>),
    Meta(String, Option<String>),
    Process(String, Option<Box<ProcessType>>),
    Args(String, Vec<String>),
}

type OnStep = Arc<dyn Fn(&DeploymentEvent) + Send + Sync>;

/// Changes the current release; made by [`AppHandle::change_release`].
#[derive(Clone)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ChangeRelease {
    app: AppHandle,
    /// In order.
    edits: Vec<Edit>,
    if_release: Option<ReleaseId>,
    after_running: bool,
    deploys: bool,
    on_step: Option<OnStep>,
    timeout: Option<Duration>,
}

/// What a [`ChangeRelease`] would do; made by [`ChangeRelease::preview`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReleasePreview {
    /// The fields that change.
    pub diff: ReleaseDiff,
    /// The release as it would be created, without an id.
    pub release: Release,
}

/// The result of a [`ChangeRelease`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ReleaseChange {
    /// The new release; `None` when nothing had to change.
    pub release: Option<Release>,
    /// Its deployment, which has ended; `None` when nothing had to change or nothing was deployed.
    pub deployment: Option<Deployment>,
    /// The fields that changed.
    pub diff: ReleaseDiff,
}

impl ReleaseChange {
    /// Returns whether anything had to change.
    pub fn changed(&self) -> bool {
        self.release.is_some()
    }
}

impl ChangeRelease {
    /// Replaces all artifacts, lowest layer first.
    pub fn artifacts<A: Into<ArtifactId>>(self, ids: impl IntoIterator<Item = A>) -> Self {
        self.edit(Edit::Artifacts(ids.into_iter().map(Into::into).collect()))
    }

    /// Sets environment variables of the app and keeps the others.
    pub fn env<K: Into<String>, V: Into<String>>(
        self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.set_env(None, pairs)
    }

    /// Removes environment variables of the app.
    pub fn unset_env<K: Into<String>>(self, names: impl IntoIterator<Item = K>) -> Self {
        self.unset(None, names)
    }

    /// Replaces all environment variables of the app.
    pub fn replace_env(self, env: Env) -> Self {
        self.edit(Edit::ReplaceEnv(None)).set_env(None, env)
    }

    /// Sets environment variables of a process type, which win over the app's, and keeps the others.
    pub fn process_env<K: Into<String>, V: Into<String>>(
        self,
        process_type: impl Into<String>,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.set_env(Some(process_type.into()), pairs)
    }

    /// Removes environment variables of a process type.
    pub fn unset_process_env<K: Into<String>>(
        self,
        process_type: impl Into<String>,
        names: impl IntoIterator<Item = K>,
    ) -> Self {
        self.unset(Some(process_type.into()), names)
    }

    /// Replaces all environment variables of a process type.
    pub fn replace_process_env(self, process_type: impl Into<String>, env: Env) -> Self {
        let process_type = Some(process_type.into());
        self.edit(Edit::ReplaceEnv(process_type.clone())).set_env(process_type, env)
    }

    /// Sets metadata and keeps the rest.
    pub fn meta(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.edit(Edit::Meta(key.into(), Some(value.into())))
    }

    /// Removes metadata.
    pub fn unset_meta(self, key: impl Into<String>) -> Self {
        self.edit(Edit::Meta(key.into(), None))
    }

    /// Adds a process type or replaces it as a whole. The service of its ports is named `<app>-<process type>` where
    /// it has no name.
    pub fn process(self, process_type: impl Into<String>, process: ProcessType) -> Self {
        self.edit(Edit::Process(process_type.into(), Some(Box::new(process))))
    }

    /// Replaces program and arguments of a process type and keeps everything else of it.
    pub fn args<A: Into<String>>(
        self,
        process_type: impl Into<String>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        self.edit(Edit::Args(process_type.into(), args))
    }

    /// Removes a process type.
    pub fn remove_process(self, process_type: impl Into<String>) -> Self {
        self.edit(Edit::Process(process_type.into(), None))
    }

    /// Refuses with a conflict, before anything is created, when another release is the current one.
    pub fn if_release(mut self, id: impl Into<ReleaseId>) -> Self {
        self.if_release = Some(id.into());
        self
    }

    /// Waits for a running deployment of the app to end, and then changes what it has deployed.
    pub fn after_running(mut self) -> Self {
        self.after_running = true;
        self
    }

    /// Creates the release and does not deploy it.
    pub fn without_deploying(mut self) -> Self {
        self.deploys = false;
        self
    }

    /// Calls `on_step` with every step of the deployment.
    pub fn on_step(mut self, on_step: impl Fn(&DeploymentEvent) + Send + Sync + 'static) -> Self {
        self.on_step = Some(Arc::new(on_step));
        self
    }

    /// Reads the current release and returns what would change. Creates nothing.
    pub fn preview(&self) -> PreviewRelease {
        PreviewRelease { change: self.clone(), timeout: self.timeout }
    }

    fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    fn set_env<K: Into<String>, V: Into<String>>(
        mut self,
        process_type: Option<String>,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.edits.extend(
            pairs.into_iter().map(|(name, value)| {
                Edit::Env(process_type.clone(), name.into(), Some(value.into()))
            }),
        );
        self
    }

    fn unset<K: Into<String>>(
        mut self,
        process_type: Option<String>,
        names: impl IntoIterator<Item = K>,
    ) -> Self {
        let names = names.into_iter();
        self.edits.extend(names.map(|name| Edit::Env(process_type.clone(), name.into(), None)));
        self
    }
}

/// How often a change is applied to the release of another writer.
const MERGES: u32 = 3;

/// The release that a change starts from.
struct Base {
    /// Empty when the app has no release.
    id: ReleaseId,
    document: Document,
}

impl ChangeRelease {
    pub(crate) async fn run(mut self, deadline: Deadline) -> Result<ReleaseChange, Error> {
        self.check()?;
        self.name_services(deadline).await?;
        let mut base = self.current(deadline).await?;
        if let Some(wanted) = self.if_release.take().filter(|wanted| *wanted != base.id) {
            let message = format!("the current release is {}, and not {wanted}", base.id);
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let mut document = self.apply(&base.document)?;
        let mut diff = ReleaseDiff::between(&base.document, &document);
        let mut merges = 0;
        loop {
            if diff.is_empty() {
                return Ok(ReleaseChange::default());
            }
            // A release that cannot be deployed now would be left behind.
            let running = match self.deploys {
                true => deployments::under_way(&self.app, deadline).await.ok().flatten(),
                false => None,
            };
            let mut handle = None;
            if let Some(running) = running {
                self.wait_out(running, merges > 0, deadline).await?;
            } else {
                let spec = Spec::post("/releases", [], Repeat::Never);
                let client = &self.app.client;
                let release: Release = document::write(client, spec, &document, deadline).await?;
                if !self.deploys {
                    return Ok(ReleaseChange { release: Some(release), deployment: None, diff });
                }
                handle =
                    self.start(&release.id, merges > 0, deadline).await?.map(|it| (it, release));
            }
            let Some((handle, release)) = handle else {
                // Another deployment has ended in the meantime.
                let current = self.current(deadline).await?;
                if merges == 0 {
                    document = self.apply(&current.document)?;
                    diff = ReleaseDiff::between(&current.document, &document);
                } else {
                    document = rebase(&base.document, &document, &current.document);
                }
                base = current;
                continue;
            };
            let replaced = handle.accepted().map(|accepted| accepted.old_release_id.clone());
            let deployment = self.wait(&handle, deadline).await?;
            match replaced.filter(|replaced| !replaced.is_empty() && *replaced != base.id) {
                None => {
                    let (release, deployment) = (Some(release), Some(deployment));
                    return Ok(ReleaseChange { release, deployment, diff });
                }
                Some(replaced) => {
                    merges += 1;
                    let merged = self.merge(&base, &document, replaced, merges, deadline).await?;
                    // Other writers have read what this one has just deployed.
                    base =
                        Base { id: release.id, document: std::mem::replace(&mut document, merged) };
                }
            }
        }
    }

    /// Applies the change to the release of another writer, which it has replaced.
    async fn merge(
        &self,
        base: &Base,
        ours: &Document,
        replaced: ReleaseId,
        merges: u32,
        deadline: Deadline,
    ) -> Result<Document, Error> {
        let pending = Pending::Release { app: self.app.app.clone(), release: replaced.clone() };
        let spec = Spec::get("/releases/{release}", [replaced.as_str()]);
        let theirs = document::read(&self.app.client, spec, deadline).await;
        let theirs = theirs.map_err(|error| error.with_pending(pending.clone()))?;
        let theirs = Base::of(theirs.unwrap_or_default()).document;
        let (our_diff, their_diff) = (
            ReleaseDiff::between(&base.document, ours),
            ReleaseDiff::between(&base.document, &theirs),
        );
        let disagree = ReleaseDiff::between(ours, &theirs);
        let conflict = disagree
            .fields()
            .iter()
            .any(|field| our_diff.touches(&field.path) && their_diff.touches(&field.path));
        if conflict || merges > MERGES {
            let message = format!(
                "another writer deployed release {replaced} at the same time; this change has replaced it"
            );
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_conflicting_changes(our_diff, their_diff)
                .with_pending(pending));
        }
        Ok(rebase(&base.document, ours, &theirs))
    }

    fn check(&self) -> Result<(), Error> {
        for edit in &self.edits {
            match edit {
                Edit::Env(_, name, _) if name.is_empty() => {
                    return Err(Error::invalid_input("the name of a variable is empty"));
                }
                Edit::Process(name, _) | Edit::Args(name, _) if name.is_empty() => {
                    return Err(Error::invalid_input("the name of a process type is empty"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Names the services of new process types after the app.
    async fn name_services(&mut self, deadline: Deadline) -> Result<(), Error> {
        let mut app = None;
        for edit in &mut self.edits {
            let Edit::Process(name, Some(process)) = edit else { continue };
            if !process.has_unnamed_service() {
                continue;
            }
            if app.is_none() {
                app = Some(self.app.get().within(deadline).await?.name);
            }
            process.name_services(&format!("{}-{name}", app.as_deref().unwrap_or_default()));
        }
        Ok(())
    }

    async fn current(&self, deadline: Deadline) -> Result<Base, Error> {
        let client = &self.app.client;
        Ok(match document::read(client, self.app.release_spec(), deadline).await? {
            Some(document) => Base::of(document),
            None => {
                // No release yet, or no such app.
                let app = self.app.get().within(deadline).await?;
                let document = Document::from_iter([("app_id".to_owned(), json!(app.id))]);
                Base { id: ReleaseId::default(), document }
            }
        })
    }

    /// The document of the new release.
    fn apply(&self, base: &Document) -> Result<Document, Error> {
        let mut document = base.clone();
        for edit in &self.edits {
            edit.apply(&mut document)?;
        }
        Ok(document)
    }

    /// Starts the deployment; `None` when another one ran and was waited for.
    async fn start(
        &self,
        release: &ReleaseId,
        waits: bool,
        deadline: Deadline,
    ) -> Result<Option<DeploymentHandle>, Error> {
        let error = match deployments::start(&self.app, release, true, deadline).await {
            Ok(handle) => return Ok(Some(handle)),
            Err(error) => error,
        };
        let app = self.app.app.clone();
        match error.pending() {
            Some(Pending::Deployment { deployment, .. }) if self.after_running || waits => {
                let running = deployment.clone();
                self.wait_out(running, waits, deadline).await.map(|()| None)
            }
            Some(Pending::PerhapsDeployed { .. }) => Err(error),
            _ => Err(error.with_pending(Pending::Release { app, release: release.clone() })),
        }
    }

    /// Waits until another deployment has ended, well or not.
    async fn wait_out(
        &self,
        running: DeploymentId,
        waits: bool,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let app = self.app.app.clone();
        if !(self.after_running || waits) {
            let message = "nothing has changed; wait for the running deployment to end, or use `after_running`";
            return Err(Error::new(ErrorKind::DeploymentInProgress, message)
                .with_pending(Pending::Deployment { app, deployment: running }));
        }
        let handle = self.app.client.deployment(running).of_app(app);
        match operation::wait(&handle, None, deadline).await {
            Err(error) if !error.is_failed() => Err(error),
            _ => Ok(()),
        }
    }

    async fn wait(
        &self,
        handle: &DeploymentHandle,
        deadline: Deadline,
    ) -> Result<Deployment, Error> {
        let on_step = self.on_step.clone();
        operation::wait(
            handle,
            on_step.map(|on_step| {
                Box::new(move |step: &DeploymentEvent| on_step(step)) as Box<dyn FnMut(&_) + Send>
            }),
            deadline,
        )
        .await
    }
}

impl Base {
    /// Drops what the server sets itself. `entrypoint` and `cmd` would be worked into `args` a second time.
    fn of(mut document: Document) -> Self {
        let id = document.remove("id").and_then(|id| Some(id.as_str()?.into()));
        document.remove("created_at");
        if document.contains_key("artifacts") {
            // The first of them again, for old clients.
            document.remove("artifact");
        }
        let processes = document.get_mut("processes").and_then(Value::as_object_mut);
        for process in processes.into_iter().flatten().filter_map(|(_, p)| p.as_object_mut()) {
            process.remove("entrypoint");
            process.remove("cmd");
        }
        Self { id: id.unwrap_or_default(), document }
    }
}

impl Edit {
    fn apply(&self, document: &mut Document) -> Result<(), Error> {
        match self {
            Self::Artifacts(ids) => {
                document.insert("artifacts".to_owned(), json!(ids));
                document.remove("artifact");
            }
            Self::Env(process, name, value) => {
                let holder = holder(document, process.as_deref())?;
                set(holder, "env", name, value.as_deref());
            }
            Self::ReplaceEnv(process) => {
                holder(document, process.as_deref())?.remove("env");
            }
            Self::Meta(key, value) => set(document, "meta", key, value.as_deref()),
            Self::Process(name, None) => {
                if let Some(Value::Object(processes)) = document.get_mut("processes") {
                    processes.remove(name);
                }
            }
            Self::Process(name, Some(process)) => {
                let process = Document::from_iter([(name.clone(), json!(process))]);
                document::merge(document, "processes", process);
            }
            Self::Args(name, args) => {
                holder(document, Some(name))?.insert("args".to_owned(), json!(args));
            }
        }
        Ok(())
    }
}

/// The release, or one of its process types.
fn holder<'a>(
    document: &'a mut Document,
    process_type: Option<&str>,
) -> Result<&'a mut Document, Error> {
    let Some(name) = process_type else { return Ok(document) };
    let process = document.get_mut("processes").and_then(|processes| processes.get_mut(name));
    process
        .and_then(Value::as_object_mut)
        .ok_or_else(|| Error::invalid_input(format!("the release has no process type {name:?}")))
}

/// Sets a member of a map in a document, or removes it. A map that becomes empty goes.
fn set(document: &mut Document, field: &str, name: &str, value: Option<&str>) {
    match value {
        Some(value) => {
            document::merge(
                document,
                field,
                Document::from_iter([(name.to_owned(), value.into())]),
            );
        }
        None => {
            let Some(Value::Object(map)) = document.get_mut(field) else { return };
            map.remove(name);
            if map.is_empty() {
                document.remove(field);
            }
        }
    }
}

operation!(ChangeRelease => ReleaseChange);

impl fmt::Debug for ChangeRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.edits.iter().map(|edit| match edit {
            Edit::Artifacts(_) => "artifacts",
            Edit::ReplaceEnv(_) => "env",
            Edit::Env(_, name, _)
            | Edit::Meta(name, _)
            | Edit::Process(name, _)
            | Edit::Args(name, _) => name,
        });
        f.debug_struct("ChangeRelease")
            .field("app", &self.app.app)
            .field("names", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Shows what a change would do; made by [`ChangeRelease::preview`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct PreviewRelease {
    change: ChangeRelease,
    timeout: Option<Duration>,
}

impl PreviewRelease {
    async fn run(mut self, deadline: Deadline) -> Result<ReleasePreview, Error> {
        self.change.check()?;
        self.change.name_services(deadline).await?;
        let base = self.change.current(deadline).await?;
        let document = self.change.apply(&base.document)?;
        let diff = ReleaseDiff::between(&base.document, &document);
        let release = serde_json::from_value(Value::Object(document)).map_err(|_| {
            Error::new(ErrorKind::Decode, "the current release has a shape that is not known")
        })?;
        Ok(ReleasePreview { diff, release })
    }
}

operation!(PreviewRelease => ReleasePreview);
