//! How a [`Client`] is set up.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;

use crate::client::Client;
use crate::error::{BoxError, Error};
use crate::secret::Secret;
use crate::transport::{Auth, Body, RetryPolicy, Service, Settings};

/// Sets up a [`Client`]; made by [`Client::builder`] and [`Client::to_builder`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder(Settings);

impl Client {
    /// Sets up a client of the controller at this URL, `https://controller.<domain>[:port]`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder(Settings::new(url.into()))
    }

    /// A builder with the settings of this client, for one that differs in some of them. The client that it
    /// builds makes connections of its own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use flynn_client::Client;
    ///
    /// let flynn = Client::builder("https://controller.example.com").key("5ab1..").build()?;
    /// let patient = flynn.to_builder().attempt_timeout(Duration::from_secs(300)).build()?;
    /// assert_eq!(patient.url(), flynn.url());
    /// # Ok::<(), flynn_client::Error>(())
    /// ```
    pub fn to_builder(&self) -> ClientBuilder {
        ClientBuilder(self.transport().settings.clone())
    }

    /// A client with another key and otherwise the same settings, for key rotations.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), as [`ClientBuilder::build`].
    pub fn with_key(&self, key: impl Into<Secret>) -> Result<Self, Error> {
        self.to_builder().key(key).build()
    }

    /// A client with another retry policy and otherwise the same settings.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), as [`ClientBuilder::build`].
    pub fn with_retry(&self, policy: RetryPolicy) -> Result<Self, Error> {
        self.to_builder().retry(policy).build()
    }
}

impl ClientBuilder {
    /// The cluster's key (`Key` in `~/.flynnrc`).
    pub fn key(mut self, key: impl Into<Secret>) -> Self {
        self.0.auth = Auth::Key(secret(key));
        self
    }

    /// A signed token, which servers from v20200803.1 on accept instead of the key.
    pub fn bearer_token(mut self, token: impl Into<Secret>) -> Self {
        self.0.auth = Auth::Bearer(secret(token));
        self
    }

