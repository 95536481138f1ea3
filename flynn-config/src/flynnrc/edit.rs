//! Editing a `.flynnrc`: adding, removing and changing clusters by the rules of `flynn cluster`.

use secrecy::{ExposeSecret, SecretString};

use super::cluster::Field;
use super::new_cluster::{NewCluster, url_of_service};
use super::{Cluster, FlynnRc};
use crate::{Error, ErrorKind};

/// A `.flynnrc` that is being changed: the argument of [`FlynnRc::edit`].
#[derive(Debug)]
pub struct FlynnRcEdit {
    rc: FlynnRc,
}

/// The outcome of [`FlynnRcEdit::add_or_replace`].
#[derive(Debug)]
#[must_use]
pub struct Added {
    /// True if the cluster is now the default, because it is the only one or replaced the default.
    pub is_default: bool,
    /// The replaced cluster, if there was one.
    pub replaced: Option<Cluster>,
}

/// The outcome of [`FlynnRcEdit::remove`].
#[derive(Debug)]
pub struct Removed {
    /// The removed cluster. You can now remove its git blocks and its CA file too.
    pub cluster: Cluster,
    /// The cluster that became the default, if the removed one was the default.
    pub new_default: Option<String>,
}

/// A cluster that is being changed: see [`FlynnRcEdit::cluster_mut`].
///
/// A setter with the current value changes nothing. An empty value removes the key, unless the
/// original CLI writes it even when it is empty.
///
/// # Errors
/// A setter fails only if the changed file could not be read again.
#[derive(Debug)]
pub struct ClusterEdit<'a> {
    rc: &'a mut FlynnRc,
    index: usize,
}

impl FlynnRcEdit {
    pub(super) fn new(rc: FlynnRc) -> Self {
        Self { rc }
    }

    pub(super) fn into_rc(self) -> FlynnRc {
        self.rc
    }

    /// Returns the file with the changes so far.
    pub fn current(&self) -> &FlynnRc {
        &self.rc
    }

    /// Adds a cluster at the end of the file. The first cluster becomes the default.
    ///
    /// # Errors
    /// Fails with [`Conflict`](ErrorKind::Conflict) if another cluster has its name, git URL, controller URL or Docker
    /// URL, and with [`Invalid`](ErrorKind::Invalid) if it has no name or no domain.
    pub fn add(&mut self, new: &NewCluster) -> Result<(), Error> {
        self.add_unless(new, false).map(drop)
    }

    /// Adds a cluster at the end of the file and removes the one that it conflicts with, as
    /// `flynn cluster add -f` does.
    ///
    /// If the removed cluster was the default, the new one becomes the default. (With the original CLI, `default` then
    /// names a cluster that does not exist if the names differ.)
    ///
    /// # Errors
    /// Fails with [`Conflict`](ErrorKind::Conflict) if it conflicts with several clusters. Otherwise returns the errors
    /// of [`add`](Self::add).
    pub fn add_or_replace(&mut self, new: &NewCluster) -> Result<Added, Error> {
        self.add_unless(new, true)
    }

    fn add_unless(&mut self, new: &NewCluster, force: bool) -> Result<Added, Error> {
        let new = new.cluster();
        if new.name().is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "a cluster needs a name"));
        }
        if new.domain().is_none_or(str::is_empty) {
            return Err(Error::new(ErrorKind::Invalid, "a cluster needs a domain"));
        }
        let conflicts: Vec<_> = self
            .rc
            .clusters()
            .iter()
            .enumerate()
            .filter_map(|(index, old)| Some((index, conflict(old, new)?)))
            .collect();
        let mut replaced = None;
        match &*conflicts {
            [] => {}
            [(index, _)] if force => {
                replaced = self.rc.clusters().get(*index).cloned();
                self.rc.remove_cluster(*index)?;
            }
            [(_, message)] => return Err(Error::new(ErrorKind::Conflict, message)),
            _ => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "the cluster's name or URLs conflict with several existing clusters",
                ));
            }
        }
        let was_default = replaced.as_ref().is_some_and(|old| old.name() == self.rc.default_name());
        self.rc.append(new)?;
        if was_default || self.rc.clusters().len() == 1 {
            self.rc.set_default(new.name())?;
        }
        Ok(Added { is_default: self.rc.default_name() == new.name(), replaced })
    }

    /// Removes the first cluster with this name. Returns `None` if there is no such cluster.
    ///
    /// If it was the default, the first remaining cluster becomes the default. `default` is removed with the last
    /// cluster, and the file is then empty unless it contains something else.
    ///
    /// Also removes the entry's sub-tables, the comments on its lines, the comment lines directly
    /// above it (except at the top of the file), and those directly below it, unless they are
    /// directly above the next entry. Comments with blank lines around them stay.
    ///
    /// # Errors
    /// Fails only if the changed file could not be read again.
    pub fn remove(&mut self, name: &str) -> Result<Option<Removed>, Error> {
        let Some(index) = self.rc.clusters().iter().position(|c| c.name() == name) else {
            return Ok(None);
        };
        let Some(cluster) = self.rc.clusters().get(index).cloned() else { return Ok(None) };
        let was_default = self.rc.default_name() == name;
        self.rc.remove_cluster(index)?;
        let mut new_default = None;
        match self.rc.clusters().first().map(|first| first.name().to_owned()) {
            None => self.rc.remove_default()?,
            Some(first) if was_default => {
                self.rc.set_default(&first)?;
                new_default = Some(first);
            }
            Some(_) => {}
        }
        Ok(Some(Removed { cluster, new_default }))
    }

    /// Makes a cluster the default.
    ///
    /// # Errors
    /// Fails with [`UnknownCluster`](ErrorKind::UnknownCluster) if there is no such cluster.
    pub fn set_default(&mut self, name: &str) -> Result<(), Error> {
        if self.rc.cluster(name).is_none() {
            return Err(self.rc.unknown(name));
        }
        self.rc.set_default(name)
    }

    /// Returns the first cluster with this name for editing.
    ///
    /// # Errors
    /// Fails with [`UnknownCluster`](ErrorKind::UnknownCluster) if there is no such cluster.
    pub fn cluster_mut(&mut self, name: &str) -> Result<ClusterEdit<'_>, Error> {
        let index = self.rc.clusters().iter().position(|cluster| cluster.name() == name);
        let index = index.ok_or_else(|| self.rc.unknown(name))?;
        Ok(ClusterEdit { rc: &mut self.rc, index })
    }
}

