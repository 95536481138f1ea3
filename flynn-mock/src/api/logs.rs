//! Logs of apps.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::api::jobs::Job;
use crate::api::streams::{Cursor, Kind};
use crate::calls::Call;
use crate::engine::{Answer, Body, Engine};
use crate::life::program::Output;
use crate::wire::{Fail, Reply, Time, to_json};

/// A line of an app's log.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    host_id: String,
    job_id: String,
    msg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_type: Option<String>,
    source: &'static str,
    stream: &'static str,
    timestamp: Time,
    #[serde(skip)]
    app: String,
}

/// Which lines a reader wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogFilter {
    app: String,
    job: String,
    process_type: Option<String>,
    streams: Vec<String>,
}

impl LogFilter {
    fn matches(&self, line: &Line) -> bool {
        self.app == line.app
            && (self.job.is_empty() || self.job == line.job_id)
            && (self.streams.is_empty() || self.streams.iter().any(|s| s == line.stream))
            && self
                .process_type
                .as_deref()
                .is_none_or(|typ| typ == line.process_type.as_deref().unwrap_or_default())
    }
}

/// A reader that follows a log.
#[derive(Debug)]
pub(crate) struct Follower {
    filter: LogFilter,
    pub(crate) sse: bool,
    /// The next line to look at.
    next: usize,
    /// When the next line of the stand-in's ticking job comes, and its number.
    tick: (Timestamp, i64),
    /// What is to be sent before anything new.
    first: String,
}

/// The log service gives out no more old lines at once.
const MOST_LINES: i64 = 10_000;

/// How many lines of the ticking job a clock that jumps far ahead leaves to be read.
const MOST_TICKS: i64 = 1000;

/// How often the ticking job writes.
const TICK: SignedDuration = SignedDuration::from_secs(2);

fn frame(sse: bool, line: &Line) -> String {
    let text = to_json(line);
    if sse {
        format!("data: {{\"event\":\"message\",\"data\":{text}}}\n\n")
    } else {
        format!("{text}\n")
    }
}

impl Engine {
    /// `GET /apps/:a/log`
    pub(crate) fn app_log(&mut self, call: &Call<'_>) -> Reply {
        let app = self.state.app(call.param(0))?.id.clone();
        let streams = call.query("stream_types");
        let filter = LogFilter {
            app,
            job: call.query("job_id"),
            process_type: call.query_all("process_type").pop(),
            streams: streams.split(',').filter(|s| !s.is_empty()).map(str::to_owned).collect(),
        };
        let count = match call.query("lines").as_str() {
            "" => None,
            text => Some(text.parse::<i64>().map_err(|_| Fail::unknown())?),
        };
        if count.is_some_and(|n| n > MOST_LINES) {
            let message = format!("lines must be an integer between 0 and {MOST_LINES}");
            return Err(Fail::field("lines", &message));
        }
        let sse = call.request.header_text("accept").contains("text/event-stream");
        let follow = call.query("follow") == "true";
        let lines: Vec<&Line> = self.log.iter().filter(|line| filter.matches(line)).collect();
        // Who follows without asking for old lines gets none.
        let all = if follow { 0 } else { lines.len() };
        let wanted = count.and_then(|n| usize::try_from(n).ok()).unwrap_or(all);
        let skip = lines.len().saturating_sub(wanted);
        let first: String = lines.iter().skip(skip).map(|line| frame(sse, line)).collect();
        if follow {
            let follower = Follower {
                filter,
                sse,
                next: self.log.len(),
                tick: (self.now.checked_add(TICK).unwrap_or(Timestamp::MAX), 1),
                first,
            };
            let kind = Kind::Log(Box::new(follower));
            if sse {
                return Ok(self.open_stream(kind));
            }
            let mut answer = Answer::full(StatusCode::OK, "text/plain", "");
            answer.body = Body::Stream(Cursor::new(kind, self.now, self.generation));
            return Ok(answer);
        }
        if sse {
            let text = first + "data: {\"event\":\"eof\"}\n\n";
            return Ok(self.open_stream(Kind::Text { text, end: true }));
        }
        Ok(Answer::full(StatusCode::OK, "text/plain", first))
    }

