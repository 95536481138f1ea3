//! The controller that a suite is run against.
#![allow(clippy::panic, reason = "a test's tool fails on the test's line")]

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use flynn_tls::{ClientTls, Pin};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::MockController;

/// A controller, its key and how to reach it. Its `Debug` does not show the key.
#[derive(Clone)]
pub struct Target {
    url: String,
    key: String,
    tls: Option<Arc<rustls::ClientConfig>>,
    address: Option<SocketAddr>,
}

/// What a controller answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: all of it, of a stream the part that was waited for.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Target {
    /// A controller at this URL. Without [`rustls_config`](Self::rustls_config) an https URL is
    /// checked against the public CAs.
    pub fn new(url: impl Into<String>, key: impl Into<String>) -> Self {
        Self { url: url.into(), key: key.into(), tls: None, address: None }
    }

    /// The TLS configuration, such as one with a pin.
    pub fn rustls_config(mut self, config: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        self.tls = Some(config.into());
        self
    }

    /// Connects here instead of where the URL's name resolves to.
    pub fn resolve(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// A mock.
    ///
    /// # Panics
    /// As [`MockController::pin`].
    #[track_caller]
    pub fn of(mock: &MockController) -> Self {
        let target = Self::new(mock.url(), mock.key()).resolve(mock.addr());
        if !mock.url().starts_with("https") {
            return target;
        }
        match ClientTls::pinned(mock.pin()).config() {
            Ok(tls) => target.rustls_config(tls),
            Err(e) => panic!("no TLS for the mock: {e}"),
        }
    }

    /// The controller named by `FLYNN_TEST_CONTROLLER_URL` and `FLYNN_TEST_CONTROLLER_KEY`;
    /// `FLYNN_TEST_CONTROLLER_PIN` pins its certificate. `None` when there is none.
    ///
    /// # Errors
    /// Fails if the key is missing or the pin is none.
    pub fn from_env() -> Option<Result<Self, String>> {
        let variable = |name: &str| std::env::var(format!("FLYNN_TEST_CONTROLLER_{name}")).ok();
        let url = variable("URL")?;
        let Some(key) = variable("KEY") else {
            return Some(Err("FLYNN_TEST_CONTROLLER_KEY is not set".to_owned()));
        };
        let target = Self::new(url, key);
        let Some(pin) = variable("PIN") else { return Some(Ok(target)) };
        let config = pin.parse::<Pin>().and_then(|pin| ClientTls::pinned(pin).config());
        Some(match config {
            Ok(tls) => Ok(target.rustls_config(tls)),
            Err(e) => Err(format!("FLYNN_TEST_CONTROLLER_PIN: {e}")),
        })
    }

    /// One call with the key; a body is JSON.
    ///
    /// # Errors
    /// Fails if there is no answer.
    pub async fn call(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let request = self.request(method, target, body)?;
        self.exchange(request, |_| false).await
    }

    /// Reads an event stream until `enough` holds of what has come.
    ///
    /// # Errors
    /// Fails if there is no answer.
    pub async fn stream(
        &self,
        target: &str,
        last_event_id: Option<u64>,
        enough: impl Fn(&str) -> bool,
    ) -> Result<Answer, String> {
        let mut request = self.request(Method::GET, target, None)?;
        let headers = request.headers_mut();
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last_event_id {
            headers.insert("last-event-id", id.into());
        }
        self.exchange(request, |body| std::str::from_utf8(body).is_ok_and(&enough)).await
    }

    /// The same controller with another key.
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { key: key.into(), ..self.clone() }
    }

    fn request(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, String> {
        let credentials =
            base64::engine::general_purpose::STANDARD.encode(format!(":{}", self.key));
        let uri: Uri = self.url.parse().map_err(|e| format!("{}: {e}", self.url))?;
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        Request::builder()
            .method(method)
            .uri(target)
            .header("host", host)
            .header("authorization", format!("Basic {credentials}"))
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .body(Full::from(body.map(Value::to_string).unwrap_or_default()))
            .map_err(|e| e.to_string())
    }

    /// Sends a request on a connection of its own.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<Answer, String> {
        let what = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let (socket, tls) = self.connect().await?;
            match tls {
                None => exchange(socket, request, enough).await,
                Some((connector, name)) => {
                    let stream = connector.connect(name, socket).await?;
                    exchange(stream, request, enough).await
                }
            }
        };
        exchange.await.map_err(|e| format!("{what}: {e}"))
    }

    async fn connect(
        &self,
    ) -> io::Result<(TcpStream, Option<(TlsConnector, ServerName<'static>)>)> {
        let uri: Uri = self.url.parse().map_err(io::Error::other)?;
        let https = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        let socket = match self.address {
            Some(address) => TcpStream::connect(address).await?,
            None => TcpStream::connect((host.as_str(), port)).await?,
        };
        if !https {
            return Ok((socket, None));
        }
        let config = match &self.tls {
            Some(config) => Arc::clone(config),
            None => Arc::new(ClientTls::webpki().config().map_err(io::Error::other)?),
        };
        let mut config = rustls::ClientConfig::clone(&config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        Ok((socket, Some((TlsConnector::from(Arc::new(config)), name))))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("url", &self.url).finish_non_exhaustive()
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    enough: impl Fn(&[u8]) -> bool,
) -> io::Result<Answer> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let (parts, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        while !enough(&body)
            && let Some(frame) = incoming.frame().await
        {
            let frame = frame.map_err(io::Error::other)?;
            body.extend_from_slice(frame.data_ref().map_or(&[][..], |bytes| bytes));
        }
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.into() })
    };
    // The answer needs the connection's work; when it is there, the connection is dropped.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        done = &mut answer => done,
        _ = connection => answer.await,
    }
}