impl ClusterEdit<'_> {
    /// Sets the pin: the base64 of the SHA-256 of the leaf certificate's DER.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_tls_pin(&mut self, pin: &str) -> Result<(), Error> {
        self.set(Field::TlsPin, pin)
    }

    /// Removes the pin, so that clients trust public authorities instead. Returns the pin that was removed.
    ///
    /// Verify first that the controller presents a publicly trusted certificate for its name, for example with
    /// `Presented::verify` of the crate `flynn-tls`. Otherwise no client can connect any more.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn remove_tls_pin(&mut self) -> Result<Option<String>, Error> {
        let pin = self.get().and_then(Cluster::pin).map(str::to_owned);
        self.set(Field::TlsPin, "")?;
        Ok(pin)
    }

    /// Sets the controller's key. git's credential helpers may still have the old one: call
    /// [`credential::reject`](crate::credential::reject).
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_key(&mut self, key: &SecretString) -> Result<(), Error> {
        self.set(Field::Key, key.expose_secret())
    }

    /// Sets the git URL. An empty one means that git is not used.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_git_url(&mut self, url: &str) -> Result<(), Error> {
        self.set(Field::GitUrl, url)
    }

    /// Sets the image URL.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_image_url(&mut self, url: &str) -> Result<(), Error> {
        self.set(Field::ImageUrl, url)
    }

    /// Sets the deprecated Docker URL (`flynn docker set-push-url`).
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_docker_push_url(&mut self, url: &str) -> Result<(), Error> {
        self.set(Field::DockerPushUrl, url)
    }

    /// Sets the OAuth issuer.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_oauth_url(&mut self, url: &str) -> Result<(), Error> {
        self.set(Field::OAuthUrl, url)
    }

    /// Sets the dashboard's URL.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_dashboard_url(&mut self, url: &str) -> Result<(), Error> {
        self.set(Field::DashboardUrl, url)
    }

    /// Sets the account that owns new apps, a field of the current fork.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_context(&mut self, account: &str) -> Result<(), Error> {
        self.set(Field::Context, account)
    }

    /// Sets all URLs to those of another domain, as `flynn cluster migrate-domain` does.
    ///
    /// Sets the controller, git and Docker URLs, the image URL if there is one (clusters of 2016 do not have an image
    /// service), and the dashboard and OAuth URLs if they belong to the old domain. The domain can have a port, which
    /// the original CLI drops.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_urls_from_domain(&mut self, domain: &str) -> Result<(), Error> {
        let old = self.get().and_then(Cluster::domain).unwrap_or_default().to_owned();
        for field in [Field::DashboardUrl, Field::OAuthUrl] {
            let url = self.get().map(|cluster| cluster.get(field)).unwrap_or_default();
            if let Some(moved) = moved(url, &old, domain) {
                self.set(field, &moved)?;
            }
        }
        self.set(Field::ControllerUrl, &url_of_service("controller", domain))?;
        self.set(Field::GitUrl, &url_of_service("git", domain))?;
        if self.get().is_some_and(|cluster| !cluster.image_url().is_empty()) {
            self.set(Field::ImageUrl, &url_of_service("images", domain))?;
        }
        self.set(Field::DockerPushUrl, &url_of_service("docker", domain))
    }

    fn get(&self) -> Option<&Cluster> {
        self.rc.clusters().get(self.index)
    }

    fn set(&mut self, field: Field, value: &str) -> Result<(), Error> {
        self.rc.set_field(self.index, field, value)
    }
}

/// Returns why two clusters cannot be in one file, by the rules of the original CLI.
fn conflict(old: &Cluster, new: &Cluster) -> Option<String> {
    let taken = |url: &str| format!("a cluster with the URL {url:?} already exists");
    if old.name() == new.name() {
        Some(format!("cluster {:?} already exists", new.name()))
    } else if !old.git_url().is_empty() && old.git_url() == new.git_url() {
        Some(taken(new.git_url()))
    } else if old.controller_url() == new.controller_url() {
        Some(taken(new.controller_url()))
    } else if !old.docker_push_url().is_empty() && old.docker_push_url() == new.docker_push_url() {
        Some(taken(new.docker_push_url()))
    } else {
        None
    }
}

/// Returns the URL of one of the cluster's own services on another domain.
fn moved(url: &str, old: &str, new: &str) -> Option<String> {
    ["auth", "controller", "dashboard"].into_iter().find_map(|service| {
        let rest = url.strip_prefix(&url_of_service(service, old))?;
        let is_whole = rest.is_empty() || rest.starts_with(['/', '?']);
        is_whole.then(|| url_of_service(service, new) + rest)
    })
}
