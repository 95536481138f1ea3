//! Asking for a deployment, also when the answer is lost.

use std::time::Duration;

use serde_json::json;

use super::{Deployment, DeploymentHandle, DeploymentStatus};
use crate::apps::AppHandle;
use crate::error::{Error, ErrorKind, Pending};
use crate::ids::{DeploymentId, ReleaseId};
use crate::transport::{Deadline, Repeat, Request, Spec, operation};

/// A deployment to be asked for; made by [`AppHandle::deploy`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct DeployApp {
    app: AppHandle,
    release: ReleaseId,
    timeout: Option<Duration>,
}

impl DeployApp {
    async fn run(self, deadline: Deadline) -> Result<DeploymentHandle, Error> {
        if self.release.is_empty() {
            return Err(Error::invalid_input("the id of the release is empty"));
        }
        let app = self.app.get().within(deadline).await?;
        if app.release_id == self.release {
            return Err(Error::invalid_input(format!(
                "release {} is the current one of app {}; a server of 2016 would wait in vain and then stop it",
                self.release, app.name
            )));
        }
        start(&self.app, &self.release, false, deadline).await
    }
}

operation!(DeployApp => DeploymentHandle);

impl AppHandle {
    /// Deploys a release: `POST /apps/:a/deploy`. Awaiting it gives a handle once the server has accepted.
    ///
    /// With no running processes the deployment is finished at once. The current release is refused: servers
    /// of 2016 accept it, wait in vain, and then drop its formation.
    ///
    /// # Errors
    /// [`ErrorKind::DeploymentInProgress`] when one is running, which [`Error::pending`] names; a validation
    /// error when there is no such release, or it is the current one; not found, when there is no such app.
    /// When the answer was lost, or cannot be read, or a proxy's is there instead, and the deployment cannot
    /// be told from an older one in the app's list, [`Pending::PerhapsDeployed`].
    pub fn deploy(&self, release: impl Into<ReleaseId>) -> DeployApp {
        DeployApp { app: self.clone(), release: release.into(), timeout: None }
    }

    /// All deployments of the app, the newest first: `GET /apps/:a/deployments`.
    ///
    /// # Errors
    /// Not found, when there is no such app.
    pub fn deployments(&self) -> Request<Vec<Deployment>> {
        Request::list(&self.client, Spec::get("/apps/{app}/deployments", [self.app.as_str()]))
    }
}

/// Asks for a deployment without looking at what is current. A new release was never deployed before.
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
                    Ok(Some(id)) => return Err(error.with_pending(Pending::Deployment(id))),
                    // It has ended since, or is about to.
                    Ok(None)
                        if app.client.transport().settings.retry.pause(attempts, again).await => {}
                    _ => return Err(error),
                }
            }
            Err(error) if error.may_have_acted() => {
                let pending = Pending::PerhapsDeployed(release.clone());
                let found = lost(app, release, is_new, deadline).await;
                break found.ok_or_else(|| error.with_pending(pending))?;
            }
            Err(error) => return Err(error),
        }
    };
    Ok(DeploymentHandle {
        client: app.client.clone(),
        id: accepted.id.clone(),
        accepted: Some(accepted),
    })
}

/// The deployment whose acceptance did not reach us: the newest one, if it is of this release and not an
/// older one.
///
/// A new release has no older ones. Of another release, one that is under way counts, since the server
/// allows no second one beside it; one that is complete counts when the release, which was not the current
/// one when the call began, has become it; one that has failed tells nothing.
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

/// The controller's words, under the code `validation_error` [seen].
const IN_PROGRESS: &str = "Cannot create deploy, there is already one in progress";

/// For how long a deployment is asked for that another one is said to be in the way of, although none is: the
/// end of a deployment is seen before the server takes the next one.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// The app's deployment that has not ended.
pub(crate) async fn under_way(
    app: &AppHandle,
    deadline: Deadline,
) -> Result<Option<DeploymentId>, Error> {
    let deployments = app.deployments().within(deadline).await?;
    let unfinished = deployments.into_iter().find(|deployment| !deployment.is_finished());
    Ok(unfinished.map(|deployment| deployment.id))
}
