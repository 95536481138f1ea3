//! Changes of the current release.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::create::{create, perhaps_created};
use super::edit::{Base, Edit};
use super::preview::{self, ReleasePreview};
use super::{ProcessType, ReleaseChange, ReleaseDiff};
use crate::apps::AppHandle;
use crate::deployments::{self, Deployment, DeploymentEvent, DeploymentHandle};
use crate::document::{self, Document};
use crate::env::Env;
use crate::error::{Error, ErrorKind, Pending};
use crate::ids::{ArtifactId, DeploymentId, ReleaseId};
use crate::operation;
use crate::release_diff::rebase;
use crate::transport::{Deadline, Limits, Request, operation};

impl AppHandle {
    /// Changes the current release: reads it, applies the changes, creates a new release, deploys it and waits for the
    /// deployment.
    ///
    /// All other fields stay unchanged, including fields that this crate does not know. If nothing changes,
    /// nothing is created. An app without a release starts with an empty one.
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
    /// The server has no compare-and-set. If another release was deployed after the current one was read, the server
    /// reports that when it accepts the deployment. The changes are then applied to that release and deployed again, at
    /// most three times. If both writers changed the same field, the call fails with a conflict. With
    /// [`if_release`](ChangeRelease::if_release), it fails if any other release is the current one. With
    /// [`after_running`](ChangeRelease::after_running), it waits for a running deployment instead of failing.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for an empty variable name or an unknown process type.
    /// - [`ErrorKind::DeploymentInProgress`] while the app is being deployed. Nothing has changed.
    /// - [`ErrorKind::Conflict`] if another writer changed the same fields: [`Error::conflicting_changes`] has both
    ///   diffs, and [`Error::pending`] is [`Pending::Replaced`] with the other release.
    /// - The errors of the deployment. After the release was created, [`Error::pending`] names it; after the deployment
    ///   was accepted, it names the deployment.
    pub fn change_release(&self) -> ChangeRelease {
        ChangeRelease {
            app: self.clone(),
            edits: Vec::new(),
            if_release: None,
            after_running: false,
            deploys: true,
            on_step: None,
            limits: Limits::default(),
        }
    }
}

type OnStep = Arc<dyn Fn(&DeploymentEvent) + Send + Sync>;

/// Changes the current release; returned by [`AppHandle::change_release`].
///
/// If you drop it while it waits, its deployment continues. Run the same change again with
/// [`after_running`](Self::after_running): it waits for that deployment, and then has nothing left to change.
#[derive(Clone)]
#[must_use = "nothing is sent until it is awaited"]
pub struct ChangeRelease {
    pub(super) app: AppHandle,
    /// The edits, in order.
    edits: Vec<Edit>,
    if_release: Option<ReleaseId>,
    pub(super) after_running: bool,
    deploys: bool,
    on_step: Option<OnStep>,
    pub(super) limits: Limits,
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

    /// Sets environment variables of a process type, which override the app's, and keeps the others.
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

    /// Adds a process type, or replaces it. Limits that `process` does not set keep their values. If the service of its
    /// ports has no name, it is named `<app>-<process type>`.
    pub fn process(self, process_type: impl Into<String>, process: ProcessType) -> Self {
        self.edit(Edit::Process(process_type.into(), Some(Box::new(process))))
    }

    /// Replaces the program and arguments of a process type and keeps its other settings.
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

    /// Fails with a conflict before anything is created, if another release is the current one.
    pub fn if_release(mut self, id: impl Into<ReleaseId>) -> Self {
        self.if_release = Some(id.into());
        self
    }

    /// Waits until a running deployment of the app has ended, and then changes the release that it has deployed. Also
    /// merges the releases of other writers as often as necessary, instead of at most three times.
    pub fn after_running(mut self) -> Self {
        self.after_running = true;
        self
    }

    /// Creates the release without deploying it.
    pub fn without_deploying(mut self) -> Self {
        self.deploys = false;
        self
    }

    /// Calls `on_step` with every step of the deployment.
    pub fn on_step(mut self, on_step: impl Fn(&DeploymentEvent) + Send + Sync + 'static) -> Self {
        self.on_step = Some(Arc::new(on_step));
        self
    }

    /// Reads the current release and returns the changes. Creates nothing.
    pub fn preview(&self) -> Request<ReleasePreview> {
        preview::preview(self.clone())
    }

    fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "its callers own it")]
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

    #[expect(clippy::needless_pass_by_value, reason = "its callers own it")]
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

/// A release to create.
pub(super) struct Draft {
    /// The release that it is based on.
    pub(super) base: Base,
    pub(super) document: Document,
    /// The changes that the caller has requested.
    pub(super) diff: ReleaseDiff,
}

impl ChangeRelease {
    pub(crate) async fn run(mut self, deadline: Deadline) -> Result<ReleaseChange, Error> {
        self.check()?;
        self.name_services(deadline).await?;
        let mut overtaken = None;
        let changed = self.deploy(&mut overtaken, deadline).await;
        changed.map_err(|error| match overtaken {
            // A release that is not deployed does not have the changes of both.
            Some(release)
                if matches!(error.pending(), None | Some(Pending::PerhapsRelease { .. })) =>
            {
                error.with_only_pending([Pending::Replaced { app: self.app.app, release }])
            }
            // It names a release of this call, which has both changes.
            _ => error,
        })
    }