    /// Another user and password, as a proxy in front of the controller may want.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.0.auth = Auth::Basic { user: user.into(), password: secret(password) };
        self
    }

    /// How TLS is done: `flynn_tls::ClientTls` makes one from a pin. Without it, Mozilla's roots on ring
    /// (feature `webpki-roots`). ALPN is set by this crate.
    ///
    /// With an `http://` URL it is an error of [`build`](Self::build): the key and all secrets would travel in
    /// clear text, and the pin would protect nothing. Without a config such a URL is allowed, for clients inside
    /// of a cluster; whoever is on the way between client and controller can read and change everything.
    pub fn rustls_config(mut self, config: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        self.0.tls = Some(config.into());
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
        self.0.resolve.push((host.into(), address));
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
        self.0.proxy = Some(secret(url));
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.0.no_proxy = true;
        self
    }

    /// How often and how long calls are repeated that may be repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.0.retry = policy;
        self
    }

    /// Deadline of one attempt: of the whole answer, or of the headers where a stream follows. 30 s unless set.
    ///
    /// HTTP/2 connections are pinged every third of it (100 ms to 20 s), and given up, with the calls on them,
    /// when the answer takes as long: a short deadline asks for a network that is quick throughout. Streams have
    /// HTTP/1.1 connections of their own, with TCP keep-alive.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.0.attempt_timeout = timeout;
        self
    }

    /// Deadline of name resolution, TCP and TLS together. 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.0.connect_timeout = timeout;
        self
    }

    /// Bytes at which reading an answer stops with [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge). 128 MiB unless set; streams and
    /// backups are not bounded as a whole.
    pub fn max_answer_size(mut self, bytes: usize) -> Self {
        self.0.limits.answer = bytes;
        self
    }

    /// Bytes at which reading one event, log line or attach frame stops. 16 MiB unless set.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.0.limits.event = bytes;
        self
    }

    /// Objects at which decoding a list stops with [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge). 100,000 unless set. Objects of all
    /// depths are bounded as well, by ten times as many: `{}` takes 3 bytes of an answer and hundreds of memory.
    pub fn max_list_length(mut self, objects: usize) -> Self {
        self.0.limits.list = objects;
        self
    }

    /// Put after this crate's own `User-Agent`, such as `my-tool/1.2`.
    pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.0.user_agent_suffix = Some(suffix.into());
        self
    }

    /// Adds a [`tower_layer::Layer`]. Each attempt passes it: it stands below the retries, and above
    /// authentication, so it never sees the key. The layer added first sees a request first.
    ///
    /// The response body may be any [`http_body::Body`] of [`Bytes`], so the layers of `tower-http` that leave the
    /// request's body alone fit as they are. A layer's error counts as a lost connection, unless it is this
    /// crate's [`Error`]. A layer that sets `Authorization` wins over the client's key; a request that a layer
    /// leads to another origin is sent without the key.
    ///
    /// ```
    /// use flynn_client::{Body, Client, Service};
    /// use http::Request;
    /// use std::task::{Context, Poll};
    ///
    /// /// Names the calling tool in a header.
    /// #[derive(Clone)]
    /// struct Named(Service);
    ///
    /// impl tower_service::Service<Request<Body>> for Named {
    ///     type Response = <Service as tower_service::Service<Request<Body>>>::Response;
    ///     type Error = flynn_client::Error;
    ///     type Future = <Service as tower_service::Service<Request<Body>>>::Future;
    ///
    ///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
    ///         self.0.poll_ready(cx)
    ///     }
    ///
    ///     fn call(&mut self, mut request: Request<Body>) -> Self::Future {
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
    pub fn layer<L, B>(mut self, layer: L) -> Self
    where
        L: tower_layer::Layer<Service> + Send + 'static,
        L::Service: tower_service::Service<http::Request<Body>, Response = http::Response<B>>
            + Clone
            + Send
            + 'static,
        <L::Service as tower_service::Service<http::Request<Body>>>::Error: Into<BoxError>,
        <L::Service as tower_service::Service<http::Request<Body>>>::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // A layer need not be `Sync`; a builder is.
        let layer = Mutex::new(layer);
        self.0.wraps.push(Arc::new(move |inner| {
            let layer = layer.lock().unwrap_or_else(PoisonError::into_inner);
            Service::layered(layer.layer(inner))
        }));
        self
    }

    /// The same scheme, port, proxy and address for another host of the cluster, without key, TLS and layers.
    pub(crate) fn at_sibling(mut self, host: &str) -> Self {
        let settings = &mut self.0;
        if let Ok(mut url) = url::Url::parse(&settings.url)
            && url.set_host(Some(host)).is_ok()
        {
            url.set_path("/");
            settings.url = url.into();
        }
        settings.resolve =
            (settings.resolve.iter()).map(|(_, address)| (host.to_owned(), *address)).collect();
        settings.auth = Auth::None;
        settings.tls = None;
        settings.plain_http = false;
        settings.wraps.clear();
        self
    }

    /// Makes the client. Nothing is connected yet, and no runtime is needed.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), when the URL is not `http(s)://host[:port][/prefix]`, the
    /// key has characters that no header can hold, the proxy's URL cannot be used, `resolve` would have no
    /// effect, there is nothing to trust for an `https://` URL, or there is a
    /// [`rustls_config`](Self::rustls_config) for an `http://` URL.
    pub fn build(self) -> Result<Client, Error> {
        self.0.transport().map(Client::new)
    }
}

fn secret(text: impl Into<Secret>) -> SecretString {
    SecretString::from(text.into().expose())
}

/// Settings that give up protection; made by [`ClientBuilder::dangerous`].
#[must_use]
pub struct Dangerous(ClientBuilder);

impl Dangerous {
    /// Allows an `http://` URL together with a [`rustls_config`](ClientBuilder::rustls_config), which is then not
    /// used: the key and all secrets travel in clear text.
    pub fn plain_http(mut self) -> ClientBuilder {
        self.0.0.plain_http = true;
        self.0
    }
}

impl fmt::Debug for Dangerous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dangerous").field(&self.0).finish()
    }
}

/// Does not show the key, nor a password in a URL.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientBuilder").field(&self.0).finish()
    }
}