    /// What a follower has not seen yet, and when to look again.
    pub(crate) fn follow(&self, follower: &mut Follower) -> (String, Timestamp) {
        let mut text = std::mem::take(&mut follower.first);
        for line in self.log.get(follower.next..).unwrap_or_default() {
            if follower.filter.matches(line) {
                text += &frame(follower.sse, line);
            }
        }
        follower.next = self.log.len();
        let due = self.now.duration_since(follower.tick.0).as_secs() / TICK.as_secs();
        if let Some(missed) = due.checked_sub(MOST_TICKS).filter(|missed| *missed > 0) {
            let (due, n) = follower.tick;
            let time = SignedDuration::from_secs(missed.saturating_mul(TICK.as_secs()));
            let due = due.checked_add(time).unwrap_or(Timestamp::MAX);
            follower.tick = (due, n.saturating_add(missed));
        }
        // Where time ends, the ticks do.
        while follower.tick.0 <= self.now && follower.tick.0 < Timestamp::MAX {
            let (due, n) = follower.tick;
            if let Some(host) = self.options.hosts.first().filter(|_| self.options.ticking_log) {
                let line = Line {
                    host_id: host.clone(),
                    job_id: format!("{host}-00000000-0000-4000-8000-000000000001"),
                    msg: format!("tick {n}"),
                    process_type: Some("web".to_owned()),
                    source: "app",
                    stream: "stdout",
                    timestamp: Time::precise(due),
                    app: follower.filter.app.clone(),
                };
                if follower.filter.matches(&line) {
                    text += &frame(follower.sse, &line);
                }
            }
            follower.tick = (due.checked_add(TICK).unwrap_or(Timestamp::MAX), n.saturating_add(1));
        }
        (text, follower.tick.0)
    }

    fn log_line(&mut self, job: &Job, stream: &'static str, msg: String) {
        // Lines of one job never share a time.
        let at = self.last_line.max(self.now);
        let at = at.checked_add(SignedDuration::from_nanos(1)).unwrap_or(at);
        self.last_line = at;
        self.log.push(Line {
            host_id: job.host_id.clone(),
            job_id: job.id.clone(),
            msg,
            process_type: (!job.kind.is_empty()).then(|| job.kind.clone()),
            source: "app",
            stream,
            timestamp: Time::precise(at),
            app: job.app.clone(),
        });
        self.version += 1;
    }

    /// What every job of a formation writes when it comes up.
    pub(crate) fn log_start(&mut self, job: &Job) {
        let msg = format!("Starting {}: {}", job.kind, job.args.join(" "));
        self.log_line(job, "stdout", msg);
        self.log_line(job, "stdout", "listening on port 8080".to_owned());
    }

    /// What a job writes that crashes at its start.
    pub(crate) fn log_crash(&mut self, job: &Job, words: &str) {
        self.log_line(job, "stderr", words.to_owned());
    }

