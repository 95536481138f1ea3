//! The builder of a [`Client`].

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

/// Configures a [`Client`]; returned by [`Client::builder`] and [`Client::to_builder`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder(Settings);

impl Client {
    /// Returns a builder for a client of the controller at this URL, `https://controller.<domain>[:port]`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder(Settings::new(url.into()))
    }

    /// Returns a builder with the settings of this client, to build another client with some changes. The new client
    /// has its own connections.
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

    /// Returns a client with another key and otherwise the same settings, for key rotations.
    ///
    /// # Errors
    /// Returns the errors of [`ClientBuilder::build`].
    pub fn with_key(&self, key: impl Into<Secret>) -> Result<Self, Error> {
        self.to_builder().key(key).build()
    }

    /// Returns a client with another retry policy and otherwise the same settings.
    ///
    /// # Errors
    /// Returns the errors of [`ClientBuilder::build`].
    pub fn with_retry(&self, policy: RetryPolicy) -> Result<Self, Error> {
        self.to_builder().retry(policy).build()
    }
}

impl ClientBuilder {
    /// Sets the cluster's key (`Key` in `~/.flynnrc`).
    pub fn key(mut self, key: impl Into<Secret>) -> Self {
        self.0.auth = Auth::Key(secret(key));
        self
    }

    /// Sets a token instead of the key: a signed token of servers from v20200803.1 on, or a
    /// [personal token](crate::personal_tokens) of the fork.
    ///
    /// A token can be limited to grants of apps. The server compares these with the literal path: if a grant has the id of
    /// an app, only calls that name the app by its id are allowed.
    pub fn bearer_token(mut self, token: impl Into<Secret>) -> Self {
        self.0.auth = Auth::Bearer(secret(token));
        self
    }

    /// Sets a user and password, for a proxy in front of the controller that asks for them.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.0.auth = Auth::Basic { user: user.into(), password: secret(password) };
        self
    }

    /// Sets the TLS configuration. `flynn_tls::ClientTls` creates one from a pin. By default the client trusts
    /// Mozilla's roots (feature `webpki-roots`) and uses the crypto provider that the features choose (`ring` or
    /// `aws-lc-rs`). This crate sets ALPN itself.
    ///
    /// With an `http://` URL, [`build`](Self::build) fails if this is set: the key and all secrets would be sent in
    /// clear text, and the pin would protect nothing. Without a TLS configuration, an `http://` URL is allowed, for
    /// clients inside a cluster. Anyone between the client and the controller can then read and change all traffic.
    pub fn rustls_config(mut self, config: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        self.0.tls = Some(config.into());
        self
    }

    /// Returns the settings that weaken protection.
    pub fn dangerous(self) -> Dangerous {
        Dangerous(self)
    }

    /// Connects to this address for the URL's host instead of asking DNS. The URL, TLS and the `Host` header keep the
    /// name. Use it to reach one node of the cluster. If it is called more than once, the last address is used.
    ///
    /// If the URL has a port, the address must have the same port, or 0. A [`proxy`](Self::proxy) resolves names
    /// itself.
    ///
    /// [`build`](Self::build) fails if the setting would have no effect: for a host other than the URL's, unless there
    /// is a [`layer`](Self::layer) that may redirect to it, and for a URL whose host is an address.
    pub fn resolve(mut self, host: impl Into<String>, address: SocketAddr) -> Self {
        self.0.resolve.push((host.into(), address));
        self
    }

    /// Sends everything through this HTTP proxy (`[http://][user:password@]host:port`). TLS is end to end, so a
    /// pin is still checked against the controller.
    ///
    /// By default the client uses `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, unless
    /// [`resolve`](Self::resolve) is set. It reads them as Go (the language of Flynn's own CLI) and curl do. Where the
    /// two differ:
    /// - The upper-case spelling takes precedence (Go). `localhost` and loopback addresses bypass the proxy (Go).
    /// - `.example.com` and `*.example.com` in `NO_PROXY` include `example.com` (curl).
    /// - [`build`](Self::build) fails for a proxy other than `http://`.
    pub fn proxy(mut self, url: impl Into<Secret>) -> Self {
        self.0.proxy = Some(secret(url));
        self
    }

    /// Connects without a proxy, even if the environment sets one.
    pub fn no_proxy(mut self) -> Self {
        self.0.no_proxy = true;
        self
    }

    /// Sets the limits for retrying calls.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.0.retry = policy;
        self
    }

    /// Sets the timeout of one attempt, 30 s by default. It covers the whole answer, or the headers of a stream.
    ///
    /// While calls wait, an HTTP/2 connection is pinged at a third of this interval (100 ms to 20 s). If the ping is
    /// not answered within the same time, the connection is closed and its calls fail. So use a short timeout only on a
    /// fast network. Streams have their own HTTP/1.1 connections with TCP keep-alive.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.0.attempt_timeout = timeout;
        self
    }

    /// Sets the timeout for name resolution, TCP and TLS together, 10 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.0.connect_timeout = timeout;
        self
    }

    /// Sets the maximum size of an answer in bytes, 128 MiB by default. A larger one fails with
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge). Streams and backups are not bounded as a whole.
    pub fn max_answer_size(mut self, bytes: usize) -> Self {
        self.0.limits.answer = bytes;
        self
    }

    /// Sets the maximum size of one event, log line or attach frame in bytes, 16 MiB by default.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.0.limits.event = bytes;
        self
    }

    /// Sets the maximum number of objects in a list, 100,000 by default. A longer list fails with
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge). An answer may contain ten times as many objects at all
    /// depths. This limit complements the size limit, since `{}` takes 3 bytes of an answer but hundreds of bytes of
    /// memory.
    pub fn max_list_length(mut self, objects: usize) -> Self {
        self.0.limits.list = objects;
        self
    }

    /// Appends to this crate's own `User-Agent`, such as `my-tool/1.2`.
    pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.0.user_agent_suffix = Some(suffix.into());
        self
    }

    /// Adds a [`tower_layer::Layer`]. It sees every attempt: it runs below the retries and above authentication, so it
    /// never sees the key. The layer that was added first sees a request first.
    ///
    /// The response body may be any [`http_body::Body`] of [`Bytes`], so the layers of `tower-http` that do not change
    /// the request's body work unchanged. A layer's error counts as a lost connection, unless it is this crate's
    /// [`Error`]. If a layer sets `Authorization`, that value is used instead of the client's key. A request that a
    /// layer redirects to another origin is sent without the key.
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

    /// Returns the same scheme, port, proxy and address for another host of the cluster, without key, TLS and layers.
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

    /// Builds the client. It does not connect yet, and needs no runtime.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Config`](crate::ErrorKind::Config) if the URL is not `http(s)://host[:port][/prefix]`,
    /// the key has characters that are not allowed in a header, the proxy's URL cannot be used, `resolve` would have no
    /// effect, there is nothing to trust for an `https://` URL, or there is a [`rustls_config`](Self::rustls_config)
    /// for an `http://` URL.
    pub fn build(self) -> Result<Client, Error> {
        self.0.transport().map(Client::new)
    }
}

fn secret(text: impl Into<Secret>) -> SecretString {
    SecretString::from(text.into().expose())
}

/// Settings that weaken protection; returned by [`ClientBuilder::dangerous`].
#[must_use]
pub struct Dangerous(ClientBuilder);

impl Dangerous {
    /// Allows an `http://` URL together with a [`rustls_config`](ClientBuilder::rustls_config), which is then not used.
    /// The key and all secrets are sent in clear text.
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

/// Shows neither the key nor a password in a URL.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientBuilder").field(&self.0).finish()
    }
}
