//! What `flynn cluster add` is told.

use super::cluster::Cluster;
use super::field::Field;

/// A cluster to be added: the arguments of `flynn cluster add`.
///
/// ```
/// use flynn_config::NewCluster;
///
/// let new = NewCluster::from_domain("default", "example.com:8443", "the-key", "the-pin=");
/// assert_eq!(new.cluster().git_url(), "https://git.example.com:8443");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct NewCluster {
    cluster: Cluster,
    domain: String,
}

impl NewCluster {
    /// A cluster at `domain`, which may carry a port, with its key and pin (an empty pin: none).
    ///
    /// Controller, git and image URLs derive from the domain, as the original of 2021 does it;
    /// its older way to give the controller's URL (`https://controller.<domain>`) is understood.
    pub fn from_domain(name: &str, domain: &str, key: &str, pin: &str) -> Self {
        let domain = domain.strip_prefix("https://controller.").unwrap_or(domain);
        let mut cluster = Cluster::default();
        cluster.put(Field::Name, name);
        cluster.put(Field::Key, key);
        cluster.put(Field::TlsPin, pin);
        cluster.put(Field::ControllerUrl, &derived("controller", domain));
        cluster.put(Field::GitUrl, &derived("git", domain));
        cluster.put(Field::ImageUrl, &derived("images", domain));
        Self { cluster, domain: domain.to_owned() }
    }

    /// The entry as it would be written.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Another git URL than `https://git.<domain>` (`--git-url`).
    pub fn git_url(self, url: &str) -> Self {
        self.with(Field::GitUrl, url)
    }

    /// No git (`--no-git`).
    pub fn without_git(self) -> Self {
        self.with(Field::GitUrl, "")
    }

    /// Another image URL than `https://images.<domain>` (`--image-url`).
    pub fn image_url(self, url: &str) -> Self {
        self.with(Field::ImageUrl, url)
    }

    /// The deprecated Docker registry at `https://docker.<domain>` (`--docker`).
    pub fn with_docker(self) -> Self {
        let url = derived("docker", &self.domain);
        self.with(Field::DockerPushUrl, &url)
    }

    /// The deprecated Docker registry somewhere else (`--docker-push-url`).
    pub fn docker_push_url(self, url: &str) -> Self {
        self.with(Field::DockerPushUrl, url)
    }

    /// The dashboard at `https://dashboard.<domain>`, as the live fork always writes it.
    pub fn with_dashboard(self) -> Self {
        let url = derived("dashboard", &self.domain);
        self.with(Field::DashboardUrl, &url)
    }

    /// The dashboard somewhere else (the fork's `--dashboard-url`).
    pub fn dashboard_url(self, url: &str) -> Self {
        self.with(Field::DashboardUrl, url)
    }

    /// The OAuth issuer, as `flynn login` writes it; such a cluster has no key.
    pub fn oauth_url(self, url: &str) -> Self {
        self.with(Field::OAuthUrl, url)
    }

    /// The account that new apps belong to, an addition of the fork.
    pub fn context(self, account: &str) -> Self {
        self.with(Field::Context, account)
    }

    fn with(mut self, field: Field, value: &str) -> Self {
        self.cluster.put(field, value);
        self
    }
}

/// `https://<service>.<domain>`.
pub(crate) fn derived(service: &str, domain: &str) -> String {
    format!("https://{service}.{domain}")
}
