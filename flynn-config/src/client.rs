//! The settings of a client.

use std::path::{Path, PathBuf};

use crate::login::Auth;
use crate::{Cluster, Error, ErrorKind, FlynnRc, Locations};

/// The settings of a client for a cluster of `.flynnrc`, with a key or with a login.
///
/// ```no_run
/// use flynn_config::Locations;
/// use flynn_config::login::Auth;
///
/// let settings = Locations::from_env()?.client_settings(None)?;
/// println!("connect to {}", settings.controller_url());
/// match settings.pin() {
///     Some(pin) => println!("trust only the certificate with the pin {pin}"),
///     None => println!("trust public authorities"),
/// }
/// match settings.auth() {
///     Auth::Key(_) => println!("send the key as the password"),
///     Auth::Token(_) => println!("send a bearer token"),
/// }
/// # Ok::<(), flynn_config::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientSettings {
    cluster: Cluster,
    auth: Auth,
    ca_file: Option<PathBuf>,
}

impl Locations {
    /// Returns the settings of a client for the cluster with this name. If `cluster` is `None`, uses `$FLYNN_CLUSTER`,
    /// or the default cluster.
    ///
    /// # Errors
    /// Returns the errors of [`FlynnRc::load`], [`FlynnRc::select`] and [`Tokens::auth`](crate::login::Tokens::auth),
    /// and [`Invalid`](ErrorKind::Invalid) if the entry has no `ControllerURL`.
    pub fn client_settings(&self, cluster: Option<&str>) -> Result<ClientSettings, Error> {
        let rc = FlynnRc::load(self.flynnrc())?;
        let cluster = rc.select(cluster)?.clone();
        if cluster.controller_url().is_empty() {
            let message = format!("cluster {:?} has no ControllerURL", cluster.name());
            return Err(Error::file(ErrorKind::Invalid, "use", self.flynnrc(), message));
        }
        let auth = self.tokens().auth(&cluster)?;
        let ca_file = self.ca_files().path(cluster.name()).ok().filter(|path| path.is_file());
        Ok(ClientSettings { cluster, auth, ca_file })
    }
}

impl ClientSettings {
    /// Returns the entry of the cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Returns the controller's URL.
    pub fn controller_url(&self) -> &str {
        self.cluster.controller_url()
    }

    /// Returns the pin of the controller's certificate: the base64 of the SHA-256 of its DER. Without
    /// a pin, an authority that you trust must have issued the certificate.
    pub fn pin(&self) -> Option<&str> {
        self.cluster.pin()
    }

    /// Returns the key or token to send.
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    /// Returns the file with the certificate of the cluster's own CA, if it exists.
    ///
    /// The cluster's own CA issues the certificates of the git server and of the status app,
    /// unless you have installed others.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Returns the status app's URL, or `None` if the controller's URL is not
    /// `https://controller.<domain>`.
    ///
    /// Do not use the controller's key and pin for the status app. It requires the `AUTH_KEY` of its own release,
    /// except from inside the cluster's network, and it presents the router's default certificate.
    pub fn status_url(&self) -> Option<String> {
        self.cluster.status_url()
    }
}
