//! Reads and changes of the cluster that several steps share.

use flynn_client::apps::App;
use flynn_client::env::ChangeEnv;
use flynn_client::{Client, Env, Pending};

use crate::session::{DEPLOY_TIMEOUT, Session};
use anyhow::{Context as _, Result};

/// Returns the cluster's domain, which new apps get and a migration changes.
///
/// # Errors
/// Returns that the controller does not answer or does not know its domain.
pub async fn domain(client: &Client) -> Result<String> {
    client.domain().get().await.context("cannot read the cluster's domain")
}

/// Returns the env of an app's current release.
///
/// # Errors
/// Returns that the controller does not answer or that the app has no release.
pub async fn env(client: &Client, app: &str) -> Result<Env> {
    client.app(app).env().get().await.with_context(|| format!("cannot read the env of {app}"))
}

/// The cluster's own apps, sorted by name, the controller last: it must be the last one to change its certificate.
///
/// # Errors
/// When the controller does not answer.
pub async fn system_apps(client: &Client) -> Result<Vec<App>> {
    let mut apps = client.apps().list().await.context("cannot list the apps")?;
    apps.retain(App::is_system);
    apps.sort_by(|a, b| (a.name == "controller", &a.name).cmp(&(b.name == "controller", &b.name)));
    Ok(apps)
}

/// Changes an app's env in one release and one deployment. Waits for a deployment that is already running, for example
/// one of an interrupted run.
///
/// # Errors
/// Returns that the deployment failed. The old release then still runs.
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
