//! The server of the API.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;

use super::calls::{Call, Refusal};
use super::snapshots::Snapshots;
use crate::MockController;
use crate::server::Serving;

/// The maximum size of a call's body: 8 MiB.
const LARGEST_BODY: usize = 8 << 20;

/// A running control API. Dropping it stops the API and its mock.
///
/// See the [module](super) for the calls.
pub struct Control {
    shared: Arc<Shared>,
    addr: SocketAddr,
    _serving: Serving,
}

/// The state that the calls share.
pub(super) struct Shared {
    pub(super) mock: MockController,
    pub(super) snapshots: Snapshots,
    token: String,
}

impl Control {
    /// Serves the control API of a mock at `address`, which must be a loopback address. Port 0 selects a free port.
    ///
    /// # Errors
    /// Fails with [`InvalidInput`](io::ErrorKind::InvalidInput) if the address is not a loopback address. Otherwise
    /// returns why it cannot listen on it.
    pub fn start(mock: MockController, address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let why = format!("the control API needs a loopback address, not {address}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let snapshots = Snapshots::new(&mock);
        let shared = Arc::new(Shared { mock, snapshots, token: new_token()? });
        let (serving, addr) = {
            let shared = Arc::clone(&shared);
            Serving::start(address, move |socket, _, _| serve(socket, Arc::clone(&shared)))?
        };
        Ok(Self { shared, addr, _serving: serving })
    }

    /// Returns the address of the API.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the URL of the API.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Returns the token that each call needs.
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Returns the mock.
    pub fn mock(&self) -> &MockController {
        &self.shared.mock
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// Returns 256 random bits in hexadecimal.
fn new_token() -> io::Result<String> {
    use std::fmt::Write as _;
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system has no random numbers"))?;
    Ok(bytes.iter().fold(String::new(), |mut token, byte| {
        let _ = write!(token, "{byte:02x}");
        token
    }))
}

async fn serve(socket: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(request, shared).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(socket), service)
        .await
        .map_err(io::Error::other)
}

async fn answer(request: hyper::Request<Incoming>, shared: Arc<Shared>) -> Response<Full<Bytes>> {
    match respond(request, shared).await {
        Ok(response) => response,
        Err(Refusal { status, message, allow }) => {
            let mut response = json_response(status, &json!({ "error": message }));
            if let Some(allow) = allow.and_then(|methods| HeaderValue::try_from(methods).ok()) {
                response.headers_mut().insert(ALLOW, allow);
            }
            response
        }
    }
}

async fn respond(
    request: hyper::Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let (parts, body) = request.into_parts();
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/health") => {
            return Ok(json_response(StatusCode::OK, &json!({ "status": "ok" })));
        }
        (&Method::GET, "/openapi.json") => {
            return Ok(full(StatusCode::OK, Bytes::from_static(super::OPENAPI.as_bytes())));
        }
        _ => {}
    }
    if !is_authorized(parts.headers.get(AUTHORIZATION), &shared.token) {
        let message =
            "send the header `Authorization: Bearer TOKEN` with the token of the ready file";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, message));
    }
    let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(|e| {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("cannot read the body: {e}"))
    })?;
    let (handler, call) = Call::find(&parts, body.to_bytes())?;
    super::requests::wait(&shared, &call).await?;
    // A handler can run programs and take long.
    let done = tokio::task::spawn_blocking(move || handler(&shared, &call)).await;
    let (status, value) = done.map_err(|_| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "a program of the mock has panicked")
    })??;
    Ok(match status {
        StatusCode::NO_CONTENT => empty(),
        status => json_response(status, &value),
    })
}

/// Compares hashes, so that the time does not reveal how much of a token is right.
fn is_authorized(header: Option<&HeaderValue>, token: &str) -> bool {
    let given = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = match given.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    };
    Sha256::digest(given) == Sha256::digest(token)
}

fn json_response(status: StatusCode, value: &serde_json::Value) -> Response<Full<Bytes>> {
    full(status, value.to_string().into())
}

fn full(status: StatusCode, json: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(json));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn empty() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
