//! Changing one cluster.

use secrecy::{ExposeSecret, SecretString};

use super::field::Field;
use super::new_cluster::derived;
use super::{Cluster, FlynnRc};
use crate::Error;

/// One cluster under change: [`FlynnRcEdit::cluster_mut`](super::FlynnRcEdit::cluster_mut).
///
/// A value that is already there changes nothing. Setting an empty value takes the key away,
/// except where the original writes an empty one.
///
/// # Errors
/// The setters fail only where the text, read before, could not be read after the change.
#[derive(Debug)]
pub struct ClusterEdit<'a> {
    rc: &'a mut FlynnRc,
    index: usize,
}

impl<'a> ClusterEdit<'a> {
    pub(super) fn new(rc: &'a mut FlynnRc, index: usize) -> Self {
        Self { rc, index }
    }

    /// Sets the pin: base64 of the SHA-256 of the leaf certificate's DER. An empty one removes
    /// it, which suits certificates of a public authority.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_tls_pin(&mut self, pin: &str) -> Result<(), Error> {
        self.set(Field::TlsPin, pin)
    }

    /// Sets the controller's key. Cached copies of the old one in git's credential helpers do
    /// not follow: see [`credential::reject`](crate::credential::reject).
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_key(&mut self, key: &SecretString) -> Result<(), Error> {
        self.set(Field::Key, key.expose_secret())
    }

    /// Sets the git URL; empty for none.
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

    /// Sets the account that new apps belong to; empty for none.
    ///
    /// # Errors
    /// See [`ClusterEdit`].
    pub fn set_context(&mut self, account: &str) -> Result<(), Error> {
        self.set(Field::Context, account)
    }

    /// Moves every URL to another domain, as `flynn cluster migrate-domain` does after the
    /// migration: controller, git, image and Docker URL are all written; the dashboard's and the
    /// OAuth issuer's follow if they were hosts of the old domain. The original drops a port; here
    /// the domain is taken as given, with its port if it has one.
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
        self.set(Field::ControllerUrl, &derived("controller", domain))?;
        self.set(Field::GitUrl, &derived("git", domain))?;
        self.set(Field::ImageUrl, &derived("images", domain))?;
        self.set(Field::DockerPushUrl, &derived("docker", domain))
    }

    fn get(&self) -> Option<&Cluster> {
        self.rc.clusters().get(self.index)
    }

    fn set(&mut self, field: Field, value: &str) -> Result<(), Error> {
        self.rc.set_field(self.index, field, value)
    }
}

/// The URL of one of the cluster's own services on another domain.
fn moved(url: &str, old: &str, new: &str) -> Option<String> {
    ["auth", "controller", "dashboard"].into_iter().find_map(|service| {
        let rest = url.strip_prefix(&derived(service, old))?;
        let is_whole = rest.is_empty() || rest.starts_with(['/', '?']);
        is_whole.then(|| derived(service, new) + rest)
    })
}
