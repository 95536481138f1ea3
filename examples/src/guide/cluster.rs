//! What the steps read from the cluster, and the change that several make.

use flynn_client::apps::App;
use flynn_client::env::ChangeEnv;
use flynn_client::{Client, Env, Pending};

use crate::session::{DEPLOY_TIMEOUT, Session};
use anyhow::{Context as _, Result};

/// The domain that the cluster gives to new apps: what a migration changes.
///
/// # Errors
/// When the controller does not answer, or does not say.
pub async fn domain(client: &Client) -> Result<String> {
    client.domain().get().await.context("cannot read the cluster's domain")
}

/// The env of an app's current release.
///
/// # Errors
/// When the controller does not answer, or the app has no release.
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

/// Changes an app's env in one release and one deployment. One that is under way already, perhaps of a run that was
/// interrupted, is waited for first.
///
/// # Errors
/// When the deployment fails: the old release goes on then.
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
        session.screen.say(format_args!("deployment {id} is under way, waiting for its end"));
        match session.client.deployment(id).wait().timeout(DEPLOY_TIMEOUT).await {
            Err(error) if error.is_timeout() => return Err(error).context(what),
            // Even if it failed, it is over.
            _ => changed = change.await,
        }
    }
    if let Some(release) = changed.context(what)?.release {
        session.screen.say(format_args!("release {} deployed", release.id));
    }
    Ok(())
}