    /// Adds what a one-off job wrote to its app's log, unless the job asked not to.
    pub(crate) fn log_output(&mut self, uuid: &str, output: &Output) {
        let (stream, bytes) = match output {
            Output::Stdout(bytes) => ("stdout", bytes),
            Output::Stderr(bytes) => ("stderr", bytes),
            _ => return,
        };
        let job = self.state.jobs.iter().find(|job| job.uuid == uuid).cloned();
        let Some(job) = job.filter(|_| !self.quiet_jobs.contains(uuid)) else { return };
        for line in String::from_utf8_lossy(bytes).lines() {
            self.log_line(&job, stream, line.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method, header};
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use crate::engine::{Body, Cursor, Engine, Pace, Request, ServerAge};
    use crate::tests::{engine, ok, pass, running_app, send};

    const AGES: [ServerAge; 2] = [ServerAge::V2016, ServerAge::V2021];

    fn open(engine: &mut Engine, target: &str, accept: &'static str) -> Cursor {
        let request = Request::new(Method::GET, target)
            .header(header::AUTHORIZATION, HeaderValue::from_static("Basic OmtleQ=="))
            .header(header::ACCEPT, HeaderValue::from_static(accept));
        match engine.handle(&request).body {
            Body::Stream(cursor) => cursor,
            other => panic!("no stream: {other:?}"),
        }
    }

    fn text(engine: &mut Engine, target: &str) -> String {
        let request = Request::new(Method::GET, target)
            .header(header::AUTHORIZATION, HeaderValue::from_static("Basic OmtleQ=="));
        String::from_utf8(engine.handle(&request).bytes().to_vec()).unwrap()
    }

    fn messages(text: &str) -> Vec<Value> {
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["msg"].clone())
            .collect()
    }

    fn frames(engine: &mut Engine, cursor: &mut Cursor) -> (String, bool) {
        let frames = engine.next_frames(cursor);
        (String::from_utf8(frames.bytes.to_vec()).unwrap(), frames.end)
    }

    #[test]
    fn lines_and_filters() {
        for age in AGES {
            let mut engine = engine(age, Pace::Timed);
            running_app(&mut engine, "www");
            let log = "/apps/www/log";
            assert_eq!(text(&mut engine, log).lines().count(), 6);
            assert_eq!(
                messages(&text(&mut engine, &format!("{log}?lines=1"))),
                ["listening on port 8080"]
            );
            for (query, count) in [
                ("lines=0", 0),
                ("lines=-1", 6),
                ("process_type=worker", 2),
                ("process_type=worker&process_type=web", 4),
                ("process_type=", 0),
                ("stream_types=stderr", 0),
                ("stream_types=stderr,stdout", 6),
                ("job_id=nosuch", 0),
                ("process_type=web&lines=3", 3),
            ] {
                let got = text(&mut engine, &format!("{log}?{query}")).lines().count();
                assert_eq!(got, count, "{query}");
            }
            assert_eq!(send(&mut engine, Method::GET, &format!("{log}?lines=x"), "").0, 500);
            let (status, reply) = send(&mut engine, Method::GET, &format!("{log}?lines=10001"), "");
            assert_eq!((status, &reply["detail"]["field"]), (400, &json!("lines")));
        }
    }

    #[test]
    fn server_sent_lines_end_with_eof() {
        let mut engine = engine(ServerAge::V2021, Pace::Timed);
        running_app(&mut engine, "www");
        let mut cursor = open(&mut engine, "/apps/www/log?lines=1", "text/event-stream");
        let (text, end) = frames(&mut engine, &mut cursor);
        assert!(text.starts_with("data: {\"event\":\"message\",\"data\":{\"host_id\":"), "{text}");
        assert!(text.ends_with("}}\n\ndata: {\"event\":\"eof\"}\n\n"), "{text}");
        assert!(end);
    }

    #[test]
    fn followers_see_ticks_and_new_lines() {
        let mut engine = engine(ServerAge::V2016, Pace::Timed);
        let (_, release) = running_app(&mut engine, "www");
        let mut cursor = open(&mut engine, "/apps/www/log?follow=true", "*/*");
        assert_eq!(
            frames(&mut engine, &mut cursor),
            (String::new(), false),
            "old lines unasked for"
        );
        let job = json!({ "release": release, "args": ["hello"] });
        ok(&mut engine, Method::POST, "/apps/www/jobs", &job);
        pass(&mut engine, SignedDuration::from_millis(4100));
        let (text, _) = frames(&mut engine, &mut cursor);
        assert_eq!(messages(&text), ["hello", "tick 1", "tick 2"]);
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first.get("process_type"), None, "a one-off job has no type");
        let mut workers = open(&mut engine, "/apps/www/log?follow=true&process_type=worker", "*/*");
        pass(&mut engine, SignedDuration::from_secs(2));
        assert_eq!(frames(&mut engine, &mut workers).0, "", "the ticking job is a web one");
        engine.options.ticking_log = false;
        pass(&mut engine, SignedDuration::from_secs(4));
        assert_eq!(frames(&mut engine, &mut cursor).0.lines().count(), 0);
    }

    #[test]
    fn a_clock_that_jumps_leaves_the_last_ticks() {
        let mut engine = engine(ServerAge::V2016, Pace::Timed);
        running_app(&mut engine, "www");
        let mut cursor = open(&mut engine, "/apps/www/log?follow=true", "*/*");
        pass(&mut engine, SignedDuration::from_hours(24 * 30));
        let ticks = messages(&frames(&mut engine, &mut cursor).0);
        assert!((1000..=1002).contains(&ticks.len()), "{}", ticks.len());
        assert_eq!(ticks.last().unwrap(), &format!("tick {}", 30 * 24 * 1800));
        engine.advance(jiff::Timestamp::MAX);
        assert!(messages(&frames(&mut engine, &mut cursor).0).len() <= 1002);
    }
}
