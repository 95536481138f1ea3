//! How a [`Client`] is set up.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::client::Client;
use crate::error::{BoxError, Error, ErrorKind};
use crate::json::LIST;
use crate::secret::Secret;
use crate::transport::{
    Auth, Body, Layers, Limits, Proxies, Proxy, RetryPolicy, Service, Transport, Wire, WireOptions,
    proxy_url,
};

type Wrap = Box<dyn FnOnce(Service) -> Service + Send>;

/// Sets a [`Client`] up; made by [`Client::builder`].
#[must_use]
pub struct ClientBuilder {
    url: String,
    auth: Auth,
    tls: Option<Arc<rustls::ClientConfig>>,
    plain_http: bool,
    resolve: Vec<(String, SocketAddr)>,
    proxy: Option<SecretString>,
    no_proxy: bool,
    retry: RetryPolicy,
    attempt_timeout: Duration,
    connect_timeout: Duration,
    limits: Limits,
    user_agent_suffix: Option<String>,
    wraps: Vec<Wrap>,
}

impl ClientBuilder {
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

    /// The cluster's key (`Key` in `~/.flynnrc`).
    pub fn key(mut self, key: impl Into<Secret>) -> Self {
        self.auth = Auth::Key(secret(key));
        self
    }

    /// A signed token, which servers from v20200803.1 on accept instead of the key.
    pub fn bearer_token(mut self, token: impl Into<Secret>) -> Self {
        self.auth = Auth::Bearer(secret(token));
        self
    }

