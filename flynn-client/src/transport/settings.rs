//! The settings of a client, which are checked and turned into a [`Transport`].

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::{Auth, Proxies, Proxy, RetryPolicy, Service, Transport, Wire, WireOptions, proxy_url};
use crate::error::{Error, ErrorKind};
use crate::json::LIST;

/// Wraps a service in a layer.
pub(crate) type Wrap = Arc<dyn Fn(Service) -> Service + Send + Sync>;

/// The limits of reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The maximum size of a whole answer in bytes.
    pub(crate) answer: usize,
    /// The maximum size of one event or line of a stream in bytes.
    pub(crate) event: usize,
    /// The maximum number of objects in a list.
    pub(crate) list: usize,
}

/// All settings of a builder.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) url: String,
    pub(crate) auth: Auth,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) plain_http: bool,
    pub(crate) resolve: Vec<(String, SocketAddr)>,
    pub(crate) proxy: Option<SecretString>,
    pub(crate) no_proxy: bool,
    pub(crate) retry: RetryPolicy,
    pub(crate) attempt_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) user_agent_suffix: Option<String>,
    /// The layer added first is the outermost.
    pub(crate) wraps: Vec<Wrap>,
}

impl Settings {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            auth: Auth::None,
            tls: None,
            plain_http: false,
            resolve: Vec::new(),
            proxy: None,
            no_proxy: false,
            retry: RetryPolicy::default(),
            attempt_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            limits: Limits { answer: 128 << 20, event: 16 << 20, list: LIST },
            user_agent_suffix: None,
            wraps: Vec::new(),
        }
    }

    /// Checks the settings. Does not connect yet.
    pub(crate) fn transport(self) -> Result<Transport, Error> {
        let base = base_url(&self.url)?;
        if base.scheme() == "http" && self.tls.is_some() && !self.plain_http {
            return Err(config(
                "the URL starts with http://, so the key would be sent without TLS although there is a \
                 `rustls_config`; write https://, or see `dangerous()`",
            ));
        }
        let may_lead_elsewhere = !self.wraps.is_empty();
        let resolve = (self.resolve.iter())
            .filter_map(|(host, address)| {
                resolved(&base, host, *address, may_lead_elsewhere).transpose()
            })
            .collect::<Result<Vec<_>, _>>()?;
        let proxy = match &self.proxy {
            Some(proxy) => Proxy::All(proxy_url(proxy.expose_secret(), "the proxy")?),
            None if self.no_proxy || !resolve.is_empty() => Proxy::None,
            None => Proxy::Environment(Proxies::from_environment(&base)?),
        };
        let tls = match &self.tls {
            Some(tls) => Arc::clone(tls),
            None => Arc::new(default_tls(base.scheme() == "https")?),
        };
        let options = WireOptions {
            tls,
            connect_timeout: self.connect_timeout,
            // A dead connection is closed before the attempt that uses it times out.
            keep_alive: (self.attempt_timeout / 3)
                .clamp(Duration::from_millis(100), Duration::from_secs(20)),
            proxy,
            resolve,
        };
        let wire = Service::new(Wire::new(&options, self.auth.header()?, base.clone())?);
        let outermost = self.wraps.iter().rev().fold(wire, |inner, wrap| wrap(inner));
        Ok(Transport {
            base,
            user_agent: user_agent(self.user_agent_suffix.as_deref())?,
            service: Mutex::new(outermost),
            capabilities: OnceLock::new(),
            settings: self,
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("url", &without_secrets(&self.url))
            .field("auth", &self.auth)
            .field("resolve", &self.resolve)
            .field("retry", &self.retry)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("limits", &self.limits)
            .field("layers", &self.wraps.len())
            .finish_non_exhaustive()
    }
}

/// Returns a URL for `Debug` without its password.
fn without_secrets(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return "(not a URL)".to_owned() };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

const NO_SCHEME: &str = "the controller's URL must start with https:// or http:// and have a host";

fn base_url(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => config(NO_SCHEME),
        error => config(format!("the controller's URL is not valid: {error}")),
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(config(NO_SCHEME));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(config("the controller's URL must not contain a user or password; use `key`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(config("the controller's URL must not have a query or fragment"));
    }
    Ok(url)
}

/// Returns the address for the URL's host, with the host as spelled in the URL; `None` if it needs no override.
fn resolved(
    url: &Url,
    text: &str,
    address: SocketAddr,
    may_lead_elsewhere: bool,
) -> Result<Option<(String, SocketAddr)>, Error> {
    let host = match text.parse() {
        Ok(ip) => Host::Ipv6(ip),
        Err(_) => Host::parse(text).map_err(|error| {
            config(format!("`resolve` needs a host name, but {text:?} is not one")).caused_by(error)
        })?,
    };
    let port = url.port_or_known_default().unwrap_or_default();
    let is_port = address.port() == 0 || address.port() == port;
    match (host, url.host()) {
        (Host::Domain(name), Some(Host::Domain(of_url)))
            if name.trim_end_matches('.') == of_url.trim_end_matches('.') =>
        {
            // The client connects to the port of the URL, so another port would be ignored.
            if url.port().is_some() && !is_port {
                let other = address.port();
                return Err(config(format!(
                    "`resolve` sets the port {other} for {text}, but the URL has {port}"
                )));
            }
            Ok(Some((of_url.to_owned(), address)))
        }
        (Host::Domain(name), _) if may_lead_elsewhere => Ok(Some((name, address))),
        (Host::Ipv4(ip), _) if is_port && address.ip() == ip => Ok(None),
        (Host::Ipv6(ip), _) if is_port && address.ip() == ip => Ok(None),
        (Host::Domain(_), of_url) => {
            let of_url = of_url.map(|host| host.to_string()).unwrap_or_default();
            Err(config(format!("`resolve` is set for {text}, but the URL's host is {of_url}")))
        }
        _ => Err(config(format!(
            "`resolve` has no effect for an address: write a host name instead of {text} \
             into the URL, or the right address"
        ))),
    }
}

fn user_agent(suffix: Option<&str>) -> Result<HeaderValue, Error> {
    let own = concat!("flynn-client/", env!("CARGO_PKG_VERSION"));
    match suffix {
        None => Ok(HeaderValue::from_static(own)),
        Some(suffix) => HeaderValue::try_from(format!("{own} {suffix}")).map_err(|_| {
            config("the suffix of the user agent has characters that are not allowed in a header")
        }),
    }
}

/// Returns the default roots and crypto provider, if the caller does not set a configuration.
fn default_tls(is_https: bool) -> Result<rustls::ClientConfig, Error> {
    #[cfg(feature = "webpki-roots")]
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    #[cfg(not(feature = "webpki-roots"))]
    let roots = rustls::RootCertStore::empty();
    if is_https && roots.is_empty() {
        return Err(config("an https URL needs `rustls_config`, or the feature `webpki-roots`"));
    }
    let Some(provider) = provider() else {
        return Err(config(
            "there is no crypto provider: enable the feature `ring` or `aws-lc-rs`",
        ));
    };
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| config("cannot set up TLS").caused_by(error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Returns the provider that the features choose, independent of the provider that the process has installed.
#[allow(clippy::unnecessary_wraps, reason = "there is none without the features")]
fn provider() -> Option<rustls::crypto::CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    return Some(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return Some(rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    None
}
