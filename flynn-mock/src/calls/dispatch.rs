//! Answers requests: finds the host's app, checks the key and calls the handler.

use http::{Method, StatusCode};

use super::{find, unknown};
use crate::api::answer::{Answer, refuse};
use crate::api::auth::{self, Caller};
use crate::api::status;
use crate::life::Engine;
use crate::life::outside::{Given, Question};
use crate::wire::{Fail, Request};

/// Answers a request at the current time of the clock. Asks programs and providers if necessary.
pub(crate) fn handle(engine: &mut Engine, request: &Request) -> Answer {
    let mut given = Vec::new();
    loop {
        match attempt(engine, request, &mut given) {
            Ok(answer) => return answer,
            Err(question) => given.push(question.answer()),
        }
    }
}

/// Answers a request at the current time of the clock, with the external answers so far.
///
/// # Errors
/// Returns the external answer that it needs. Nothing has changed.
pub(crate) fn attempt(
    engine: &mut Engine,
    request: &Request,
    given: &mut Vec<Given>,
) -> Result<Answer, Question> {
    engine.given = std::mem::take(given);
    engine.asked = 0;
    engine.given_time = None;
    let mut answer = dispatch(engine, request);
    *given = std::mem::take(&mut engine.given);
    if let Some(question) = engine.question.take() {
        return Err(question);
    }
    auth::allow_origin(engine.dialect, request, &mut answer);
    engine.settle_at_once();
    Ok(answer)
}

/// Passes a request to the app of the host's route.
fn dispatch(engine: &mut Engine, request: &Request) -> Answer {
    let service = match engine.tables.route_for(&request.host, &request.path) {
        Some(route) => route.service.as_str(),
        // An address, or a name without a domain, is the controller's.
        None if is_bare(&request.host) => "controller",
        None => return Answer::full(StatusCode::NOT_FOUND, TEXT, "Not Found\n"),
    };
    match service {
        "controller" => controller(engine, request),
        "status-web" => status::status_app(engine, request),
        _ => Answer::full(StatusCode::SERVICE_UNAVAILABLE, TEXT, "Service Unavailable\n"),
    }
}

/// Handles a request to the controller.
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
    let caller = match auth::caller(engine, request) {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    match find(dialect.age, request, caller) {
        Some((handler, call)) => handler(engine, &call).unwrap_or_else(refuse),
        None => unknown::not_found(dialect.age, request),
    }
}

/// Returns the body of a `GET` of the controller with the cluster's key, parsed; `None` unless the status is 200.
pub(crate) fn read(engine: &mut Engine, target: &str) -> Option<serde_json::Value> {
    let json = ::http::HeaderValue::from_static("application/json");
    let request = Request::new(Method::GET, target).header(::http::header::ACCEPT, json);
    let (handler, call) = find(engine.dialect.age, &request, Caller::with_key())?;
    let answer = handler(engine, &call).ok()?;
    serde_json::from_slice(answer.bytes()).ok()
}

const TEXT: &str = "text/plain; charset=utf-8";

/// Returns whether a host is an address or a name without a domain.
fn is_bare(host: &str) -> bool {
    !host.contains('.') || host.parse::<std::net::IpAddr>().is_ok()
}
