//! Removes the pin of a cluster whose certificate is publicly trusted.

use std::net::SocketAddr;

use flynn_config::{BlockChange, Cluster, FlynnRc, FlynnRcEdit, GitConfig, Locations};
use flynn_tls::Roots;
use url::Url;

use crate::blocking::blocking;
use crate::reach::Reach;
use anyhow::{Context as _, Result, bail};

/// The removed settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// The pin in `.flynnrc`; `None` if there was none.
    pub pin: Option<String>,
    /// The changes of `.gitconfig`, after which git trusts public authorities too.
    pub git: Vec<String>,
}

/// Removes the pin from `.flynnrc` once the controller has proved that it has a certificate for its name that leads to
/// `roots`. An answer alone proves nothing, because anybody in between can answer.
///
/// If the git server proves the same, git's CA file for the cluster is removed from `.gitconfig` too.
///
/// # Errors
/// Fails if the controller is not trusted, in which case nothing is changed, or if a file cannot be changed.
pub async fn remove_pin(
    locations: Locations,
    cluster: Cluster,
    connect_to: Option<SocketAddr>,
    roots: Roots,
) -> Result<Removed> {
    let reach = Reach::of(&cluster, &locations, connect_to)?;
    let verify = async |host: &str| -> Result<()> {
        Ok(reach.presented(host).await?.verify(roots.clone())?)
    };
    verify(reach.controller_host()).await.context("the pin stays")?;
    let git = Url::parse(cluster.git_url()).ok();
    let is_git_trusted = match git.as_ref().and_then(Url::host_str) {
        Some(host) => verify(host).await.is_ok(),
        None => false,
    };
    blocking(move || {
        let pin = FlynnRc::edit(locations.flynnrc(), |rc| unpin(rc, &cluster));
        let pin = pin.context("cannot change .flynnrc")?;
        let git = if is_git_trusted {
            drop_ca_file(&locations, cluster.git_url())
        } else {
            Ok(Vec::new())
        };
        Ok(Removed { pin, git: git.context("cannot change .gitconfig")? })
    })
    .await
}

fn unpin(rc: &mut FlynnRcEdit, verified: &Cluster) -> Result<Option<String>> {
    let name = verified.name();
    let is_same = |now: &Cluster| now.controller_url() == verified.controller_url();
    if !rc.current().cluster(name).is_some_and(is_same) {
        bail!("cluster {name:?} has changed in the meantime: try again");
    }
    Ok(rc.cluster_mut(name)?.remove_tls_pin()?)
}

/// Removes `sslCAInfo` of the git URL, and returns the changes.
fn drop_ca_file(locations: &Locations, url: &str) -> Result<Vec<String>> {
    let plan = match GitConfig::load(locations.gitconfig()) {
        Ok(config) => config.plan(url, BlockChange::DropCa)?,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    if !plan.is_empty() {
        GitConfig::edit(locations.gitconfig(), |git| {
            git.apply(&plan).map_err(anyhow::Error::from)
        })?;
    }
    Ok(plan.to_string().lines().map(str::to_owned).collect())
}
