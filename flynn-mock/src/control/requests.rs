//! Calls about recorded requests.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::calls::{Call, Refusal, Reply, no_content, ok};
use super::faults::op_of;
use super::server::Shared;
use crate::{Op, RecordedRequest};

/// The default time that a call waits for requests.
const WAIT_MS: u64 = 5000;

/// The filters of a list, and the condition to wait for.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    op: Option<String>,
    method: Option<String>,
    path: Option<String>,
    path_prefix: Option<String>,
    host: Option<String>,
    /// Selects requests with a larger number.
    after: Option<u64>,
    /// Selects the newest requests, at most this many.
    limit: Option<usize>,
    /// Waits until this many requests have arrived.
    min: Option<usize>,
    timeout_ms: Option<u64>,
}

impl Filter {
    fn of(call: &Call) -> Result<(Self, Option<Op>), Refusal> {
        let filter: Self = call.query()?;
        let op = filter.op.as_deref().map(op_of).transpose()?;
        Ok((filter, op))
    }

    fn keeps(&self, op: Option<Op>, request: &RecordedRequest) -> bool {
        let is = |wanted: &Option<String>, given: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == given)
        };
        op.is_none_or(|op| op == Op::Any || request.op() == Some(op))
            && is(&self.path, &request.path)
            && is(&self.host, &request.host)
            && self.path_prefix.as_ref().is_none_or(|prefix| request.path.starts_with(prefix))
            && self
                .method
                .as_ref()
                .is_none_or(|method| request.method.as_str().eq_ignore_ascii_case(method))
    }

    fn matching(&self, op: Option<Op>, shared: &Shared) -> (Vec<Arc<RecordedRequest>>, u64) {
        let after = self.after.unwrap_or(0);
        shared.mock.hub().with(|inner| {
            let requests = inner.recorder.after(after);
            let kept = requests.filter(|request| self.keeps(op, request));
            (kept.cloned().collect(), inner.recorder.forgotten())
        })
    }
}

/// Waits until the requests that a list asks for have arrived.
pub(super) async fn wait(shared: &Shared, call: &Call) -> Result<(), Refusal> {
    if !call.is_requests {
        return Ok(());
    }
    let (filter, op) = Filter::of(call)?;
    let Some(min) = filter.min else { return Ok(()) };
    let timeout = Duration::from_millis(filter.timeout_ms.unwrap_or(WAIT_MS));
    let enough = shared.mock.hub().recorded(|| filter.matching(op, shared).0.len() >= min);
    tokio::time::timeout(timeout, enough).await.map_err(|_| {
        let count = filter.matching(op, shared).0.len();
        let why = format!("timed out: {count} of {min} requests have arrived");
        Refusal::new(StatusCode::REQUEST_TIMEOUT, why)
    })
}

pub(super) fn list(shared: &Shared, call: &Call) -> Reply {
    let (filter, op) = Filter::of(call)?;
    let (requests, forgotten) = filter.matching(op, shared);
    let skip = requests.len().saturating_sub(filter.limit.unwrap_or(usize::MAX));
    let requests: Vec<_> = requests.iter().skip(skip).map(document).collect();
    ok(json!({ "requests": requests, "forgotten": forgotten }))
}

pub(super) fn clear(shared: &Shared, _: &Call) -> Reply {
    shared.mock.clear_requests();
    no_content()
}

/// The fields of a request that the API and the journal share.
pub(super) fn common(request: &RecordedRequest) -> Map<String, Value> {
    let op = request.op().map(Op::name);
    [
        ("number", request.number().into()),
        ("time", request.time.to_string().into()),
        ("op", op.into()),
        ("method", request.method.as_str().into()),
        ("host", request.host.as_str().into()),
        ("path", request.path.as_str().into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Returns a request and its answer, including secrets, so that a test can assert on them.
fn document(request: &Arc<RecordedRequest>) -> Value {
    let answer = request.answer().map(|answer| {
        json!({
            "status": answer.status.map(|status| status.as_u16()),
            "body": String::from_utf8_lossy(&answer.body),
            "json": answer.json(),
            "truncated": answer.truncated,
        })
    });
    let mut document = common(request);
    for (name, value) in [
        ("query", request.query.as_str().into()),
        ("headers", headers(&request.headers).into()),
        ("body", String::from_utf8_lossy(&request.body).into()),
        ("json", request.json()),
        ("answer", answer.into()),
    ] {
        document.insert(name.to_owned(), value);
    }
    document.into()
}

/// Returns headers in lower case. Several values of one name are joined with a comma.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let value = |name| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        Value::String(values.join(", "))
    };
    headers.keys().map(|name| (name.as_str().to_owned(), value(name))).collect()
}
