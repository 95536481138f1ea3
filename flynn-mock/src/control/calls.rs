//! The table of calls and their common parts.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::server::Shared;
use super::{faults, fork, lifecycle, requests, snapshots, state};

/// One call: its path parameters, its query and its body.
pub(super) struct Call {
    pub(super) params: Vec<String>,
    query: Vec<(String, String)>,
    body: Bytes,
    pub(super) is_requests: bool,
}

/// The reason why a call fails.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
    /// The allowed methods of the path.
    pub(super) allow: Option<String>,
}

pub(super) type Reply = Result<(StatusCode, Value), Refusal>;
pub(super) type Handler = fn(&Shared, &Call) -> Reply;

/// All calls that need the token. `{name}` is a segment, `{path...}` the rest of the path.
pub(super) const CALLS: &[(Method, &str, Handler)] = &[
    (Method::GET, "/cluster", state::cluster),
    (Method::PUT, "/cluster/services/{service}", state::set_service),
    (Method::PUT, "/cluster/hosts/{host}", fork::set_host),
    (Method::POST, "/tokens", fork::issue_token),
    (Method::PUT, "/certificates/{name}", fork::answer_order),
    (Method::GET, "/faults", faults::list),
    (Method::POST, "/faults", faults::set),
    (Method::DELETE, "/faults", faults::lift_all),
    (Method::GET, "/faults/{id}", faults::get),
    (Method::DELETE, "/faults/{id}", faults::lift),
    (Method::GET, "/clock", lifecycle::clock),
    (Method::PUT, "/clock/pace", lifecycle::set_pace),
    (Method::POST, "/clock/advance", lifecycle::advance),
    (Method::POST, "/clock/step", lifecycle::step),
    (Method::POST, "/clock/run-to-end", lifecycle::run_to_end),
    (Method::GET, "/requests", requests::list),
    (Method::DELETE, "/requests", requests::clear),
    (Method::GET, "/state/{path...}", state::get),
    (Method::POST, "/seed", state::seed),
    (Method::POST, "/apps/{app}/log", state::log),
    (Method::POST, "/streams/end", lifecycle::end_streams),
    (Method::POST, "/shut-down", lifecycle::shut_down),
    (Method::POST, "/restart", lifecycle::restart),
    (Method::GET, "/snapshots", snapshots::list),
    (Method::PUT, "/snapshots/{name}", snapshots::take),
    (Method::DELETE, "/snapshots/{name}", snapshots::remove),
    (Method::POST, "/snapshots/{name}/restore", snapshots::restore),
    (Method::POST, "/reset", snapshots::reset),
];

impl Call {
    /// Finds the handler of a request.
    pub(super) fn find(parts: &Parts, body: Bytes) -> Result<(Handler, Self), Refusal> {
        let path = parts.uri.path();
        let mut methods = Vec::new();
        for (method, template, handler) in CALLS {
            let Some(params) = matched(template, path) else { continue };
            if *method != parts.method {
                methods.push(method.as_str());
                continue;
            }
            let query = parts.uri.query().unwrap_or_default();
            let is_requests = *template == "/requests" && *method == Method::GET;
            let query = pairs(query);
            return Ok((*handler, Self { params, query, body, is_requests }));
        }
        Err(if methods.is_empty() {
            Refusal::new(StatusCode::NOT_FOUND, format!("the control API has no {path}"))
        } else {
            let message = format!("{path} does not take {}", parts.method);
            Refusal {
                allow: Some(methods.join(", ")),
                ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message)
            }
        })
    }

    /// Returns a path parameter.
    pub(super) fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// Decodes the body. An empty body is `{}`.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        serde_json::from_slice(body).map_err(|e| {
            Refusal::new(StatusCode::BAD_REQUEST, format!("the body is not valid: {e}"))
        })
    }

    /// Decodes the query. Values that are JSON numbers and booleans are decoded as such.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let scalar = |text: &str| match serde_json::from_str(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
            _ => Value::String(text.to_owned()),
        };
        let fields = self.query.iter().map(|(name, value)| (name.clone(), scalar(value)));
        serde_json::from_value(Value::Object(fields.collect())).map_err(|e| {
            Refusal::new(StatusCode::BAD_REQUEST, format!("the query is not valid: {e}"))
        })
    }

    /// Returns the query as it was sent, with its `?`.
    pub(super) fn query_text(&self) -> String {
        let encoded = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let pairs = self.query.iter();
        let pairs: Vec<_> =
            pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), allow: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "handlers end with it")]
