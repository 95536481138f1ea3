//! The event log: `GET /events` as a list, `GET /events/:id`, filters.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::api::streams::{Cursor, Kind};
use crate::calls::Call;
use crate::engine::{Answer, Body, Engine};
use crate::wire::{Fail, Reply, Time, json};

/// One event.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event {
    pub(crate) id: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) app: String,
    pub(crate) object_type: &'static str,
    pub(crate) object_id: String,
    pub(crate) data: Value,
    pub(crate) created_at: Time,
}

/// All events, oldest first.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    events: Vec<Event>,
    unique: BTreeSet<String>,
}

impl EventLog {
    fn push(&mut self, mut event: Event) {
        event.id = self.last_id() + 1;
        self.events.push(event);
    }

    /// The id of the newest event; 0 when there is none.
    pub(crate) fn last_id(&self) -> u64 {
        self.events.last().map_or(0, |event| event.id)
    }

    /// The events after this id, oldest first.
    pub(crate) fn after(&self, id: u64) -> &[Event] {
        let from = self.events.partition_point(|event| event.id <= id);
        self.events.get(from..).unwrap_or_default()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Event> {
        self.after(id.checked_sub(1)?).first().filter(|event| event.id == id)
    }
}

/// Which events a list or a stream shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    app: Option<String>,
    object_types: Vec<String>,
    object_id: Option<String>,
}

impl Filter {
    /// Only events of these types.
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

/// A number of the query: `None` when it is empty, a validation error when it is none.
fn number(call: &Call<'_>, name: &str) -> Result<Option<i64>, Fail> {
    match call.query(name).as_str() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Fail::field(name, "is invalid")),
    }
}

impl Engine {
    /// Appends an event.
    pub(crate) fn event(
        &mut self,
        at: Time,
        app: &str,
        object_type: &'static str,
        object_id: &str,
        data: &impl Serialize,
    ) {
        self.events.push(Event {
            id: 0,
            app: app.to_owned(),
            object_type,
            object_id: object_id.to_owned(),
            data: serde_json::to_value(data).unwrap_or_default(),
            created_at: at,
        });
        self.version += 1;
    }

    /// Appends an event unless there is one with this key already.
    pub(crate) fn event_once(
        &mut self,
        key: String,
        at: Time,
        app: &str,
        object_type: &'static str,
        object_id: &str,
        data: &impl Serialize,
    ) {
        if self.events.unique.insert(key) {
            self.event(at, app, object_type, object_id, data);
        }
    }

    /// `GET /events/:id`
    pub(crate) fn get_event(&mut self, call: &Call<'_>) -> Reply {
        let id: i64 = call.param(0).parse().map_err(|_| Fail::unknown())?;
        let id = u64::try_from(id).map_err(|_| Fail::NotFound)?;
        json(self.events.get(id).ok_or(Fail::NotFound)?)
    }

    /// `GET /events`: a list when JSON alone is accepted, else a stream.
    pub(crate) fn list_or_stream_events(&mut self, call: &Call<'_>) -> Reply {
        let app = match call.query("app_id").as_str() {
            "" => None,
            id => Some(self.state.app(id)?.id.clone()),
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
            self.list_events(call, &filter)
        } else {
            self.stream_events(call, filter)
        }
    }

    fn list_events(&self, call: &Call<'_>, filter: &Filter) -> Reply {
        let before = number(call, "before_id")?;
        let since = number(call, "since_id")?;
        let count = number(call, "count")?;
        let id = |event: &Event| i64::try_from(event.id).unwrap_or(i64::MAX);
        let list: Vec<&Event> = self
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

    fn stream_events(&self, call: &Call<'_>, filter: Filter) -> Reply {
        let last = match call.request.header_text("last-event-id") {
            "" => 0,
            text => text.parse::<i64>().map_err(|_| Fail::field("Last-Event-Id", "is invalid"))?,
        };
        let count = number(call, "count")?;
        let after = self.events.last_id();
        let mut backlog = Vec::new();
        if call.query("past") == "true" || last > 0 {
            let since = u64::try_from(last).unwrap_or(0);
            backlog = self
                .events
                .after(since)
                .iter()
                .rev()
                .filter(|event| filter.matches(event))
                .take(limit(count))
                .map(|event| event.id)
                .collect();
            backlog.reverse();
        }
        Ok(self.open_stream(Kind::Events { filter, backlog, after }))
    }

    /// The answer that opens an event stream.
    pub(crate) fn open_stream(&self, kind: Kind) -> Answer {
        let mut answer = Answer::full(http::StatusCode::OK, "text/event-stream; charset=utf-8", "");
        answer.body = Body::Stream(Cursor::new(kind, self.now, self.generation));
        answer
    }
}

/// A `count` of the query; zero and below mean no limit.
fn limit(count: Option<i64>) -> usize {
    count.filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
}
