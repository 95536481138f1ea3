//! The logs of apps.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use crate::api::answer::{Answer, Body, Reply};
use crate::api::call::Call;
use crate::api::streams::{Cursor, Kind, open_stream};
use crate::life::Engine;
use crate::store::{Line, Time};
use crate::wire::{Fail, to_json};

/// The filter of a reader.
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

/// The state of a reader that follows a log.
#[derive(Debug)]
pub(crate) struct Follower {
    filter: LogFilter,
    pub(crate) sse: bool,
    /// The index of the next line.
    next: usize,
    /// The time and the number of the ticking job's next line.
    tick: (Timestamp, i64),
    /// The old lines to send first.
    first: String,
}

/// The maximum number of old lines that the log service returns.
const MOST_LINES: i64 = 10_000;

/// The maximum number of lines of the ticking job after a jump of the clock.
const MOST_TICKS: i64 = 1000;

/// The interval of the ticking job.
const TICK: SignedDuration = SignedDuration::from_secs(2);

fn frame(sse: bool, line: &Line) -> String {
    let text = to_json(line);
    if sse {
        format!("data: {{\"event\":\"message\",\"data\":{text}}}\n\n")
    } else {
        format!("{text}\n")
    }
}

/// `GET /apps/:a/log`
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let app = engine.tables.app(call.param(0))?.id.clone();
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
    let lines: Vec<&Line> = engine.log.iter().filter(|line| filter.matches(line)).collect();
    // A follower gets old lines only on request.
    let all = if follow { 0 } else { lines.len() };
    let wanted = count.and_then(|n| usize::try_from(n).ok()).unwrap_or(all);
    let skip = lines.len().saturating_sub(wanted);
    let first: String = lines.iter().skip(skip).map(|line| frame(sse, line)).collect();
    if follow {
        let follower = Follower {
            filter,
            sse,
            next: engine.log.len(),
            tick: (engine.now.checked_add(TICK).unwrap_or(Timestamp::MAX), 1),
            first,
        };
        let kind = Kind::Log(Box::new(follower));
        if sse {
            return Ok(open_stream(engine, kind));
        }
        let mut answer = Answer::full(StatusCode::OK, "text/plain", "");
        answer.body = Body::Stream(Cursor::new(kind, engine.now, engine.generation));
        return Ok(answer);
    }
    if sse {
        let text = first + "data: {\"event\":\"eof\"}\n\n";
        return Ok(open_stream(engine, Kind::Text { text, end: true }));
    }
    Ok(Answer::full(StatusCode::OK, "text/plain", first))
}

/// Returns the new text for a follower, and the time to check again.
pub(crate) fn follow(engine: &Engine, follower: &mut Follower) -> (String, Timestamp) {
    let mut text = std::mem::take(&mut follower.first);
    for line in engine.log.get(follower.next..).unwrap_or_default() {
        if follower.filter.matches(line) {
            text += &frame(follower.sse, line);
        }
    }
    follower.next = engine.log.len();
    let due = engine.now.duration_since(follower.tick.0).as_secs() / TICK.as_secs();
    if let Some(missed) = due.checked_sub(MOST_TICKS).filter(|missed| *missed > 0) {
        let (due, n) = follower.tick;
        let time = SignedDuration::from_secs(missed.saturating_mul(TICK.as_secs()));
        let due = due.checked_add(time).unwrap_or(Timestamp::MAX);
        follower.tick = (due, n.saturating_add(missed));
    }
    // A deleted app has no job that could write. The ticks end at the end of time.
    let ticks = engine.options.ticking_log && engine.tables.app(&follower.filter.app).is_ok();
    while follower.tick.0 <= engine.now && follower.tick.0 < Timestamp::MAX {
        let (due, n) = follower.tick;
        if let Some(host) = engine.options.hosts.first().filter(|_| ticks) {
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
