//! What the steps read from the cluster.

use flynn_client::apps::App;
use flynn_client::{Client, Env};

use crate::failure::{Context, Result};

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
    client.app(app).env().get().await.context(format!("cannot read the env of {app}"))
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
