//! Open streams as cursors: the server pulls frames after each change.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json as value};

use crate::api::events::Filter;
use crate::api::logs::Follower;
use crate::calls::Call;
use crate::engine::{Answer, Engine};
use crate::wire::{Time, go_time, to_json};

/// A place in a stream. Made by [`Engine::handle`], moved by [`Engine::next_frames`].
#[derive(Debug)]
pub struct Cursor {
    kind: Kind,
    /// When something was sent last.
    sent: Timestamp,
    /// Which shutdown it belongs to: streams of an earlier generation end.
    generation: u64,
    /// Whether it is one of server-sent events, with comments while nothing happens.
    comments: bool,
    ended: bool,
}

/// What a cursor runs over.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Events: first those of the backlog, then those after an id.
    Events { filter: Filter, backlog: Vec<u64>, after: u64 },
    /// Objects that have changed: a backlog, then one for each event.
    Objects { what: Objects, backlog: String, since: Time, after: u64 },
    /// A log that is followed.
    Log(Box<Follower>),
    /// A text.
    Text { text: String, end: bool },
    /// The tar of a backup, once it has been written.
    Backup { id: String },
}

/// The objects that can be streamed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Objects {
    Formations,
    Volumes,
    Sinks,
}

/// What a stream has to send now.
#[derive(Debug, Default)]
pub struct Frames {
    /// Bytes to write; empty when there is nothing.
    pub bytes: Bytes,
    /// The stream ends after these bytes.
    pub end: bool,
    /// Poll again at this time even when nothing changes (keep-alives, log lines).
    pub wake: Option<Timestamp>,
}

/// After how long without an event a stream sends a comment.
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

fn data(value: &impl serde::Serialize) -> String {
    format!("data: {}\n\n", to_json(value))
}

/// The frame that ends a stream with an error.
fn error(message: &str) -> String {
    format!("event: error\ndata: {}\n\n", message.replace('\n', "\ndata: "))
}

impl Engine {
    /// Opens a stream of objects that have changed since the time in the query.
    pub(crate) fn open_since(&self, call: &Call<'_>, what: Objects) -> Answer {
        let since = match go_time(&call.query("since")) {
            Ok(since) => Time::precise(since),
            Err(problem) => {
                return self.open_stream(Kind::Text { text: error(&problem), end: true });
            }
        };
        let mut objects = self.objects(what, since);
        let newest = objects.iter().map(|(at, _)| *at).max().unwrap_or(since).max(since);
        objects.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let mut backlog: String = objects.iter().map(|(_, doc)| data(doc)).collect();
        // An object with an empty id marks the end of the backlog.
        backlog += &data(&match what {
            Objects::Formations => value!({ "updated_at": Time::default() }),
            Objects::Volumes => value!({ "id": "", "host_id": "", "type": "", "state": "" }),
            Objects::Sinks => value!({ "id": "", "kind": "" }),
        });
        let after = self.events.last_id();
        self.open_stream(Kind::Objects { what, backlog, since: newest, after })
    }

    /// The objects that were updated since then, with their times, latest creation first.
    fn objects(&self, what: Objects, since: Time) -> Vec<(Time, Value)> {
        let state = &self.state;
        let mut list: Vec<(Time, Value)> = match what {
            Objects::Formations => state
                .formations
                .iter()
                .filter(|f| !f.deleted)
                .filter_map(|f| Some((f.updated_at?, self.expanded(f))))
                .collect(),
            Objects::Volumes => {
                state.volumes.iter().filter_map(|v| Some((v.updated_at?, value!(v)))).collect()
            }
            Objects::Sinks => state
                .sinks
                .iter()
                .filter(|sink| !sink.deleted)
                .filter_map(|sink| Some((sink.updated_at?, value!(sink))))
                .collect(),
        };
        list.retain(|(at, _)| *at >= since);
        list.reverse();
        list
    }

