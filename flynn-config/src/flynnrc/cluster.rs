//! A cluster of a `.flynnrc` and its fields.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::new_cluster::url_of_service;
use crate::{Error, ErrorKind};

/// A `[[cluster]]` entry, as the original CLI reads it.
///
/// A missing key is an empty string. The original CLI also writes an empty string for a missing value, such as `GitURL
/// = ""` after `flynn cluster add --no-git`.
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
    /// The obsolete keys that files of 2014 and 2015 have instead of `ControllerURL`.
    obsolete: Vec<&'static str>,
}

impl Cluster {
    /// Returns the name, which selects the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL of the controller, `https://controller.<domain>`.
    pub fn controller_url(&self) -> &str {
        &self.controller_url
    }

    /// Returns the URL for git pushes, `https://git.<domain>`. Empty after `--no-git`.
    pub fn git_url(&self) -> &str {
        &self.git_url
    }

    /// Returns the URL for image pushes, `https://images.<domain>`. Empty in files of 2016.
    pub fn image_url(&self) -> &str {
        &self.image_url
    }

    /// Returns the URL of the deprecated Docker registry, `https://docker.<domain>`. Usually empty.
    pub fn docker_push_url(&self) -> &str {
        &self.docker_push_url
    }

    /// Returns the URL of the OAuth issuer. Empty for clusters with a key.
    pub fn oauth_url(&self) -> &str {
        &self.oauth_url
    }

    /// Returns the public URL of the dashboard, a field of the current fork. Usually empty.
    pub fn dashboard_url(&self) -> &str {
        &self.dashboard_url
    }

    /// Returns the account that owns new apps by default, a field of the current fork. Usually empty.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Returns the pin: the base64 of the SHA-256 of the controller's leaf certificate.
    ///
    /// Empty if there is no pin. The text is not checked, because the original CLI stores any text.
    pub fn tls_pin(&self) -> &str {
        &self.tls_pin
    }

    /// Returns the [pin](Self::tls_pin), or `None` if it is empty.
    pub fn pin(&self) -> Option<&str> {
        Some(&*self.tls_pin).filter(|pin| !pin.is_empty())
    }

    /// Returns the controller's key, which is also the password for git. Empty for clusters with OAuth.
    pub fn key(&self) -> &SecretString {
        &self.key
    }

    /// Returns the domain in the controller's URL, with the port if there is one.
    ///
    /// `https://controller.example.com:8443` has the domain `example.com:8443`.
    pub fn domain(&self) -> Option<&str> {
        self.controller_url.strip_prefix("https://controller.")
    }

    /// Returns the URL of the status app, `https://status.<domain>`, with the port of the
    /// controller's URL.
    pub fn status_url(&self) -> Option<String> {
        self.domain().map(|domain| url_of_service("status", domain.trim_end_matches('/')))
    }

    /// Fails for an entry of a CLI of 2014 or 2015, whose servers had another API.
    pub(super) fn refuse_obsolete(&self) -> Result<(), Error> {
        if self.obsolete.is_empty() || !self.controller_url.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the entry of cluster {:?} is from 2014 or 2015 ({} instead of ControllerURL) and not \
             supported; remove it and run `flynn cluster add` for a newer cluster",
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

/// A key of a `[[cluster]]` entry, in the order in which the original CLI writes them. The fork has
/// added `DashboardURL` and `Context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Name,
    OAuthUrl,
    DashboardUrl,
    Key,
    TlsPin,
    ControllerUrl,
    GitUrl,
    ImageUrl,
    DockerPushUrl,
    Context,
}

impl Field {
    pub(crate) const COUNT: usize = 10;

    pub(crate) const ALL: [Field; Field::COUNT] = [
        Field::Name,
        Field::OAuthUrl,
        Field::DashboardUrl,
        Field::Key,
        Field::TlsPin,
        Field::ControllerUrl,
        Field::GitUrl,
        Field::ImageUrl,
        Field::DockerPushUrl,
        Field::Context,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Field::Name => "Name",
            Field::OAuthUrl => "OAuthURL",
            Field::DashboardUrl => "DashboardURL",
            Field::Key => "Key",
            Field::TlsPin => "TLSPin",
            Field::ControllerUrl => "ControllerURL",
            Field::GitUrl => "GitURL",
            Field::ImageUrl => "ImageURL",
            Field::DockerPushUrl => "DockerPushURL",
            Field::Context => "Context",
        }
    }

    pub(crate) fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| folds_to(key, field.as_str()))
    }

    /// Returns whether the original CLI writes the key even when it is empty.
    pub(crate) fn is_always_written(self) -> bool {
        matches!(self, Field::Name | Field::ControllerUrl | Field::GitUrl | Field::ImageUrl)
    }
}

/// Returns whether Go's `strings.EqualFold` finds `key` and `ascii` equal. It ignores case, also that of the Kelvin
/// sign (`k`) and the long s (`s`).
pub(crate) fn folds_to(key: &str, ascii: &str) -> bool {
    let mut expected = ascii.bytes();
    key.chars().all(|c| {
        let c = match c {
            '\u{212a}' => 'k',
            '\u{17f}' => 's',
            c => c,
        };
        expected.next().is_some_and(|b| c.eq_ignore_ascii_case(&char::from(b)))
    }) && expected.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fold_as_in_go() {
        assert_eq!(Field::of_key("tlspin"), Some(Field::TlsPin));
        assert_eq!(Field::of_key("TL\u{17f}PIN"), Some(Field::TlsPin));
        assert_eq!(Field::of_key("\u{212a}ey"), Some(Field::Key));
        assert_eq!(Field::of_key("TLSPins"), None);
        assert_eq!(Field::of_key("TLSPi"), None);
        assert_eq!(Field::of_key("n\u{e4}me"), None);
    }
}
