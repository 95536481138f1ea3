//! Starts a deployment, and finds it again if the answer is lost.

use std::time::Duration;

use serde_json::json;

use super::{Deployment, DeploymentHandle, DeploymentStatus};
use crate::apps::AppHandle;
use crate::error::{Error, ErrorKind, Pending};
use crate::ids::{DeploymentId, ReleaseId};
use crate::transport::{Deadline, Repeat, Request, Spec};

impl AppHandle {
    /// Deploys a release: `POST /apps/:a/deploy`. Returns a handle once the server has accepted the deployment.
    ///
    /// Without running processes, the deployment ends at once. The client refuses to deploy the current release,
    /// because servers of 2016 would accept it, wait for its jobs until they time out, and then delete its formation.
    ///
    /// # Errors
    /// - [`ErrorKind::DeploymentInProgress`] while another deployment runs; [`Error::pending`] names it.
    /// - [`Validation`](crate::ErrorKind::Validation) if the release does not exist, and
    ///   [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is the current one.
    /// - [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    /// - If the answer was lost ([`Error::may_have_acted`]), the client looks for the deployment in the app's list. If
    ///   it cannot be distinguished from an older one, [`Error::pending`] is [`Pending::PerhapsDeployed`].
    pub fn deploy(&self, release: impl Into<ReleaseId>) -> Request<DeploymentHandle> {
        let (handle, release) = (self.clone(), release.into());
        Request::steps("app(..).deploy(..)", |deadline| async move {
            if release.is_empty() {
                return Err(Error::invalid_input("the id of the release is empty"));
            }
            let app = handle.get().within(deadline).await?;
            if app.release_id == release {
                return Err(Error::invalid_input(format!(
                    "release {release} is already the current release of app {}: deploy another one",
                    app.name
                )));
            }
            start(&handle, &release, false, deadline).await
        })
    }

    /// Lists the deployments of the app, newest first: `GET /apps/:a/deployments`.
    ///
    /// # Errors
    /// Fails with [`NotFound`](crate::ErrorKind::NotFound) if the app does not exist.
    pub fn deployments(&self) -> Request<Vec<Deployment>> {
        Request::list(&self.client, Spec::get("/apps/{app}/deployments", [self.app.as_str()]))
    }
}

/// Deploys a release without checking the current one. `is_new`: it was never deployed before.
pub(crate) async fn start(
    app: &AppHandle,
    release: &ReleaseId,
    is_new: bool,
    deadline: Deadline,
) -> Result<DeploymentHandle, Error> {
    let body = json!({ "id": release });
    let again = deadline.at_most(ASK_AGAIN);
    let mut attempts = 0;
    let accepted = loop {
        attempts += 1;
        let spec = Spec::post("/apps/{app}/deploy", [app.app.as_str()], Repeat::Never).body(&body);
        match Request::<Deployment>::json(&app.client, spec).within(deadline).await {
            Ok(deployment) => break deployment,
            Err(error) if error.message().starts_with(IN_PROGRESS) => {
                let error = error.with_kind(ErrorKind::DeploymentInProgress);
                match under_way(app, deadline).await {
                    Ok(Some(id)) => {
                        return Err(error.with_pending(Pending::Deployment {
                            app: app.app.clone(),
                            deployment: id,
                        }));
                    }
                    // It has just ended, or is about to end.
                    Ok(None) if deadline.retry(&app.client).pause(attempts, again).await => {}
                    _ => return Err(error),
                }
            }
            Err(error) if error.may_have_acted() => {
                let pending =
                    Pending::PerhapsDeployed { app: app.app.clone(), release: release.clone() };
                let found = lost(app, release, is_new, deadline).await;
                break found.ok_or_else(|| error.with_pending(pending))?;
            }
            Err(error) => return Err(error),
        }
    };
    let handle = app.client.deployment(&accepted.id).of_app(app.app.clone());
    Ok(DeploymentHandle { accepted: Some(accepted), ..handle })
}

/// Finds the deployment whose answer was lost: the newest one, if it deploys this release and is not an older
/// deployment of it.
///
/// A new release has no older deployments. Otherwise a running deployment is the lost one, since the server allows only
/// one at a time. A complete one is the lost one if the release has become the current one since the call began. A
/// failed one proves nothing.
async fn lost(
    app: &AppHandle,
    release: &ReleaseId,
    is_new: bool,
    deadline: Deadline,
) -> Option<Deployment> {
    let newest = app.deployments().within(deadline).await.ok()?.into_iter().next()?;
    let is_ours = newest.new_release_id == *release
        && (is_new
            || !newest.is_finished()
            || (newest.status != DeploymentStatus::Failed
                && app.get().within(deadline).await.ok()?.release_id == *release));
    is_ours.then_some(newest)
}

/// The start of the controller's message, whose code is `validation_error`.
const IN_PROGRESS: &str = "Cannot create deploy, there is already one in progress";

/// The time for which a deployment is retried while the server reports another one, but none runs. A deployment appears
/// finished before the server accepts the next one.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Returns the running deployment of the app.
pub(crate) async fn under_way(
    app: &AppHandle,
    deadline: Deadline,
) -> Result<Option<DeploymentId>, Error> {
    let deployments = app.deployments().within(deadline).await?;
    let unfinished = deployments.into_iter().find(|deployment| !deployment.is_finished());
    Ok(unfinished.map(|deployment| deployment.id))
}
