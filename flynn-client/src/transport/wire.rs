//! The last step: adds the key, sends the bytes, and converts failures of the network to an [`Error`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri, header};
use url::Url;

use super::{Body, Proxies};
use crate::error::{BoxError, Error, ErrorKind, causes};

/// The settings of connections.
pub(crate) struct WireOptions {
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) resolve: Vec<(String, SocketAddr)>,
    pub(crate) connect_timeout: Duration,
    /// The silence after which a connection in use is pinged, and the time that it has to answer.
    pub(crate) keep_alive: Duration,
    pub(crate) proxy: Proxy,
}

/// The proxy of connections.
pub(crate) enum Proxy {
    None,
    /// One proxy for all targets.
    All(Url),
    Environment(Proxies),
}

/// Two kinds of connections: calls share HTTP/2 connections if the server offers them; each stream and upgrade has its
/// own HTTP/1.1 connection, which is closed with it.
///
/// On a shared connection, streams would use up the number that the server allows concurrently (200 streams block every
/// call), and dropping many of them quickly makes HTTP/2 close the connection.
#[derive(Debug)]
pub(crate) struct Wire {
    shared: reqwest::Client,
    own: reqwest::Client,
    authorization: Option<HeaderValue>,
    /// The origin that the key belongs to.
    base: Url,
    base_uri: Uri,
}

impl Wire {
    pub(crate) fn new(
        options: &WireOptions,
        authorization: Option<HeaderValue>,
        base: Url,
    ) -> Result<Self, Error> {
        Ok(Self {
            shared: connections(options, Sharing::Shared)?,
            own: connections(options, Sharing::Own)?,
            authorization,
            base_uri: Uri::try_from(base.as_str())
                .map_err(|error| config("the URL cannot be written as a URI").caused_by(error))?,
            base,
        })
    }

    /// Sends one attempt and waits for the head of the answer.
    pub(crate) async fn send(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Error> {
        let (parts, body) = request.into_parts();
        let (url, is_home) = self.url(&parts.uri)?;
        let mut headers = parts.headers;
        // The key never leaves its origin. A raw call or a layer may set its own.
        if let Some(value) = &self.authorization
            && is_home
            && !headers.contains_key(header::AUTHORIZATION)
        {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        let client = if wants_own_connection(&headers) { &self.own } else { &self.shared };
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = headers;
        let body = body.collect(usize::MAX).await?;
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        let answer = client.execute(request).await.map_err(failed)?;
        Ok(http::Response::from(answer).map(Body::wire))
    }

    /// Returns the URL of a request after the layers, and whether it is in the client's own origin.
    fn url(&self, uri: &Uri) -> Result<(Url, bool), Error> {
        if uri.authority() == self.base_uri.authority() && uri.scheme() == self.base_uri.scheme() {
            let mut url = self.base.clone();
            url.set_path(uri.path());
            url.set_query(uri.query());
            return Ok((url, true));
        }
        let url = Url::parse(&uri.to_string())
            .map_err(|_| Error::invalid_input("a layer made a request without a full URL"))?;
        let is_home = url.origin() == self.base.origin();
        Ok((url, is_home))
    }
}

/// Tells the server, the layers and [`Wire`] that a connection ends with its answer.
pub(crate) const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Returns whether a request needs its own connection. Only the headers are sure to pass through the layers.
fn wants_own_connection(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
        || headers.get(header::CONNECTION).is_some_and(|value| value == CLOSE)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Shared,
    Own,
}

fn connections(options: &WireOptions, sharing: Sharing) -> Result<reqwest::Client, Error> {
    let mut tls = rustls::ClientConfig::clone(&options.tls);
    tls.alpn_protocols = match sharing {
        Sharing::Shared => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Sharing::Own => vec![b"http/1.1".to_vec()],
    };
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        // Calls share an HTTP/2 connection. Without this, each new attempt would wait on the dead connection again.
        .http2_keep_alive_interval(options.keep_alive)
        .http2_keep_alive_timeout(options.keep_alive)
        .tcp_nodelay(true);
    if sharing == Sharing::Own {
        builder = builder.http1_only().pool_max_idle_per_host(0);
    }
    for (host, address) in &options.resolve {
        builder = builder.resolve(host, *address);
    }
    builder = match &options.proxy {
        Proxy::None => builder.no_proxy(),
        // reqwest parses the URL of each call for a function.
        Proxy::Environment(proxies) if proxies.is_empty() => builder.no_proxy(),
        Proxy::All(url) => {
            builder.proxy(reqwest::Proxy::all(url.clone()).map_err(|error| {
                config("the proxy cannot be used").caused_by(error.without_url())
            })?)
        }
        Proxy::Environment(proxies) => {
            let proxies = proxies.clone();
            builder.proxy(reqwest::Proxy::custom(move |url| proxies.on_the_way_to(url)))
        }
    };
    builder
        .build()
        .map_err(|error| config("cannot set up connections").caused_by(error.without_url()))
}

fn config(message: &str) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// The host and port of a URL.
fn target(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

/// Converts the failure of a request without an answer.
fn failed(error: reqwest::Error) -> Error {
    let kind = if error.is_connect() {
        if is_tls(&error) { ErrorKind::Tls } else { ErrorKind::Connect }
    } else if error.is_builder() {
        ErrorKind::InvalidInput
    } else if error.is_timeout() {
        ErrorKind::Timeout
    } else {
        ErrorKind::Connection
    };
    let message = match kind {
        ErrorKind::Connect | ErrorKind::Tls => {
            let target = error.url().map(target).unwrap_or_default();
            format!("{target}: {}", reason(&error))
        }
        ErrorKind::Connection => format!("no answer: {}", reason(&error)),
        _ => String::new(),
    };
    Error::new(kind, message).caused_by(error.without_url())
}

/// Converts the failure of an incomplete body.
pub(crate) fn broken(error: reqwest::Error) -> Error {
    let message = format!("the answer is incomplete: {}", reason(&error));
    Error::new(ErrorKind::Connection, message).caused_by(error.without_url())
}

/// Converts an error that came through or from a layer.
pub(crate) fn foreign(error: impl Into<BoxError>) -> Error {
    match error.into().downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => {
            Error::new(ErrorKind::Connection, "a layer of the client failed").caused_by(error)
        }
    }
}

/// Returns whether TLS refused the peer.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(<dyn std::error::Error>::is::<rustls::Error>)
}

/// Returns the message of the root cause.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    use std::io::ErrorKind as Io;
    for cause in causes(error) {
        if let Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(inner))) =
            cause.downcast_ref::<rustls::Error>()
        {
            return inner.0.to_string(); // A pin mismatch is more specific than the errors around it.
        }
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        match io {
            Some(Io::ConnectionRefused) => return "connection refused".to_owned(),
            Some(Io::TimedOut) => return "timed out".to_owned(),
            _ if cause.to_string() == "dns error" => return "name not resolved".to_owned(),
            _ => {}
        }
    }
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}
