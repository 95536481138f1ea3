//! Calls the APIs of providers that run on this machine, as the controller does.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::life::Provision;
use crate::life::outside::OwnedCall;

/// The timeout of a provider, in real time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The maximum size of a provider's answer.
const LONGEST: usize = 1 << 20;

/// Returns the URL of a provider that runs on this machine.
pub(super) fn loopback(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    (here && uri.scheme_str() == Some("http")).then_some(uri)
}

/// Asks a provider. Returns `None` if it cannot be reached, refuses or answers something else.
pub(super) async fn ask(uri: Uri, order: OwnedCall) -> Option<Provision> {
    tokio::time::timeout(PATIENCE, call(uri, order)).await.ok()?
}

#[derive(Deserialize)]
struct Resource {
    id: String,
    #[serde(default)]
    env: std::collections::BTreeMap<String, String>,
}

async fn call(uri: Uri, order: OwnedCall) -> Option<Provision> {
    let authority = uri.authority()?.clone();
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let (method, target, body) = match order {
        OwnedCall::Provision(config) => (Method::POST, path.to_owned(), config.to_string()),
        OwnedCall::Deprovision(id) => {
            let id = utf8_percent_encode(&id, NON_ALPHANUMERIC);
            (Method::DELETE, format!("{path}?id={id}"), String::new())
        }
    };
    let provisions = method == Method::POST;
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .ok()?;
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.ok()?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let exchange = async move {
        let response = sender.send_request(request).await.ok()?;
        let ok = response.status() == StatusCode::OK;
        let body = Limited::new(response.into_body(), LONGEST).collect().await.ok()?;
        ok.then(|| body.to_bytes())
    };
    let (_, body) = tokio::join!(connection, exchange);
    let body = body?;
    if !provisions {
        return Some(Provision::default());
    }
    let made: Resource = serde_json::from_slice(&body).ok()?;
    Some(Provision { external_id: made.id, env: made.env })
}
