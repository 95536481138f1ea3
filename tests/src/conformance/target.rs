//! The controller that the suite runs against.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use flynn_mock::MockController;
use flynn_tls::{ClientTls, Pin};
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::Value;

/// The longest real time of a call.
const PATIENCE: Duration = Duration::from_secs(120);

/// The settings for reaching a controller.
#[derive(Default)]
pub struct Address {
    /// The controller's URL.
    pub url: String,
    /// The key.
    pub key: String,
    /// The pin of a certificate that no public CA has signed.
    pub pin: Option<Pin>,
    /// The address of the name in the URL, if the system does not resolve it.
    pub connect_to: Option<SocketAddr>,
}

/// A controller and the client that calls it. Its `Debug` does not show the key.
#[derive(Clone)]
pub struct Target {
    url: String,
    key: String,
    http: reqwest::Client,
}

/// An answer of a controller.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body; for a stream, the part that was read.
    pub body: Bytes,
}

impl Answer {
    /// Returns the body as JSON, or `Null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Target {
    /// Prepares a client for a controller. Without a pin, the certificate of an `https` URL is checked
    /// against the public CAs.
    ///
    /// # Errors
    /// Fails if the address is not valid.
    pub fn new(address: Address) -> Result<Self, String> {
        let url: reqwest::Url =
            address.url.parse().map_err(|e| format!("{:?} is not a URL: {e}", address.url))?;
        let host = url.host_str().ok_or_else(|| format!("{url} does not name a host"))?;
        let tls = address.pin.map_or_else(ClientTls::webpki, ClientTls::pinned);
        let tls = tls.config().map_err(|e| e.to_string())?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE);
        if let Some(connect_to) = address.connect_to {
            http = http.resolve(host, connect_to);
        }
        Ok(Self {
            url: address.url.trim_end_matches('/').to_owned(),
            key: address.key,
            http: http.build().map_err(|e| e.to_string())?,
        })
    }

    /// Prepares a client for a mock.
    ///
    /// # Errors
    /// Fails if the mock's address is not valid.
    pub fn of(mock: &MockController) -> Result<Self, String> {
        let url = mock.url();
        Self::new(Address {
            pin: url.starts_with("https").then(|| mock.pin()),
            url,
            key: mock.key().to_owned(),
            connect_to: Some(mock.addr()),
        })
    }

    /// Returns the controller that the environment names, or `None` if `FLYNN_TEST_CONTROLLER_URL` is not set.
    ///
    /// `FLYNN_TEST_CONTROLLER_KEY` is its key, `_PIN` the pin of its certificate, and `_ADDRESS` the IP address and
    /// port that the name in the URL leads to. The last two are optional.
    ///
    /// # Errors
    /// Fails if a variable is missing or not valid, and names it.
    pub fn from_env() -> Result<Option<Self>, String> {
        let variable = |name: &str| std::env::var(format!("FLYNN_TEST_CONTROLLER_{name}")).ok();
        let Some(url) = variable("URL") else { return Ok(None) };
        let key = variable("KEY").ok_or("FLYNN_TEST_CONTROLLER_KEY is not set")?;
        let connect_to = variable("ADDRESS").map(|address| {
            let wrong = |e| format!("FLYNN_TEST_CONTROLLER_ADDRESS is not IP:PORT: {e}");
            address.parse().map_err(wrong)
        });
        let pin = variable("PIN").map(|pin| {
            pin.parse().map_err(|e| format!("FLYNN_TEST_CONTROLLER_PIN is not a pin: {e}"))
        });
        let (pin, connect_to) = (pin.transpose()?, connect_to.transpose()?);
        Self::new(Address { url, key, pin, connect_to }).map(Some)
    }

    /// Returns the URL of the controller.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a target for the same controller with another key.
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { key: key.into(), ..self.clone() }
    }

    /// Makes a call. The body is JSON.
    ///
    /// # Errors
    /// Fails if there is no answer.
    pub async fn call(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let what = format!("{method} {target}");
        let request = self.request(method, target).header("accept", "application/json");
        let request = request.header("content-type", "application/json");
        let request = request.body(body.map(Value::to_string).unwrap_or_default());
        read(request, |_| false).await.map_err(|e| format!("{what}: {e}"))
    }

    /// Reads a stream of events until `enough` accepts the text so far.
    ///
    /// # Errors
    /// Fails if there is no answer.
    pub async fn stream(
        &self,
        target: &str,
        last_event_id: Option<u64>,
        enough: impl Fn(&str) -> bool,
    ) -> Result<Answer, String> {
        let mut request = self.request(Method::GET, target).header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let enough = |body: &[u8]| std::str::from_utf8(body).is_ok_and(&enough);
        read(request, enough).await.map_err(|e| format!("GET {target}: {e}"))
    }

    fn request(&self, method: Method, target: &str) -> RequestBuilder {
        let url = format!("{}{target}", self.url);
        self.http.request(method, url).basic_auth("", Some(&self.key))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("url", &self.url).finish_non_exhaustive()
    }
}

async fn read(
    request: RequestBuilder,
    enough: impl Fn(&[u8]) -> bool,
) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while !enough(&body)
        && let Some(part) = response.chunk().await?
    {
        body.extend_from_slice(&part);
    }
    Ok(Answer { status: response.status(), body: body.into() })
}
