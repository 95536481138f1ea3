//! Calls about faults.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::calls::{Call, Refusal, Reply, no_content, ok};
use super::server::Shared;
use crate::controller::no_such;
use crate::server::fault::SetFault;
use crate::{Fault, Op};

/// A fault to set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    /// The operation, such as `AppList`; any operation if it is missing.
    op: Option<String>,
    /// The path; any path if it is missing.
    path: Option<String>,
    /// The number of requests that it hits.
    times: Option<usize>,
    /// True if it stays until it is lifted.
    #[serde(default)]
    until_lifted: bool,
    /// The number of requests that it spares first.
    #[serde(default)]
    skip: usize,
    /// A delay before the fault, on the mock's clock.
    #[serde(default)]
    delay_ms: u64,
    fault: Kind,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
    Status { status: u16, retry: Option<bool>, retry_after: Option<u64> },
    Answer { status: u16, body: Value, retry_after: Option<u64> },
    Delay {},
    DropBefore {},
    DropAfter {},
    CutBody { after: usize },
    MalformedJson {},
    SilentStream {},
    ErrorFrame { text: String },
}

impl Kind {
    fn fault(self) -> Result<Fault, Refusal> {
        let with_retry_after = |fault: Fault, seconds: Option<u64>| match seconds {
            Some(seconds) => fault.retry_after(seconds),
            None => fault,
        };
        Ok(match self {
            Self::Status { status, retry, retry_after } => {
                let fault = with_retry_after(Fault::status(valid(status)?), retry_after);
                match retry {
                    None => fault,
                    Some(_) if !fault.has_error_body() => {
                        let why = format!("the answer of status {status} has no body for `retry`");
                        return Err(Refusal::bad_request(why));
                    }
                    Some(retry) => fault.retry(retry),
                }
            }
            Self::Answer { status, body, retry_after } => {
                let body = match body {
                    Value::String(text) => text,
                    json => json.to_string(),
                };
                with_retry_after(Fault::answer(valid(status)?, body), retry_after)
            }
            Self::Delay {} => Fault::delay(std::time::Duration::ZERO),
            Self::DropBefore {} => Fault::drop_before(),
            Self::DropAfter {} => Fault::drop_after(),
            Self::CutBody { after } => Fault::cut_body(after),
            Self::MalformedJson {} => Fault::malformed_json(),
            Self::SilentStream {} => Fault::silent_stream(),
            Self::ErrorFrame { text } => Fault::error_frame(text),
        })
    }
}

fn valid(status: u16) -> Result<u16, Refusal> {
    match StatusCode::from_u16(status) {
        // An informational status is not an answer.
        Ok(code) if !code.is_informational() => Ok(status),
        _ => Err(Refusal::bad_request(format!("{status} is not a status of an answer"))),
    }
}

pub(super) fn op_of(name: &str) -> Result<Op, Refusal> {
    let known = || Op::all().map(|(op, ..)| op.name());
    Op::from_name(name).ok_or_else(|| Refusal::bad_request(no_such("operation", name, known())))
}

pub(super) fn set(shared: &Shared, call: &Call) -> Reply {
    let new: NewFault = call.json()?;
    let op = new.op.as_deref().map_or(Ok(Op::Any), op_of)?;
    if new.until_lifted && new.times.is_some() {
        return Err(Refusal::bad_request("a fault has `times` or `until_lifted`, not both"));
    }
    if matches!(new.fault, Kind::ErrorFrame { .. }) && !op.streams() {
        let why = format!("{} has no stream that could end with an error frame", op.name());
        return Err(Refusal::bad_request(why));
    }
    let delay = std::time::Duration::from_millis(new.delay_ms);
    let fault = new.fault.fault()?.after(delay);
    let times = if new.until_lifted { None } else { Some(new.times.unwrap_or(1)) };
    let id = shared.mock.hub().with(|inner| inner.faults.set(op, fault, new.path, times, new.skip));
    Ok((StatusCode::CREATED, json!({ "id": id })))
}

pub(super) fn list(shared: &Shared, _: &Call) -> Reply {
    let faults: Vec<_> =
        shared.mock.hub().with(|inner| inner.faults.iter().map(document).collect());
    ok(json!({ "faults": faults }))
}

pub(super) fn get(shared: &Shared, call: &Call) -> Reply {
    let id = id_of(call)?;
    let fault = shared.mock.hub().with(|inner| inner.faults.find(id).map(|fault| document(fault)));
    fault.map_or_else(|| Err(unknown(id)), ok)
}

pub(super) fn lift(shared: &Shared, call: &Call) -> Reply {
    let id = id_of(call)?;
    let lifted = shared.mock.hub().with(|inner| inner.faults.remove(id));
    if lifted { no_content() } else { Err(unknown(id)) }
}

pub(super) fn lift_all(shared: &Shared, _: &Call) -> Reply {
    shared.mock.lift_faults();
    no_content()
}

fn id_of(call: &Call) -> Result<u64, Refusal> {
    let text = call.param(0);
    text.parse().map_err(|_| Refusal::not_found(format!("there is no fault {text:?}")))
}

fn unknown(id: u64) -> Refusal {
    Refusal::not_found(format!("there is no fault {id}"))
}

fn document(fault: &SetFault) -> Value {
    json!({
        "id": fault.id,
        "op": fault.op.name(),
        "path": fault.path,
        "fault": fault.fault.describe(),
        "hits": fault.hits,
        "left": fault.left,
        "skip": fault.skip,
    })
}