    /// Another user and password, as a proxy in front of the controller may want.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.auth = Auth::Basic { user: user.into(), password: secret(password) };
        self
    }

    /// How TLS is done: `flynn_tls::ClientTls` makes one from a pin. Without it, Mozilla's roots on ring
    /// (feature `webpki-roots`). ALPN is set by this crate.
    ///
    /// With an `http://` URL it is an error of [`build`](Self::build): the key and all secrets would travel in
    /// clear text, and the pin would protect nothing. Without a config such a URL is allowed, for clients inside
    /// of a cluster; whoever is on the way between client and controller can read and change everything.
    pub fn rustls_config(mut self, config: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        self.tls = Some(config.into());
        self
    }

    /// Settings that give up protection.
    pub fn dangerous(self) -> Dangerous {
        Dangerous(self)
    }

    /// Connects to this address instead of what DNS says for the URL's host, in any of its spellings; the name in
    /// URL, TLS and `Host` stays. This is also how one node of the cluster is asked. The last address counts.
    ///
    /// A port in the URL wins; the address may then carry the same one, or 0. It counts for connections that
    /// this client makes itself: what goes through a [`proxy`](Self::proxy) is resolved there.
    ///
    /// What would have no effect is an error of [`build`](Self::build): another host than the URL's, unless there
    /// is a [`layer`](Self::layer) that may lead to it, and a URL with an address for a host.
    pub fn resolve(mut self, host: impl Into<String>, address: SocketAddr) -> Self {
        self.resolve.push((host.into(), address));
        self
    }

    /// Sends everything through this HTTP proxy (`[http://][user:password@]host:port`). TLS, and with it a pin,
    /// is checked end to end, with the controller.
    ///
    /// Without it `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured, unless
    /// [`resolve`](Self::resolve) says where to connect to. They are read as Go, which Flynn's own CLI is written
    /// in, and curl read them; where the two differ:
    /// - The upper-case spelling wins (Go), and `localhost` and loopback addresses are connected to directly (Go).
    /// - `.example.com` in `NO_PROXY` is `example.com` too (curl), and so is `*.example.com`.
    /// - Proxies other than `http://` are errors of [`build`](Self::build).
    pub fn proxy(mut self, url: impl Into<Secret>) -> Self {
        self.proxy = Some(secret(url));
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.no_proxy = true;
        self
    }

    /// How often and how long calls are repeated that may be repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Deadline of one attempt: of the whole answer, or of the headers where a stream follows. 30 s unless set.
    ///
    /// HTTP/2 connections are pinged every third of it (100 ms to 20 s), and given up, with the calls on them,
    /// when the answer takes as long: a short deadline asks for a network that is quick throughout. Streams have
    /// HTTP/1.1 connections of their own, with TCP keep-alive.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// Deadline of name resolution, TCP and TLS together. 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Bytes at which reading an answer stops with [`ErrorKind::TooLarge`]. 128 MiB unless set; streams and
    /// backups are not bounded as a whole.
    pub fn max_answer_size(mut self, bytes: usize) -> Self {
        self.limits.answer = bytes;
        self
    }

    /// Bytes at which reading one event, log line or attach frame stops. 16 MiB unless set.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.limits.event = bytes;
        self
    }

    /// Objects at which decoding a list stops with [`ErrorKind::TooLarge`]. 100,000 unless set. Objects of all
    /// depths are bounded as well, by ten times as many: `{}` takes 3 bytes of an answer and hundreds of memory.
    pub fn max_list_length(mut self, objects: usize) -> Self {
        self.limits.list = objects;
        self
    }

    /// Put after this crate's own `User-Agent`, such as `my-tool/1.2`.
    pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.user_agent_suffix = Some(suffix.into());
        self
    }

    /// Puts a service around sending: below retries, so each attempt passes it, and above authentication, so
    /// it never sees the key. The layer added first sees a request first.
    ///
    /// Its errors count as a lost connection, unless they are this crate's [`Error`]. A layer that sets
    /// `Authorization` itself wins over the client's key; one that leads a request to another origin has it
    /// sent without the key.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use flynn_client::{Client, Service};
    /// use http::Request;
    /// use std::task::{Context, Poll};
    ///
    /// /// Says in a header which tool it is that calls.
    /// #[derive(Clone)]
    /// struct Named(Service);
    ///
    /// impl tower_service::Service<Request<Bytes>> for Named {
    ///     type Response = <Service as tower_service::Service<Request<Bytes>>>::Response;
    ///     type Error = flynn_client::Error;
    ///     type Future = <Service as tower_service::Service<Request<Bytes>>>::Future;
    ///
    ///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
    ///         self.0.poll_ready(cx)
    ///     }
    ///
    ///     fn call(&mut self, mut request: Request<Bytes>) -> Self::Future {
    ///         request.headers_mut().insert("x-tool", http::HeaderValue::from_static("renewal"));
    ///         self.0.call(request)
    ///     }
    /// }
    ///
    /// let client = Client::builder("https://controller.example.com")
    ///     .key("5ab1..")
    ///     .layer(tower_layer::layer_fn(Named))
    ///     .build()?;
    /// # Ok::<(), flynn_client::Error>(())
    /// ```
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: tower_layer::Layer<Service> + Send + 'static,
        L::Service: tower_service::Service<http::Request<Bytes>, Response = http::Response<Body>>
            + Clone
            + Send
            + 'static,
        <L::Service as tower_service::Service<http::Request<Bytes>>>::Error: Into<BoxError>,
        <L::Service as tower_service::Service<http::Request<Bytes>>>::Future: Send + 'static,
    {
        self.wraps.push(Box::new(move |inner| Service::layered(layer.layer(inner))));
        self
    }

    /// Makes the client. Nothing is connected yet, and no runtime is needed.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the URL is not `http(s)://host[:port][/prefix]`, a key has characters that
    /// no header can hold, the proxy is no URL, `resolve` would have no effect, TLS is wanted and there is nothing
    /// to trust, or there is a [`rustls_config`](Self::rustls_config) for an `http://` URL.
    pub fn build(self) -> Result<Client, Error> {
        let url = base_url(&self.url)?;
        if url.scheme() == "http" && self.tls.is_some() && !self.plain_http {
            return Err(config(
                "the URL begins with http://, so the key would leave without TLS although there is a \
                 `rustls_config`; write https://, or see `dangerous()`",
            ));
        }
        let may_lead_elsewhere = !self.wraps.is_empty();
        let resolve = (self.resolve.into_iter())
            .filter_map(|(host, address)| {
                resolved(&url, &host, address, may_lead_elsewhere).transpose()
            })
            .collect::<Result<Vec<_>, _>>()?;
        let proxy = match &self.proxy {
            Some(proxy) => Proxy::All(proxy_url(proxy.expose_secret(), "the proxy")?),
            None if self.no_proxy || !resolve.is_empty() => Proxy::None,
            None => Proxy::Environment(Proxies::from_environment(&url)?),
        };
        let tls = match self.tls {
            Some(tls) => tls,
            None => Arc::new(default_tls(url.scheme() == "https")?),
        };
        let options = WireOptions {
            tls,
            connect_timeout: self.connect_timeout,
            // So that a connection is given up before the attempt that found it dead.
            keep_alive: (self.attempt_timeout / 3)
                .clamp(Duration::from_millis(100), Duration::from_secs(20)),
            proxy,
            resolve,
        };
        let wire = Wire::new(&options, self.auth.header()?)?;
        let layers = (!self.wraps.is_empty()).then(|| {
            let innermost = Service::new(wire.clone(), url.origin());
            Layers::new(self.wraps.into_iter().rev().fold(innermost, |inner, wrap| wrap(inner)))
        });
        Ok(Client::new(Transport {
            base: url,
            wire,
            layers,
            retry: self.retry,
            attempt_timeout: self.attempt_timeout,
            limits: self.limits,
            user_agent: user_agent(self.user_agent_suffix.as_deref())?,
            capabilities: OnceLock::new(),
        }))
    }
}

