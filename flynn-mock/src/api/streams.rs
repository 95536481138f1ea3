//! Open streams as cursors. The server pulls frames after each change.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::answer::{Answer, Body};
use crate::api::call::Call;
use crate::api::events::Filter;
use crate::api::logs::{Follower, follow};
use crate::life::{Engine, ExpandedFormation};
use crate::store::{Event, ManagedCertificate, Sink, Time, Volume};
use crate::wire::{go_time, to_json};

/// A position in a stream. [`Engine::handle`] creates it, and [`Engine::next_frames`] moves it.
#[derive(Debug)]
pub(crate) struct Cursor {
    kind: Kind,
    /// The time of the last frame.
    sent: Timestamp,
    /// The generation of streams. Streams of an earlier generation end.
    generation: u64,
    /// True for server-sent events, which have comments as keep-alives.
    comments: bool,
    ended: bool,
}

/// The content of a stream.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Events: first the backlog, then the events after an id.
    Events { filter: Filter, backlog: Vec<u64>, after: u64 },
    /// Changed objects: first the backlog, then one per event.
    Objects { what: Objects, backlog: String, since: Time, after: u64 },
    /// A followed log.
    Log(Box<Follower>),
    /// A text.
    Text { text: String, end: bool },
    /// The tar of a backup, once it is complete.
    Backup { id: String },
}

/// The objects that can be streamed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Objects {
    Formations,
    Volumes,
    Sinks,
    ManagedCertificates,
}

/// The frames to send now.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The bytes to write; empty if there are none.
    pub(crate) bytes: Bytes,
    /// The stream ends after these bytes.
    pub(crate) end: bool,
    /// The time to poll again even if nothing changes (keep-alives, log lines).
    pub(crate) wake: Option<Timestamp>,
}

/// The time without an event after which a stream sends a comment.
const KEEP_ALIVE: SignedDuration = SignedDuration::from_secs(30);

impl Cursor {
    pub(crate) fn new(kind: Kind, now: Timestamp, generation: u64) -> Self {
        let comments = match &kind {
            Kind::Log(follower) => follower.sse,
            Kind::Backup { .. } => false,
            _ => true,
        };
        Self { kind, sent: now, generation, comments, ended: false }
    }
}

fn data(value: &impl Serialize) -> String {
    format!("data: {}\n\n", to_json(value))
}

/// Returns the frame that ends a stream with an error.
fn error(message: &str) -> String {
    format!("event: error\ndata: {}\n\n", message.replace('\n', "\ndata: "))
}

/// Returns the answer that opens an event stream.
pub(crate) fn open_stream(engine: &Engine, kind: Kind) -> Answer {
    let mut answer = Answer::full(http::StatusCode::OK, "text/event-stream; charset=utf-8", "");
    answer.body = Body::Stream(Cursor::new(kind, engine.now, engine.generation));
    answer
}

/// Opens a stream of objects that have changed since the time in the query.
pub(crate) fn open_since(engine: &Engine, call: &Call<'_>, what: Objects) -> Answer {
    let since = match go_time(&call.query("since")) {
        Ok(since) => Time::precise(since),
        Err(problem) => {
            return open_stream(engine, Kind::Text { text: error(&problem), end: true });
        }
    };
    let mut objects = objects(engine, what, since);
    let newest = objects.iter().map(|(at, _)| *at).max().unwrap_or(since).max(since);
    objects.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let mut backlog: String = objects.into_iter().map(|(_, frame)| frame).collect();
    // An object with an empty id marks the end of the backlog.
    backlog += &match what {
        Objects::Formations => data(&ExpandedFormation::default()),
        Objects::Volumes => data(&Volume::default()),
        Objects::Sinks => data(&Sink::default()),
        Objects::ManagedCertificates => data(&ManagedCertificate::default()),
    };
    let after = engine.events.last_id();
    open_stream(engine, Kind::Objects { what, backlog, since: newest, after })
}

/// Returns the frames of the objects that were updated since this time, with their times.
fn objects(engine: &Engine, what: Objects, since: Time) -> Vec<(Time, String)> {
    let state = &engine.tables;
    let mut list: Vec<(Time, String)> = match what {
        Objects::Formations => {
            let alive = state.formations.iter().filter(|f| !f.deleted);
            alive.filter_map(|f| Some((f.updated_at?, data(&engine.expanded(f))))).collect()
        }
        Objects::Volumes => {
            state.volumes.iter().filter_map(|v| Some((v.updated_at?, data(v)))).collect()
        }
        Objects::Sinks => {
            let alive = state.sinks.iter().filter(|sink| !sink.deleted);
            alive.filter_map(|sink| Some((sink.updated_at?, data(sink)))).collect()
        }
        Objects::ManagedCertificates => {
            let rows = state.managed_certificates.iter();
            rows.filter_map(|row| Some((row.updated_at?, data(row)))).collect()
        }
    };
    list.retain(|(at, _)| *at >= since);
    list.reverse();
    list
}

