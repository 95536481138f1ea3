//! A new cluster for a `.flynnrc`.

use super::cluster::{Cluster, Field};

/// A new cluster, described by the arguments of `flynn cluster add`.
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
    /// Creates a cluster with the controller, git and image URLs of a domain.
    ///
    /// The domain can have a port. `https://controller.<domain>`, the argument of older CLIs, is
    /// accepted too. An empty pin means that there is none.
    pub fn from_domain(name: &str, domain: &str, key: &str, pin: &str) -> Self {
        let domain = domain.strip_prefix("https://controller.").unwrap_or(domain);
        let mut cluster = Cluster::default();
        cluster.put(Field::Name, name);
        cluster.put(Field::Key, key);
        cluster.put(Field::TlsPin, pin);
        cluster.put(Field::ControllerUrl, &url_of_service("controller", domain));
        cluster.put(Field::GitUrl, &url_of_service("git", domain));
        cluster.put(Field::ImageUrl, &url_of_service("images", domain));
        Self { cluster, domain: domain.to_owned() }
    }

    /// Returns the entry as it will be written.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Sets the git URL (`--git-url`; default: `https://git.<domain>`).
    pub fn git_url(self, url: &str) -> Self {
        self.with(Field::GitUrl, url)
    }

    /// Leaves out git (`--no-git`).
    pub fn without_git(self) -> Self {
        self.with(Field::GitUrl, "")
    }

    /// Sets the image URL (`--image-url`; default: `https://images.<domain>`).
    pub fn image_url(self, url: &str) -> Self {
        self.with(Field::ImageUrl, url)
    }

    /// Adds the deprecated Docker registry at `https://docker.<domain>` (`--docker`).
    pub fn with_docker(self) -> Self {
        let url = url_of_service("docker", &self.domain);
        self.with(Field::DockerPushUrl, &url)
    }

    /// Sets the URL of the deprecated Docker registry (`--docker-push-url`).
    pub fn docker_push_url(self, url: &str) -> Self {
        self.with(Field::DockerPushUrl, url)
    }

    /// Adds the dashboard at `https://dashboard.<domain>`, as the current fork always does.
    pub fn with_dashboard(self) -> Self {
        let url = url_of_service("dashboard", &self.domain);
        self.with(Field::DashboardUrl, &url)
    }

    /// Sets the URL of the dashboard (`--dashboard-url` of the current fork).
    pub fn dashboard_url(self, url: &str) -> Self {
        self.with(Field::DashboardUrl, url)
    }

    /// Sets the URL of the OAuth issuer, as `flynn login` does. Such a cluster has no key.
    pub fn oauth_url(self, url: &str) -> Self {
        self.with(Field::OAuthUrl, url)
    }

    /// Sets the account that owns new apps, a field of the current fork.
    pub fn context(self, account: &str) -> Self {
        self.with(Field::Context, account)
    }

    fn with(mut self, field: Field, value: &str) -> Self {
        self.cluster.put(field, value);
        self
    }
}

/// `https://<service>.<domain>`.
pub(crate) fn url_of_service(service: &str, domain: &str) -> String {
    format!("https://{service}.{domain}")
}