pub(super) fn ok(value: Value) -> Reply {
    Ok((StatusCode::OK, value))
}

#[expect(clippy::unnecessary_wraps, reason = "handlers end with it")]
pub(super) fn no_content() -> Reply {
    Ok((StatusCode::NO_CONTENT, Value::Null))
}

/// Returns the parameters of a path, if the template matches it.
fn matched(template: &str, path: &str) -> Option<Vec<String>> {
    let mut params = Vec::new();
    let mut rest = path.strip_prefix('/')?;
    let mut segments = template.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.ends_with("...}") {
            params.push(rest.to_owned());
            return Some(params);
        }
        let (value, after) = match (rest.split_once('/'), segments.peek()) {
            (Some((value, after)), Some(_)) => (value, after),
            (None, None) => (rest, ""),
            _ => return None,
        };
        if segment.starts_with('{') {
            if value.is_empty() {
                return None;
            }
            params.push(decoded(value));
        } else if segment != value {
            return None;
        }
        rest = after;
    }
    Some(params)
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    split.map(|(name, value)| (decoded(name), decoded(&value.replace('+', " ")))).collect()
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Op;

    /// The `OpenAPI` document and the table list the same calls.
    #[test]
    fn the_document_has_every_call() {
        let document: Value = serde_json::from_str(super::super::OPENAPI).unwrap();
        let mut documented = BTreeSet::new();
        for (path, calls) in document["paths"].as_object().unwrap() {
            for (method, call) in calls.as_object().unwrap() {
                if method == "parameters" {
                    continue;
                }
                let open = call["security"].as_array().is_some_and(Vec::is_empty);
                documented.insert((method.to_uppercase(), path.clone(), open));
                let name = call["operationId"].as_str();
                assert!(name.is_some() && call["summary"].is_string(), "{method} {path}");
            }
        }
        let of_table = CALLS
            .iter()
            .map(|(method, path, _)| (method.to_string(), path.replace("...", ""), false));
        let open = ["/health", "/openapi.json"].map(|path| ("GET".into(), path.into(), true));
        assert_eq!(documented, of_table.chain(open).collect());
    }

    #[test]
    fn the_document_has_every_operation() {
        let document: Value = serde_json::from_str(super::super::OPENAPI).unwrap();
        let documented = &document["components"]["schemas"]["Op"]["enum"];
        let ops = Op::all().map(|(op, ..)| op);
        let names: Vec<_> = std::iter::once(Op::Any).chain(ops).map(Op::name).collect();
        assert_eq!(documented, &Value::from(names));
    }

    #[test]
    fn templates_match_whole_paths() {
        for (template, path, params) in [
            ("/faults", "/faults", Some(vec![])),
            ("/faults", "/faults/", None),
            ("/faults/{id}", "/faults/7", Some(vec!["7"])),
            ("/faults/{id}", "/faults/", None),
            ("/faults/{id}", "/faults/7/8", None),
            ("/snapshots/{name}/restore", "/snapshots/a%20b/restore", Some(vec!["a b"])),
            ("/state/{path...}", "/state/apps/www", Some(vec!["apps/www"])),
            ("/state/{path...}", "/state", None),
        ] {
            let params = params.map(|params| params.into_iter().map(str::to_owned).collect());
            assert_eq!(matched(template, path), params, "{template} {path}");
        }
    }
}
