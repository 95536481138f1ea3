use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::{Roots, Time};

/// The requirements of a [`check`](super::check()). By default, a certificate must be complete and valid for the next
/// 30 days.
///
/// ```
/// use flynn_tls::{Requirements, ServerAge};
///
/// // Will a certificate still be good for a cluster in half a year?
/// let wanted = Requirements::new()
///     .domain("example.com")
///     .publicly_trusted()
///     .oldest_server(ServerAge::V2016)
///     .at("2027-07-01T00:00:00Z".parse()?)
///     .expiring_within_days(14);
/// # let _ = wanted;
/// # Ok::<(), flynn_tls::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is for `check`"]
pub struct Requirements {
    pub(super) names: Vec<String>,
    pub(super) at: Option<Time>,
    pub(super) days: u32,
    pub(super) trust: Trust,
    pub(super) provider: Option<Arc<CryptoProvider>>,
    pub(super) oldest_server: ServerAge,
}

/// The age of a Flynn server. It determines which keys the server can load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum ServerAge {
    /// Releases built with Go before 1.13 (September 2019), such as v20161015.2. They cannot load
    /// Ed25519 keys.
    V2016,
    /// Later releases, and the current fork.
    #[default]
    V2021,
}

/// The root that the chain must lead to.
#[derive(Debug, Clone)]
pub(super) enum Trust {
    /// Any root; a chain without a public root is a warning.
    Any,
    Public,
    Ca(Roots),
}

impl Default for Requirements {
    fn default() -> Self {
        Self::new()
    }
}

impl Requirements {
    /// Requires no names, and uses the clock of this machine.
    pub fn new() -> Self {
        Self {
            names: Vec::new(),
            at: None,
            days: 30,
            trust: Trust::Any,
            provider: None,
            oldest_server: ServerAge::default(),
        }
    }

    /// Requires the domain itself and `*.domain`, as a Flynn cluster does. A port at the end is
    /// ignored; a URL is reported as not being a host name.
    pub fn domain(self, domain: &str) -> Self {
        let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let domain = match domain.rsplit_once(':') {
            Some((name, port)) if is_port(port) => name,
            _ => domain,
        };
        let wildcard = format!("*.{domain}");
        self.name(domain).name(&wildcard)
    }

    /// Requires a name: a host, a wildcard such as `*.example.com`, or an IP address. Write
    /// international names in their `xn--` form.
    pub fn name(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// Sets the time to check for, instead of now.
    pub fn at(mut self, at: Time) -> Self {
        self.at = Some(at);
        self
    }

    /// Warns about certificates that expire within this many days. The default is 30; 0 disables
    /// the warning.
    pub fn expiring_within_days(mut self, days: u32) -> Self {
        self.days = days;
        self
    }

    /// Requires a chain to a public root. Without this, a chain to anything else is a warning.
    pub fn publicly_trusted(mut self) -> Self {
        self.trust = Trust::Public;
        self
    }

    /// Requires a chain to one of these CAs, which need not be public.
    pub fn from_ca(mut self, roots: Roots) -> Self {
        self.trust = Trust::Ca(roots);
        self
    }

    /// Sets the oldest server that has to serve the certificate. The default is
    /// [`ServerAge::V2021`].
    pub fn oldest_server(mut self, age: ServerAge) -> Self {
        self.oldest_server = age;
        self
    }

    /// Verifies signatures with this crypto provider instead of the default one.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }
}
