//! The health of the controller, and the status app.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::StatusCode;
use serde::Serialize;

use crate::api::answer::{Answer, Reply};
use crate::api::auth::{basic, query_key};
use crate::api::call::Call;
use crate::life::Engine;
use crate::store::{HEALTHY, Health, UNHEALTHY, VERSION};
use crate::wire::Request;

/// Returns JSON in the format of the status handlers: indented, with a line end.
fn pretty(status: StatusCode, body: &impl Serialize) -> Answer {
    let text = serde_json::to_string_pretty(body).unwrap_or_default();
    Answer::full(status, "application/json", format!("{text}\n"))
}

/// The services that the status app checks. Optional services come last.
pub(crate) const SERVICES: [&str; 13] = [
    "blobstore",
    "controller",
    "controller-scheduler",
    "controller-worker",
    "discoverd",
    "flannel",
    "gitreceive",
    "logaggregator",
    "postgres",
    "router",
    "mariadb",
    "mongodb",
    "tarreceive",
];

/// The number of [`SERVICES`] that a healthy cluster needs.
const NEEDED: usize = 10;

#[derive(Serialize)]
struct Document<T> {
    data: T,
}

#[derive(Serialize)]
struct Cluster {
    status: &'static str,
    detail: BTreeMap<&'static str, Health>,
    version: &'static str,
}

/// Returns whether the status app trusts the address without a key.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_documentation()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.octets().first() == Some(&0xfd),
    }
}

/// `GET /.well-known/status` of the controller
#[allow(clippy::unnecessary_wraps, reason = "a handler")]
pub(crate) fn get(_: &mut Engine, _: &Call<'_>) -> Reply {
    Ok(pretty(StatusCode::OK, &Document { data: Health::new(true) }))
}

/// Any request to the status app.
pub(crate) fn status_app(engine: &Engine, request: &Request) -> Answer {
    let key = engine.tables.env("status", "web", "AUTH_KEY").unwrap_or_default();
    let (_, password) = basic(request).unwrap_or_default();
    let given = if password.is_empty() { query_key(request) } else { password };
    let trusted = match request.header_text("x-forwarded-for").rsplit(", ").next() {
        None | Some("") => is_private(request.peer),
        Some(last) => last.parse().is_ok_and(is_private),
    };
    if !trusted && (key.is_empty() || given != key) {
        return Answer::empty(StatusCode::UNAUTHORIZED);
    }
    let health =
        |name: &str| engine.services.get(name).cloned().unwrap_or_else(|| Health::new(true));
    let detail = SERVICES.iter().map(|name| (*name, health(name))).collect();
    let all = SERVICES.iter().take(NEEDED).all(|name| health(name).status == HEALTHY);
    let (status, code) = if all {
        (HEALTHY, StatusCode::OK)
    } else {
        (UNHEALTHY, StatusCode::INTERNAL_SERVER_ERROR)
    };
    pretty(code, &Document { data: Cluster { status, detail, version: VERSION } })
}
