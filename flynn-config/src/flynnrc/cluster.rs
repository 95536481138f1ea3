//! One cluster of a `.flynnrc`.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::field::Field;
use super::new_cluster::derived;
use crate::{Error, ErrorKind};

/// One `[[cluster]]` entry, as the original CLI understands it.
///
/// A key that the entry lacks reads as the empty string, which is also what the original writes
/// for "none" (`GitURL = ""` after `cluster add --no-git`).
#[derive(Clone, Default)]
pub struct Cluster {
    name: String,
    oauth_url: String,
    dashboard_url: String,
    key: SecretString,
    tls_pin: String,
    controller_url: String,
    git_url: String,
    image_url: String,
    docker_push_url: String,
    context: String,
    /// Keys of the formats of 2014 and 2015 that stand in the place of `ControllerURL`.
    obsolete: Vec<&'static str>,
}

impl Cluster {
    /// The name that selects it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its controller answers: `https://controller.<domain>`.
    pub fn controller_url(&self) -> &str {
        &self.controller_url
    }

    /// Where git pushes go: `https://git.<domain>`; empty when it was added with `--no-git`.
    pub fn git_url(&self) -> &str {
        &self.git_url
    }

    /// Where images are pushed to: `https://images.<domain>`; empty in files of 2016.
    pub fn image_url(&self) -> &str {
        &self.image_url
    }

    /// The deprecated Docker registry: `https://docker.<domain>`; mostly empty.
    pub fn docker_push_url(&self) -> &str {
        &self.docker_push_url
    }

    /// The OAuth issuer that gives out tokens for this cluster; empty where a key is used.
    pub fn oauth_url(&self) -> &str {
        &self.oauth_url
    }

    /// The dashboard's public URL, an addition of the live fork; mostly empty.
    pub fn dashboard_url(&self) -> &str {
        &self.dashboard_url
    }

    /// The account that new apps belong to unless another one is named, an addition of the fork;
    /// mostly empty.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The base64 of the SHA-256 of the controller's leaf certificate, unchecked (the original
    /// stores whatever it is given); empty where no pin is set and ordinary checks apply.
    pub fn tls_pin(&self) -> &str {
        &self.tls_pin
    }

    /// The [pin](Self::tls_pin), where one is set.
    pub fn pin(&self) -> Option<&str> {
        Some(&*self.tls_pin).filter(|pin| !pin.is_empty())
    }

    /// The controller's key, which is also the password for git; empty where OAuth is used.
    pub fn key(&self) -> &SecretString {
        &self.key
    }

    /// The domain behind the controller's URL, with its port if it has one:
    /// `https://controller.example.com:8443` gives `example.com:8443`.
    pub fn domain(&self) -> Option<&str> {
        self.controller_url.strip_prefix("https://controller.")
    }

    /// The URL of the cluster's status app, `https://status.<domain>`, with the port of the
    /// controller's URL.
    pub fn status_url(&self) -> Option<String> {
        self.domain().map(|domain| derived("status", domain.trim_end_matches('/')))
    }

    /// An error for an entry that a CLI of 2014 or 2015 wrote, whose servers had another API.
    pub(super) fn refuse_obsolete(&self) -> Result<(), Error> {
        if self.obsolete.is_empty() || !self.controller_url.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the entry of cluster {:?} is of 2014 or 2015 ({} instead of ControllerURL), which is \
             not supported; remove it and run `flynn cluster add` for a cluster of today",
            self.name,
            self.obsolete.join(" and "),
        );
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    pub(super) fn mark_obsolete(&mut self, key: &'static str) {
        self.obsolete.push(key);
    }

    pub(crate) fn get(&self, field: Field) -> &str {
        match field {
            Field::Name => &self.name,
            Field::OAuthUrl => &self.oauth_url,
            Field::DashboardUrl => &self.dashboard_url,
            Field::Key => self.key.expose_secret(),
            Field::TlsPin => &self.tls_pin,
            Field::ControllerUrl => &self.controller_url,
            Field::GitUrl => &self.git_url,
            Field::ImageUrl => &self.image_url,
            Field::DockerPushUrl => &self.docker_push_url,
            Field::Context => &self.context,
        }
    }

    pub(crate) fn put(&mut self, field: Field, value: &str) {
        let slot = match field {
            Field::Name => &mut self.name,
            Field::OAuthUrl => &mut self.oauth_url,
            Field::DashboardUrl => &mut self.dashboard_url,
            Field::Key => {
                self.key = SecretString::from(value);
                return;
            }
            Field::TlsPin => &mut self.tls_pin,
            Field::ControllerUrl => &mut self.controller_url,
            Field::GitUrl => &mut self.git_url,
            Field::ImageUrl => &mut self.image_url,
            Field::DockerPushUrl => &mut self.docker_push_url,
            Field::Context => &mut self.context,
        };
        value.clone_into(slot);
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Cluster");
        for field in Field::ALL {
            match (field, self.get(field)) {
                (_, "") => {}
                (Field::Key, _) => _ = out.field(field.as_str(), &self.key),
                (_, value) => _ = out.field(field.as_str(), &value),
            }
        }
        out.finish_non_exhaustive()
    }
}