    /// What the stream has to send now.
    pub fn next_frames(&mut self, cursor: &mut Cursor) -> Frames {
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
                    text.extend(self.events.get(id).map(data));
                }
                for event in self.events.after(*after) {
                    if filter.matches(event) {
                        text += &data(event);
                    }
                    *after = event.id;
                }
            }
            Kind::Objects { what, backlog, since, after } => {
                text = std::mem::take(backlog);
                text += &self.changed_objects(*what, *since, after);
            }
            Kind::Backup { id } => {
                let Some(tar) = self.written_backup(id) else { return Frames::default() };
                cursor.ended = true;
                return Frames { bytes: tar, end: true, wake: None };
            }
            Kind::Log(follower) => {
                let (new, next) = self.follow(follower);
                text = new;
                wake = Some(next);
            }
        }
        if cursor.generation != self.generation {
            if matches!(cursor.kind, Kind::Events { .. } | Kind::Objects { .. }) {
                text += &error(&self.farewell);
            }
            cursor.ended = true;
        }
        if text.is_empty() && !cursor.ended {
            while cursor.comments && self.now.duration_since(cursor.sent) >= KEEP_ALIVE {
                text += ":\n";
                cursor.sent = cursor.sent.checked_add(KEEP_ALIVE).unwrap_or(self.now);
            }
        } else {
            cursor.sent = self.now;
        }
        let due = cursor.sent.checked_add(KEEP_ALIVE).ok().filter(|_| cursor.comments);
        let wake = if cursor.ended { None } else { wake.into_iter().chain(due).min() };
        self.next_wake = self.next_wake.into_iter().chain(wake).min();
        Frames { bytes: text.into(), end: cursor.ended, wake }
    }

    /// The frames of the objects that events tell of.
    fn changed_objects(&self, what: Objects, since: Time, after: &mut u64) -> String {
        let types: &[&str] = match (what, self.options.age) {
            (Objects::Formations, crate::engine::ServerAge::V2016) => &["scale"],
            (Objects::Formations, crate::engine::ServerAge::V2021) => &["scale_request"],
            (Objects::Volumes, _) => &["volume"],
            (Objects::Sinks, _) => &["sink", "sink_deletion"],
        };
        let filter = Filter::of_types(types);
        let mut text = String::new();
        for event in self.events.after(*after) {
            *after = event.id;
            if !filter.matches(event) {
                continue;
            }
            let doc = match what {
                Objects::Formations => self.formation_of_event(event),
                Objects::Volumes => Some(event.data.clone()),
                Objects::Sinks => {
                    let mut doc = event.data.clone();
                    if let (true, Some(sink)) =
                        (event.object_type == "sink_deletion", doc.as_object_mut())
                    {
                        sink.remove("config");
                    }
                    Some(doc)
                }
            };
            let updated = |doc: &Value| doc.get("updated_at")?.as_str()?.parse::<Time>().ok();
            if let Some(doc) = doc.filter(|doc| updated(doc).is_none_or(|at| at >= since)) {
                text += &data(&doc);
            }
        }
        text
    }

    /// The formation that a scale event is about, as it is now, deleted or not.
    fn formation_of_event(&self, event: &crate::api::events::Event) -> Option<Value> {
        let release = event.data.get("release")?.as_str()?;
        let formations = &self.state.formations;
        let found = formations.iter().find(|f| f.app == event.app && f.release == release)?;
        Some(self.expanded(found))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method, header};
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::Cursor;
    use crate::engine::{Body, Engine, Pace, Request, ServerAge};
    use crate::tests::{engine, ok, pass, running_app};

    fn open(engine: &mut Engine, target: &str) -> Cursor {
        let request = Request::new(Method::GET, target)
            .header(header::AUTHORIZATION, HeaderValue::from_static("Basic OmtleQ=="))
            .header(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        match engine.handle(&request).body {
            Body::Stream(cursor) => cursor,
            other => panic!("no stream: {other:?}"),
        }
    }

    fn text(engine: &mut Engine, cursor: &mut Cursor) -> (String, bool) {
        let frames = engine.next_frames(cursor);
        (String::from_utf8(frames.bytes.to_vec()).unwrap(), frames.end)
    }

    fn documents(engine: &mut Engine, cursor: &mut Cursor) -> Vec<Value> {
        let (text, end) = text(engine, cursor);
        assert!(!end, "{text}");
        text.lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect()
    }

    #[test]
    fn without_a_time_there_is_an_error_frame() {
        for target in ["/formations", "/volumes", "/sinks"] {
            let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
            let mut cursor = open(&mut engine, target);
            let (text, end) = text(&mut engine, &mut cursor);
            assert!(end && text.starts_with("event: error\ndata: parsing time \"\" as "), "{text}");
        }
    }

    #[test]
    fn a_backlog_its_end_and_what_follows() {
        let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
        let sink = |url: &str| json!({ "kind": "syslog", "config": { "url": url } });
        let a = ok(&mut engine, Method::POST, "/sinks", &sink("a"));
        let b = ok(&mut engine, Method::POST, "/sinks", &sink("b"));
        let mut cursor = open(&mut engine, "/sinks?since=2016-01-01T00:00:00Z");
        let marker = json!({ "id": "", "kind": "" });
        assert_eq!(documents(&mut engine, &mut cursor), [b.clone(), a.clone(), marker.clone()]);
        let c = ok(&mut engine, Method::POST, "/sinks", &sink("c"));
        assert_eq!(documents(&mut engine, &mut cursor), [c]);
        let delete = |engine: &mut Engine, sink: &Value| {
            let target = format!("/sinks/{}", sink["id"].as_str().unwrap());
            ok(engine, Method::DELETE, &target, &json!({}));
        };
        delete(&mut engine, &a);
        assert_eq!(
            documents(&mut engine, &mut cursor),
            [] as [Value; 0],
            "older than the backlog's newest"
        );
        delete(&mut engine, &b);
        let mut gone = b.clone();
        gone.as_object_mut().unwrap().remove("config");
        assert_eq!(documents(&mut engine, &mut cursor), [gone]);
        let now = b["updated_at"].as_str().unwrap();
        let mut later = open(&mut engine, &format!("/sinks?since={now}"));
        assert_eq!(documents(&mut engine, &mut later).last(), Some(&marker));
    }

    #[test]
    fn formations_follow_their_scale() {
        for age in [ServerAge::V2016, ServerAge::V2021] {
            let mut engine = engine(age, Pace::Timed);
            let (app, release) = running_app(&mut engine, "www");
            let mut cursor = open(&mut engine, "/formations?since=2100-01-01T00:00:00Z");
            assert_eq!(
                documents(&mut engine, &mut cursor),
                [json!({ "updated_at": "0001-01-01T00:00:00Z" })]
            );
            let mut cursor = open(&mut engine, "/formations?since=2015-01-01T00:00:00Z");
            let backlog = documents(&mut engine, &mut cursor);
            assert_eq!(backlog[0]["app"]["id"], app, "the latest first");
            let target = format!("/apps/www/formations/{release}");
            ok(&mut engine, Method::PUT, &target, &json!({ "processes": { "web": 1 } }));
            let next = documents(&mut engine, &mut cursor);
            assert_eq!(next[0]["processes"]["web"], 1, "{age:?}");
        }
    }

    #[test]
    fn comments_and_shutdowns() {
        let mut engine = engine(ServerAge::V2021, Pace::AtOnce);
        let mut cursor = open(&mut engine, "/volumes?since=2100-01-01T00:00:00Z");
        documents(&mut engine, &mut cursor);
        pass(&mut engine, SignedDuration::from_secs(61));
        assert_eq!(text(&mut engine, &mut cursor), (":\n:\n".to_owned(), false));
        engine.end_streams("controller: shutting down");
        let frame = "event: error\ndata: controller: shutting down\n\n".to_owned();
        assert_eq!(text(&mut engine, &mut cursor), (frame, true));
    }
}