    /// Creates and deploys releases until one has replaced the release that it is based on. Records a release of
    /// another writer that was replaced and not merged yet.
    async fn deploy(
        &self,
        overtaken: &mut Option<ReleaseId>,
        deadline: Deadline,
    ) -> Result<ReleaseChange, Error> {
        let mut merged = None;
        let mut rounds = 0;
        loop {
            let waits = self.after_running || rounds > 0;
            if self.deploys
                && waits
                && let Some(running) = self.under_way(deadline).await
            {
                self.wait_out(running, deadline).await?;
                continue;
            }
            // Read the release as late as possible, so that another writer rarely overtakes this one.
            let draft = self.draft(merged.take(), deadline).await?;
            if draft.diff.is_empty() {
                return Ok(ReleaseChange::default());
            }
            // Do not create a release that cannot be deployed now.
            if self.deploys
                && !waits
                && let Some(running) = self.under_way(deadline).await
            {
                let message = "nothing has changed; wait until the running deployment has ended, or use `after_running`";
                let pending =
                    Pending::Deployment { app: self.app.app.clone(), deployment: running };
                return Err(
                    Error::new(ErrorKind::DeploymentInProgress, message).with_pending(pending)
                );
            }
            let base = Some(&draft.base.id);
            let created = create(&self.app.client, &draft.document, base, deadline).await;
            let (release, is_new) =
                created.map_err(|error| perhaps_created(error, self.app.app.clone()))?;
            if !self.deploys {
                let Draft { diff, .. } = draft;
                return Ok(ReleaseChange { release: Some(release), deployment: None, diff });
            }
            let Some(handle) = self.start(&release.id, is_new, waits, deadline).await? else {
                // Another deployment was running.
                merged = (rounds > 0).then_some(draft);
                continue;
            };
            // A queued deployment (the fork) replaces the release that is current when it starts.
            let deployment = self.wait(&handle, deadline).await?;
            let replaced = deployment.old_release_id.clone();
            let done = |diff, release| {
                Ok(ReleaseChange { release: Some(release), deployment: Some(deployment), diff })
            };
            if replaced.is_empty() || replaced == draft.base.id {
                return done(draft.diff, release);
            }
            rounds += 1;
            *overtaken = Some(replaced.clone());
            let combined = self.merge(&draft, replaced, rounds, deadline).await?;
            let Draft { document, diff, .. } = draft;
            if ReleaseDiff::between(&document, &combined).is_empty() {
                // It already contains all changes of the other one, so nothing was lost.
                return done(diff, release);
            }
            // Writers that wait for the same deployment would overtake each other forever.
            let pause = fastrand::u64(0..20 << rounds.min(5));
            deadline.pause(Duration::from_millis(pause)).await?;
            // Other writers have read the release that this one has just deployed.
            merged =
                Some(Draft { base: Base { id: release.id, document }, document: combined, diff });
        }
    }

    /// Applies the changes to the current release, or adds the changes of a merge to it.
    async fn draft(&self, merged: Option<Draft>, deadline: Deadline) -> Result<Draft, Error> {
        let current = self.current(deadline).await?;
        let Some(Draft { base, document, diff }) = merged else {
            if let Some(wanted) = self.if_release.as_ref().filter(|wanted| **wanted != current.id) {
                let message = format!("the current release is {}, not {wanted}", current.id);
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            let document = self.apply(&current.document)?;
            let diff = ReleaseDiff::between(&current.document, &document);
            return Ok(Draft { base: current, document, diff });
        };
        if current.id == base.id {
            return Ok(Draft { base, document, diff });
        }
        let document = self.apply(&rebase(&base.document, &document, &current.document))?;
        Ok(Draft { base: current, document, diff })
    }

    /// Returns the running deployment. If it cannot be read, the server refuses another one.
    async fn under_way(&self, deadline: Deadline) -> Option<DeploymentId> {
        deployments::under_way(&self.app, deadline).await.ok().flatten()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
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
    pub(super) async fn name_services(&mut self, deadline: Deadline) -> Result<(), Error> {
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

    pub(super) async fn current(&self, deadline: Deadline) -> Result<Base, Error> {
        let client = &self.app.client;
        if let Some(document) = document::read(client, self.app.release_spec(), deadline).await? {
            return Ok(Base::of(document));
        }
        // No release yet, or the app does not exist.
        let app = self.app.get().within(deadline).await?;
        let document = Document::from_iter([("app_id".to_owned(), json!(app.id))]);
        Ok(Base { id: ReleaseId::default(), document })
    }

    /// Returns the document of the new release.
    pub(super) fn apply(&self, base: &Document) -> Result<Document, Error> {
        let mut document = base.clone();
        for edit in &self.edits {
            edit.apply(&mut document)?;
        }
        Ok(document)
    }

    /// Starts the deployment. Returns `None` after waiting for another one.
    async fn start(
        &self,
        release: &ReleaseId,
        is_new: bool,
        waits: bool,
        deadline: Deadline,
    ) -> Result<Option<DeploymentHandle>, Error> {
        let error = match deployments::start(&self.app, release, is_new, deadline).await {
            Ok(handle) => return Ok(Some(handle)),
            Err(error) => error,
        };
        let app = self.app.app.clone();
        match error.pending() {
            Some(Pending::Deployment { deployment, .. }) if waits => {
                self.wait_out(deployment.clone(), deadline).await.map(|()| None)
            }
            Some(Pending::PerhapsDeployed { .. }) => Err(error),
            _ => Err(error.with_pending(Pending::Release { app, release: release.clone() })),
        }
    }

    /// Waits until another deployment has ended, successfully or not.
    async fn wait_out(&self, running: DeploymentId, deadline: Deadline) -> Result<(), Error> {
        let handle = self.app.client.deployment(running).of_app(self.app.app.clone());
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

operation!(ChangeRelease => ReleaseChange);

impl fmt::Debug for ChangeRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.edits.iter().map(Edit::name);
        f.debug_struct("ChangeRelease")
            .field("app", &self.app.app)
            .field("names", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
