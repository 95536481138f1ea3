//! The event log: `GET /events` as a list, `GET /events/:id`, filters.

use serde::{Deserialize, Serialize};

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::api::streams::{Kind, open_stream};
use crate::life::Engine;
use crate::store::{Event, Time, empty};
use crate::wire::{Fail, decode};

/// The filter of a list or stream of events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    app: Option<String>,
    object_types: Vec<String>,
    object_id: Option<String>,
}

impl Filter {
    /// Selects events of these types.
    pub(crate) fn of_types(types: &[&str]) -> Self {
        Self { object_types: types.iter().map(|t| (*t).to_owned()).collect(), ..Self::default() }
    }

    pub(crate) fn matches(&self, event: &Event) -> bool {
        self.app.as_ref().is_none_or(|app| *app == event.app)
            && self.object_id.as_ref().is_none_or(|id| *id == event.object_id)
            && (self.object_types.is_empty()
                || self.object_types.iter().any(|t| t == event.object_type))
    }
}

/// Parses a number in the query: `None` if it is empty, a validation error if it is not a number.
fn number(call: &Call<'_>, name: &str) -> Result<Option<i64>, Fail> {
    match call.query(name).as_str() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Fail::field(name, "is invalid")),
    }
}

/// Converts the `count` of the query; zero and below mean no limit.
fn limit(count: Option<i64>) -> usize {
    count.filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
}

/// A scheduled job that has started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct SchedulerEvent {
    id: String,
    #[serde(skip_serializing_if = "empty")]
    app_id: String,
    schedule_id: String,
    #[serde(skip_serializing_if = "empty")]
    name: String,
    command: String,
    process_type: String,
    schedule: String,
    #[serde(skip_serializing_if = "empty")]
    job_id: String,
    #[serde(skip_serializing_if = "empty")]
    job_uuid: String,
    #[serde(skip_serializing_if = "empty")]
    error: String,
    fired_at: Time,
}

/// `POST /apps/:a/scheduler-events`: records a scheduler's report as an event.
pub(crate) fn create_scheduler_event(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
    let mut told: SchedulerEvent = decode(engine.dialect.bodies, call.request)?;
    if told.schedule_id.trim().is_empty() && told.id.trim().is_empty() {
        return Err(Fail::field("schedule_id", "is required"));
    }
    if told.id.is_empty() {
        told.id = engine.ids.uuid();
    }
    if told.schedule_id.is_empty() {
        told.schedule_id.clone_from(&told.id);
    }
    told.app_id.clone_from(&app);
    if told.fired_at == Time::default() {
        told.fired_at = Time::precise(engine.now);
    }
    let at = engine.time();
    engine.event(at, &app, "scheduler", &told.schedule_id, &told);
    json(&told)
}

/// `GET /events/:id`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let id: i64 = call.param(0).parse().map_err(|_| Fail::unknown())?;
    let id = u64::try_from(id).map_err(|_| Fail::NotFound)?;
    json(engine.events.get(id).ok_or(Fail::NotFound)?)
}

/// `GET /events`: a list if only JSON is accepted, otherwise a stream.
pub(crate) fn list_or_stream(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = match call.query("app_id").as_str() {
        "" => None,
        id => Some(engine.tables.app(id)?.id.clone()),
    };
    let types = call.query("object_types");
    let filter = Filter {
        app,
        object_types: if types.is_empty() {
            Vec::new()
        } else {
            types.split(',').map(str::to_owned).collect()
        },
        object_id: Some(call.query("object_id")).filter(|id| !id.is_empty()),
    };
    if call.request.header_text("accept") == "application/json" {
        list(engine, call, &filter)
    } else {
        stream(engine, call, filter)
    }
}

fn list(engine: &Engine, call: &Call<'_>, filter: &Filter) -> Reply {
    let before = number(call, "before_id")?;
    let since = number(call, "since_id")?;
    let count = number(call, "count")?;
    let id = |event: &Event| i64::try_from(event.id).unwrap_or(i64::MAX);
    let list: Vec<&Event> = engine
        .events
        .after(0)
        .iter()
        .rev()
        .filter(|event| before.is_none_or(|before| id(event) < before))
        .filter(|event| since.is_none_or(|since| id(event) > since))
        .filter(|event| filter.matches(event))
        .take(limit(count))
        .collect();
    json(&list)
}

fn stream(engine: &mut Engine, call: &Call<'_>, filter: Filter) -> Reply {
    let last = match call.request.header_text("last-event-id") {
        "" => 0,
        text => text.parse::<i64>().map_err(|_| Fail::field("Last-Event-Id", "is invalid"))?,
    };
    let count = number(call, "count")?;
    let mut after = engine.events.last_id();
    let mut backlog = Vec::new();
    if call.query("past") == "true" || last > 0 {
        let since = u64::try_from(last).unwrap_or(0);
        backlog = engine
            .events
            .after(since)
            .iter()
            .rev()
            .filter(|event| filter.matches(event))
            .take(limit(count))
            .map(|event| event.id)
            .collect();
        backlog.reverse();
    } else {
        after = engine.stream_begins_after();
    }
    Ok(open_stream(engine, Kind::Events { filter, backlog, after }))
}
