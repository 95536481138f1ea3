//! Reads and changes of the cluster that several steps share.

use flynn_client::apps::App;
use flynn_client::env::ChangeEnv;
use flynn_client::http::Method;
use flynn_client::{Client, Env, Pending};

use crate::session::{DEPLOY_TIMEOUT, Session};
use anyhow::{Context as _, Result, bail};

/// The app of the controller itself.
const CONTROLLER: &str = "controller";

/// Returns the cluster's domain, which new apps get and a migration changes.
///
/// # Errors
/// Fails if the controller does not answer or does not know its domain.
pub async fn domain(client: &Client) -> Result<String> {
    client.domain().get().await.context("cannot read the cluster's domain")
}

/// Returns the env of an app's current release.
///
/// # Errors
/// Fails if the controller does not answer or the app has no release.
pub async fn env(client: &Client, app: &str) -> Result<Env> {
    client.app(app).env().get().await.with_context(|| format!("cannot read the env of {app}"))
}

/// Returns the cluster's own apps, sorted by name with the controller last, because its certificate must change last.
///
/// # Errors
/// Fails if the controller does not answer or does not list its own app, without which the guide cannot be carried out.
pub async fn system_apps(client: &Client) -> Result<Vec<App>> {
    let mut apps = client.apps().list().await.context("cannot list the apps")?;
    apps.retain(App::is_system);
    if !apps.iter().any(|app| app.name == CONTROLLER) {
        bail!(
            "the server does not list the controller's own app; use the cluster's key or the token of an administrator"
        );
    }
    apps.sort_by(|a, b| (a.name == CONTROLLER, &a.name).cmp(&(b.name == CONTROLLER, &b.name)));
    Ok(apps)
}

/// Returns whether the server leaves system apps out of its list of apps unless it is asked for all, as the fork of
/// September 2026 does.
///
/// # Errors
/// Fails if the controller does not answer.
pub async fn hides_system_apps(client: &Client) -> Result<bool> {
    let listed = client.request(Method::GET, "/apps").repeatable().decode::<Vec<App>>().await;
    let listed = listed.context("cannot list the apps")?;
    Ok(!listed.iter().any(|app| app.name == CONTROLLER))
}

/// Changes an app's env in one release and one deployment. Waits for a deployment that is already running, for example
/// one of an interrupted run.
///
/// # Errors
/// Fails if the deployment fails. The old release then still runs.
pub async fn change_env(
    session: &mut Session,
    change: ChangeEnv,
    what: &'static str,
) -> Result<()> {
    let change = change.timeout(DEPLOY_TIMEOUT);
    let mut changed = change.clone().await;
    if let Err(error) = &changed
        && error.is_deployment_in_progress()
        && let Some(Pending::Deployment { deployment: id, .. }) = error.pending()
    {
        let id = id.clone();
        session.screen.say(format_args!("waiting for deployment {id}, which is already running"));
        match session.client.deployment(id).wait().timeout(DEPLOY_TIMEOUT).await {
            Err(error) if error.is_timeout() => return Err(error).context(what),
            // It is finished, successfully or not.
            _ => changed = change.await,
        }
    }
    if let Some(release) = changed.context(what)?.release {
        session.screen.say(format_args!("release {} deployed", release.id));
    }
    Ok(())
}
