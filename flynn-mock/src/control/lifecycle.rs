//! Calls about the clock and the port.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::calls::{Call, Refusal, Reply, no_content, ok};
use super::server::Shared;
use crate::Pace;

pub(super) fn clock(shared: &Shared, _: &Call) -> Reply {
    let (now, driven, pace) = shared
        .mock
        .hub()
        .with(|inner| (inner.clock.now(), inner.clock.is_driven(), inner.engine.pace()));
    ok(json!({ "now": now.to_string(), "driven": driven, "pace": pace_name(pace) }))
}

fn pace_name(pace: Pace) -> &'static str {
    match pace {
        Pace::Timed => "timed",
        Pace::AtOnce => "at-once",
        Pace::ByHand => "by-hand",
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPace {
    pace: PaceName,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PaceName {
    Timed,
    AtOnce,
    ByHand,
}

pub(super) fn set_pace(shared: &Shared, call: &Call) -> Reply {
    let new: NewPace = call.json()?;
    shared.mock.set_pace(match new.pace {
        PaceName::Timed => Pace::Timed,
        PaceName::AtOnce => Pace::AtOnce,
        PaceName::ByHand => Pace::ByHand,
    });
    clock(shared, call)
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Advance {
    seconds: Option<f64>,
    to: Option<String>,
}

pub(super) fn advance(shared: &Shared, call: &Call) -> Reply {
    let new: Advance = call.json()?;
    match (new.seconds, new.to) {
        (Some(seconds), None) => {
            let by = Duration::try_from_secs_f64(seconds).map_err(|e| {
                Refusal::bad_request(format!("cannot advance by {seconds} seconds: {e}"))
            })?;
            shared.mock.advance(by);
        }
        (None, Some(to)) => {
            let to: Timestamp = to.parse().map_err(|e| {
                Refusal::bad_request(format!("{to:?} is not a time in RFC 3339: {e}"))
            })?;
            shared.mock.advance_to(to);
        }
        _ => return Err(Refusal::bad_request("give either `seconds` or `to`")),
    }
    clock(shared, call)
}

pub(super) fn step(shared: &Shared, _: &Call) -> Reply {
    let stepped = shared.mock.step();
    ok(json!({ "stepped": stepped }))
}

pub(super) fn run_to_end(shared: &Shared, call: &Call) -> Reply {
    shared.mock.run_to_end();
    clock(shared, call)
}

pub(super) fn end_streams(shared: &Shared, _: &Call) -> Reply {
    shared.mock.end_streams();
    no_content()
}

pub(super) fn shut_down(shared: &Shared, _: &Call) -> Reply {
    shared.mock.shut_down();
    no_content()
}

pub(super) fn restart(shared: &Shared, _: &Call) -> Reply {
    shared.mock.try_restart().map_err(|e| Refusal::new(StatusCode::CONFLICT, e.to_string()))?;
    no_content()
}