fn secret(text: impl Into<Secret>) -> SecretString {
    SecretString::from(text.into().expose())
}

/// A URL for `Debug`: it may hold a password by mistake.
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

const NO_SCHEME: &str = "the controller's URL must begin with https:// or http:// and name a host";

fn base_url(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => config(NO_SCHEME),
        error => config(format!("the controller's URL cannot be read: {error}")),
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(config(NO_SCHEME));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(config("the controller's URL must not hold a user or password; use `key`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(config("the controller's URL must not have a query or fragment"));
    }
    Ok(url)
}

/// Where the URL's host leads, with the host in the URL's own spelling; `None` when it leads there anyway.
fn resolved(
    url: &Url,
    text: &str,
    address: SocketAddr,
    may_lead_elsewhere: bool,
) -> Result<Option<(String, SocketAddr)>, Error> {
    let host = match text.parse() {
        Ok(ip) => Host::Ipv6(ip),
        Err(_) => Host::parse(text).map_err(|error| {
            config(format!("`resolve` takes a host name, which {text:?} is not")).caused_by(error)
        })?,
    };
    let port = url.port_or_known_default().unwrap_or_default();
    let is_port = address.port() == 0 || address.port() == port;
    match (host, url.host()) {
        (Host::Domain(name), Some(Host::Domain(of_url)))
            if name.trim_end_matches('.') == of_url.trim_end_matches('.') =>
        {
            // The port of the URL is connected to; another one would be ignored.
            if url.port().is_some() && !is_port {
                let other = address.port();
                return Err(config(format!(
                    "{text} is to be reached at port {other}, but the URL says {port}"
                )));
            }
            Ok(Some((of_url.to_owned(), address)))
        }
        (Host::Domain(name), _) if may_lead_elsewhere => Ok(Some((name, address))),
        (Host::Ipv4(ip), _) if is_port && address.ip() == ip => Ok(None),
        (Host::Ipv6(ip), _) if is_port && address.ip() == ip => Ok(None),
        (Host::Domain(_), of_url) => {
            let of_url = of_url.map(|host| host.to_string()).unwrap_or_default();
            Err(config(format!("`resolve` is about {text}, but the URL's host is {of_url}")))
        }
        _ => Err(config(format!(
            "`resolve` cannot lead elsewhere what is an address already: write a host name instead of {text} \
             into the URL, or the right address"
        ))),
    }
}

fn user_agent(suffix: Option<&str>) -> Result<HeaderValue, Error> {
    let own = concat!("flynn-client/", env!("CARGO_PKG_VERSION"));
    match suffix {
        None => Ok(HeaderValue::from_static(own)),
        Some(suffix) => HeaderValue::try_from(format!("{own} {suffix}")).map_err(|_| {
            config("the suffix of the user agent has characters that no header can hold")
        }),
    }
}

/// What is trusted without a config of the caller's.
fn default_tls(needed: bool) -> Result<rustls::ClientConfig, Error> {
    #[cfg(feature = "webpki-roots")]
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    #[cfg(not(feature = "webpki-roots"))]
    let roots = rustls::RootCertStore::empty();
    if needed && roots.is_empty() {
        return Err(config("an https URL needs `rustls_config`, or the feature `webpki-roots`"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| config("TLS cannot be set up").caused_by(error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Settings that give up protection; made by [`ClientBuilder::dangerous`].
#[must_use]
pub struct Dangerous(ClientBuilder);

impl Dangerous {
    /// Allows an `http://` URL together with a [`rustls_config`](ClientBuilder::rustls_config), which is then not
    /// used: the key and all secrets travel in clear text.
    pub fn plain_http(self) -> ClientBuilder {
        ClientBuilder { plain_http: true, ..self.0 }
    }
}

impl fmt::Debug for Dangerous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dangerous").field(&self.0).finish()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("url", &without_secrets(&self.url))
            .field("auth", &self.auth)
            .field("resolve", &self.resolve)
            .field("retry", &self.retry)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("layers", &self.wraps.len())
            .finish_non_exhaustive()
    }
}