/// Returns the frames to send now.
pub(crate) fn next_frames(engine: &mut Engine, cursor: &mut Cursor) -> Frames {
    if cursor.ended {
        return Frames { end: true, ..Frames::default() };
    }
    let mut text = String::new();
    let mut wake = None;
    match &mut cursor.kind {
        Kind::Text { text: once, end } => {
            text = std::mem::take(once);
            cursor.ended = *end;
        }
        Kind::Events { filter, backlog, after } => {
            for id in backlog.drain(..) {
                text.extend(engine.events.get(id).map(data));
            }
            let all = engine.events.after(*after).iter();
            let mut new: Vec<&Event> = all.filter(|event| filter.matches(event)).collect();
            *after = engine.events.last_id();
            engine.races.shuffle(&mut new);
            text.extend(new.into_iter().map(data));
        }
        Kind::Objects { what, backlog, since, after } => {
            text = std::mem::take(backlog);
            text += &changed_objects(engine, *what, *since, after);
        }
        Kind::Backup { id } => {
            let Some(tar) = engine.written_backup(id) else { return Frames::default() };
            cursor.ended = true;
            return Frames { bytes: tar, end: true, wake: None };
        }
        Kind::Log(follower) => {
            let (new, next) = follow(engine, follower);
            text = new;
            wake = Some(next);
        }
    }
    if cursor.generation != engine.generation {
        if matches!(cursor.kind, Kind::Events { .. } | Kind::Objects { .. }) {
            text += &error(&engine.farewell);
        }
        cursor.ended = true;
    }
    if text.is_empty() && !cursor.ended {
        while cursor.comments && engine.now.duration_since(cursor.sent) >= KEEP_ALIVE {
            text += ":\n";
            cursor.sent = cursor.sent.checked_add(KEEP_ALIVE).unwrap_or(engine.now);
        }
    } else {
        cursor.sent = engine.now;
    }
    let due = cursor.sent.checked_add(KEEP_ALIVE).ok().filter(|_| cursor.comments);
    let wake = if cursor.ended { None } else { wake.into_iter().chain(due).min() };
    engine.next_wake = engine.next_wake.into_iter().chain(wake).min();
    Frames { bytes: text.into(), end: cursor.ended, wake }
}

/// Returns the frames of the objects in the events.
fn changed_objects(engine: &Engine, what: Objects, since: Time, after: &mut u64) -> String {
    let types: &[&str] = match what {
        Objects::Formations if engine.dialect.scale_requests => &["scale_request"],
        Objects::Formations => &["scale"],
        Objects::Volumes => &["volume"],
        Objects::Sinks => &["sink", "sink_deletion"],
        Objects::ManagedCertificates => &["managed_certificate"],
    };
    let filter = Filter::of_types(types);
    let mut text = String::new();
    for event in engine.events.after(*after) {
        *after = event.id;
        if !filter.matches(event) {
            continue;
        }
        text += &match what {
            Objects::Formations => {
                let found = formation_of_event(engine, event);
                let new = found.filter(|formation| formation.updated_at >= since);
                new.map(|formation| data(&formation)).unwrap_or_default()
            }
            Objects::Volumes => changed(event, since, |volume: &Volume| volume.updated_at),
            Objects::Sinks if event.object_type == "sink_deletion" => {
                changed(&without_config(event), since, |sink: &Sink| sink.updated_at)
            }
            Objects::Sinks => changed(event, since, |sink: &Sink| sink.updated_at),
            Objects::ManagedCertificates => {
                changed(event, since, |row: &ManagedCertificate| row.updated_at)
            }
        };
    }
    text
}

/// Returns the frame of an event's object, unless it was updated before this time. The real server decodes the event
/// too, so the fields have the order of an answer.
fn changed<T: Serialize + DeserializeOwned>(
    event: &Event,
    since: Time,
    updated: impl Fn(&T) -> Option<Time>,
) -> String {
    let object = serde_json::from_value(event.data.clone()).ok();
    let new = object.filter(|object| updated(object).is_none_or(|at| at >= since));
    new.map(|object| data(&object)).unwrap_or_default()
}

/// Returns the event of a deleted sink as streams send it.
fn without_config(event: &Event) -> Event {
    let mut event = event.clone();
    if let Some(sink) = event.data.as_object_mut() {
        sink.remove("config");
    }
    event
}

/// Returns the current formation of a scale event, even if it was deleted.
fn formation_of_event(engine: &Engine, event: &Event) -> Option<ExpandedFormation> {
    let release = event.data.get("release")?.as_str()?;
    let formations = &engine.tables.formations;
    let found = formations.iter().find(|f| f.app == event.app && f.release == release)?;
    Some(engine.expanded(found))
}
