//! Health: of the controller itself, and the status app.

use std::net::IpAddr;

use http::StatusCode;
use serde_json::{Map, Value, json as value};

use crate::api::auth::{basic, query_key};
use crate::calls::Call;
use crate::engine::{Answer, Engine, Request};
use crate::wire::Reply;

/// JSON as the status handlers write it: indented, with a line end.
fn pretty(status: StatusCode, body: &Value) -> Answer {
    let text = serde_json::to_string_pretty(body).unwrap_or_default();
    Answer::full(status, "application/json", format!("{text}\n"))
}

/// The services that the status app asks.
const SERVICES: [&str; 9] = [
    "blobstore",
    "controller",
    "controller-scheduler",
    "controller-worker",
    "discoverd",
    "flannel",
    "gitreceive",
    "logaggregator",
    "postgres",
];

impl Engine {
    /// `GET /.well-known/status` of the controller
    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "a handler")]
    pub(crate) fn controller_status(&mut self, _: &Call<'_>) -> Reply {
        let body = value!({ "data": { "status": "healthy", "version": "dev" } });
        Ok(pretty(StatusCode::OK, &body))
    }

    /// Any request to the status app.
    pub(crate) fn status_app(&self, request: &Request) -> Answer {
        let key = self.state.env("status", "web", "AUTH_KEY").unwrap_or_default();
        let (_, password) = basic(request).unwrap_or_default();
        let given = if password.is_empty() { query_key(request) } else { password };
        let forwarded = request.header_text("x-forwarded-for").rsplit(',').next().unwrap_or("");
        let peer = forwarded.trim().parse().unwrap_or(request.peer);
        if !is_private(peer) && (key.is_empty() || given != key) {
            return Answer::empty(StatusCode::UNAUTHORIZED);
        }
        let services: Vec<&str> = SERVICES.into_iter().chain(["router"]).collect();
        let healthy = |name: &str| !self.unhealthy.contains(name);
        let state = |ok: bool| if ok { "healthy" } else { "unhealthy" };
        let detail: Map<String, Value> = services
            .iter()
            .map(|name| {
                let one = value!({ "status": state(healthy(name)), "version": "dev" });
                ((*name).to_owned(), one)
            })
            .collect();
        let all = services.iter().all(|name| healthy(name));
        let body = value!({ "data": { "status": state(all), "version": "dev", "detail": detail } });
        let status = if all { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
        pretty(status, &body)
    }
}

/// Whether the status app trusts the address without a key.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses() {
        for text in ["10.1.2.3", "100.64.0.1", "192.0.2.1", "::1", "fd00::1", "127.0.0.1"] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["8.8.8.8", "100.128.0.1", "2001:db9::1"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }
}
