//! From a request to its answer: the host's app, the key, the handler.

use http::{Method, StatusCode};

use super::{find, unknown};
use crate::api::answer::{Answer, refuse};
use crate::api::auth::{self, Access};
use crate::api::status;
use crate::life::Engine;
use crate::wire::{Fail, Request};

/// Answers a request at the present time of the clock.
pub(crate) fn handle(engine: &mut Engine, request: &Request) -> Answer {
    let mut answer = dispatch(engine, request);
    auth::allow_origin(engine.dialect, request, &mut answer);
    engine.settle_at_once();
    answer
}

/// Finds the app that the host's route leads to.
fn dispatch(engine: &mut Engine, request: &Request) -> Answer {
    let service = match engine.tables.route_for(&request.host, &request.path) {
        Some(route) => route.service.as_str(),
        // An address, or a name without a domain, is the controller's own.
        None if is_bare(&request.host) => "controller",
        None => return Answer::full(StatusCode::NOT_FOUND, TEXT, "Not Found\n"),
    };
    match service {
        "controller" => controller(engine, request),
        "status-web" => status::status_app(engine, request),
        _ => Answer::full(StatusCode::SERVICE_UNAVAILABLE, TEXT, "Service Unavailable\n"),
    }
}

/// A request to the controller.
fn controller(engine: &mut Engine, request: &Request) -> Answer {
    let dialect = engine.dialect;
    if let Some(answer) = unknown::malformed(dialect.malformed_type, request) {
        return answer;
    }
    if let Some(answer) = auth::preflight(dialect, request) {
        return answer;
    }
    if engine.shutting_down {
        return refuse(Fail::Error {
            code: "service_unavailable",
            message: "controller: shutting down".to_owned(),
            detail: None,
            retry: true,
        });
    }
    if request.path == "/ping" {
        return Answer::empty(StatusCode::OK);
    }
    match auth::access(engine, request) {
        Access::Granted => {}
        Access::Unauthorized => return Answer::empty(StatusCode::UNAUTHORIZED),
        Access::Forbidden => return refuse(Fail::new("forbidden", FORBIDDEN)),
    }
    match find(dialect.age, request) {
        Some((handler, call)) => handler(engine, &call).unwrap_or_else(refuse),
        None => unknown::not_found(dialect.age, request),
    }
}

/// The body of a `GET` of the controller with the cluster's key, parsed; `None` unless it is
/// 200.
pub(crate) fn read(engine: &mut Engine, target: &str) -> Option<serde_json::Value> {
    let json = ::http::HeaderValue::from_static("application/json");
    let request = Request::new(Method::GET, target).header(::http::header::ACCEPT, json);
    let (handler, call) = find(engine.dialect.age, &request)?;
    let answer = handler(engine, &call).ok()?;
    serde_json::from_slice(answer.bytes()).ok()
}

const FORBIDDEN: &str =
    "this credential is not allowed to perform this operation on the controller";

const TEXT: &str = "text/plain; charset=utf-8";

/// Whether a host is an address or a name without a domain.
fn is_bare(host: &str) -> bool {
    !host.contains('.') || host.parse::<std::net::IpAddr>().is_ok()
}
