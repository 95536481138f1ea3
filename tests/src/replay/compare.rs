//! Compares a recorded answer with the mock's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::attach;
use super::recording::{Closed, Exchange};
use super::wire::{Framing, Reply};

/// Returns the differences of two answers; empty if they agree.
pub type Differences = Vec<String>;

/// Headers that differ in every answer, or say what the framing says.
const IGNORED: [&str; 4] = ["date", "content-length", "transfer-encoding", "x-request-id"];

/// The permitted difference between recorded times and the mock's. The mock's clock follows the recorded one.
const DRIFT: SignedDuration = SignedDuration::from_secs(5);

/// Recorded times this close are the same instant. Jobs of several processes start at once; the
/// order of their events is decided by a race that no two runs repeat.
const SIMULTANEOUS: SignedDuration = SignedDuration::from_millis(60);

/// A finished exchange.
#[derive(Debug)]
pub struct Exchanged<'a> {
    /// The recorded exchange.
    pub exchange: &'a Exchange,
    /// The mock's answer.
    pub reply: Option<Reply>,
    /// True if the mock has closed the connection.
    pub closed: bool,
    /// The data that an attached job sent.
    pub attached: Option<Vec<u8>>,
}

/// The numbers of recorded events and the mock's, one to one.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    mock: BTreeMap<u64, u64>,
    recorded: BTreeMap<u64, u64>,
}

impl Numbers {
    fn bind(&mut self, recorded: u64, mock: u64) -> Result<(), String> {
        match (self.mock.get(&recorded), self.recorded.get(&mock)) {
            (Some(known), _) if *known == mock => Ok(()),
            (None, None) => {
                self.mock.insert(recorded, mock);
                self.recorded.insert(mock, recorded);
                Ok(())
            }
            (known, back) => Err(format!(
                "event {recorded} is the mock's {known:?}, and the mock's {mock} is {back:?}"
            )),
        }
    }

    /// Returns the mock's number: the bound one, otherwise one with the same distance from the nearest bound one.
    pub fn mock(&self, recorded: u64) -> u64 {
        match self.mock.iter().min_by_key(|(known, _)| known.abs_diff(recorded)) {
            Some((known, mock)) if *known <= recorded => mock + (recorded - known),
            Some((known, mock)) => mock.saturating_sub(known - recorded),
            None => recorded,
        }
    }
}

/// Compares a finished answer.
pub fn exchange(over: &Exchanged<'_>, numbers: &mut Numbers) -> Differences {
    let Exchanged { exchange, reply, closed, attached } = over;
    let Some(reply) = reply else {
        let why = if *closed { "breaks the connection" } else { "does not answer" };
        return vec![format!("the mock {why}")];
    };
    let mut differences = head(exchange, reply);
    if reply.status != exchange.status || exchange.method == "HEAD" {
        return differences;
    }
    match exchange.closed {
        Closed::Eof if !reply.ended => differences.push("the mock does not end it".to_owned()),
        Closed::Client if reply.ended || *closed => {
            differences.push("the mock ends it by itself".to_owned());
        }
        _ => {}
    }
    let (recorded, mock) = (exchange.response_body.as_str(), reply.text());
    differences.extend(match attached.as_ref().filter(|_| !exchange.attach.is_empty()) {
        Some(attached) => attach::compare(exchange, attached),
        None if exchange.content_type() == "application/tar" => tar(recorded, &mock),
        None if exchange.is_event_stream() => stream(recorded, &mock, numbers),
        None => body(recorded, &mock, numbers),
    });
    differences
}

/// Compares status, headers and framing.
fn head(recorded: &Exchange, reply: &Reply) -> Differences {
    if recorded.status != reply.status {
        let body = short(reply.text().trim());
        return vec![format!("status {}, mock {} {body}", recorded.status, reply.status)];
    }
    let lower = |name: &String| name.to_ascii_lowercase();
    let own: BTreeMap<String, &String> =
        recorded.response_headers.iter().map(|(name, value)| (lower(name), value)).collect();
    let names: BTreeSet<String> =
        own.keys().cloned().chain(reply.headers.iter().map(|(name, _)| lower(name))).collect();
    let mut differences = Differences::new();
    for name in names.iter().filter(|name| !IGNORED.contains(&name.as_str())) {
        let (wanted, got) = (own.get(name).map(|value| value.as_str()), reply.header(name));
        let same = wanted.zip(got).is_some_and(|(wanted, got)| same_text(wanted, got));
        if !same {
            differences.push(format!("header {name}: {wanted:?}, mock {got:?}"));
        }
    }
    // The real server sends bodies in chunks if they do not fit its buffer. Bodies close to that size are exempt, and
    // so are bodies with times, whose number of digits varies.
    let length = recorded.response_body.len();
    let chunked = recorded.response_framing.contains("chunked");
    let differs = chunked != (reply.framing == Framing::Chunked) && recorded.status != 101;
    if differs && length.abs_diff(2048) > 64 && !recorded.response_body.contains("-----BEGIN ") {
        let framing = &recorded.response_framing;
        differences.push(format!("framing {framing}, mock {:?}", reply.framing));
    }
    differences
}

/// Compares two whole bodies: JSON field by field, logs line by line.
fn body(recorded: &str, mock: &str, numbers: &mut Numbers) -> Differences {
    let mut differences = Differences::new();
    match (serde_json::from_str(recorded), serde_json::from_str(mock)) {
        (Ok(a), Ok(b)) => json(&a, &b, "$", Some(numbers), &mut differences),
        (Err(_), Err(_)) if recorded.trim_start().starts_with('{') => {
            // A line that is not JSON (cut off when the client left) is compared as text.
            let parse =
                |line: &str| serde_json::from_str(line).unwrap_or_else(|_| Value::from(line));
            let left: Value = recorded.lines().map(parse).collect();
            let right: Value = mock.lines().map(parse).collect();
            json(&left, &right, "lines", Some(numbers), &mut differences);
        }
        _ if same_text(recorded, mock) => {}
        _ => differences.push(format!("body {:?}, mock {:?}", short(recorded), short(mock))),
    }
    differences
}

/// Compares two tars by the names of their members. The contents of a backup are dumps of databases.
fn tar(recorded: &str, mock: &str) -> Differences {
    let members = |tar: &str| -> Vec<String> {
        let paths = tar.split("flynn-backup-").skip(1);
        let names = paths.filter_map(|path| path.split('\0').next()?.split_once('/'));
        names.map(|(_, name)| name.to_owned()).collect()
    };
    let (recorded, mock) = (members(recorded), members(mock));
    if recorded == mock { Vec::new() } else { vec![format!("{recorded:?}, mock {mock:?}")] }
}

/// The documents of a stream's events, and everything else: comments, named events.
pub fn frames(body: &str) -> (Vec<Value>, Vec<String>) {
    let (mut data, mut other) = (Vec::new(), Vec::new());
    let mut name: Option<&str> = None;
    for line in body.lines() {
        match (line.strip_prefix("event: "), line.strip_prefix("data: ")) {
            (Some(event), _) => name = Some(event),
            (_, Some(text)) if name.is_none() => {
                data.push(serde_json::from_str(text).unwrap_or_else(|_| text.into()));
            }
            (_, Some(text)) => other.push(format!("{}: {text}", name.unwrap_or_default())),
            _ if line.is_empty() => name = None,
            _ => other.push(line.to_owned()),
        }
    }
    (data, other)
}

/// Compares two streams event by event, and their blank lines, which end events.
pub fn stream(recorded: &str, mock: &str, numbers: &mut Numbers) -> Differences {
    let ((left, comments), (right, others)) = (frames(recorded), frames(mock));
    let mut differences = Differences::new();
    json(&left.into(), &right.into(), "events", Some(numbers), &mut differences);
    if comments != others {
        differences.push(format!("other frames {comments:?}, mock {others:?}"));
    }
    let blanks = |body: &str| body.lines().filter(|line| line.is_empty()).count();
    if differences.is_empty() && blanks(recorded) != blanks(mock) {
        differences.push(format!("{} blank lines, mock {}", blanks(recorded), blanks(mock)));
    }
    differences
}

/// Compares two JSON values field by field; without `numbers` those of events are left out.
fn json(
    recorded: &Value,
    mock: &Value,
    path: &str,
    mut numbers: Option<&mut Numbers>,
    differences: &mut Differences,
) {
    match (recorded, mock) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let path = format!("{path}.{key}");
                match (key.as_str(), a.get(key), b.get(key)) {
                    ("id", Some(Value::Number(x)), Some(Value::Number(y)))
                        if a.contains_key("object_type") =>
                    {
                        let (x, y) = (x.as_u64().unwrap_or(0), y.as_u64().unwrap_or(0));
                        let bound = numbers.as_deref_mut().map_or(Ok(()), |n| n.bind(x, y));
                        differences.extend(bound.err());
                    }
                    // The contents of backups differ.
                    ("sha512", Some(Value::String(x)), Some(Value::String(y)))
                        if x.len() == y.len() => {}
                    (_, Some(x), Some(y)) => json(x, y, &path, numbers.as_deref_mut(), differences),
                    (_, x, y) => {
                        let shown = |v: Option<&Value>| {
                            v.map_or("missing".into(), |v| short(&v.to_string()))
                        };
                        differences.push(format!("{path}: {}, mock {}", shown(x), shown(y)));
                    }
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                let more = b.get(a.len()..).unwrap_or_default();
                let more = short(&Value::from(more.to_vec()).to_string());
                differences.push(format!("{path}: {} items, mock {} {more}", a.len(), b.len()));
            }
            for (n, (a, at)) in a.iter().zip(pair(a, b)).enumerate() {
                if let Some(b) = b.get(at) {
                    json(a, b, &format!("{path}[{n}]"), numbers.as_deref_mut(), differences);
                }
            }
        }
        (Value::String(a), Value::String(b)) if same_text(a, b) => {}
        (a, b) if a == b => {}
        (a, b) => {
            let (a, b) = (short(&a.to_string()), short(&b.to_string()));
            differences.push(format!("{path}: {a}, mock {b}"));
        }
    }
}

/// For each recorded item the index of the mock's item to compare it with: the same, except that
/// items of one instant may change places. Items of one object never may among each other.
fn pair(recorded: &[Value], mock: &[Value]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..recorded.len()).collect();
    let near = |a: &Value, b: &Value| {
        // The keys by which lists and streams are sorted.
        ["created_at", "updated_at", "timestamp"].iter().any(|field| {
            let time = |item: &Value| item.get(field)?.as_str()?.parse::<Timestamp>().ok();
            time(a).zip(time(b)).is_some_and(|(a, b)| a.duration_since(b).abs() <= SIMULTANEOUS)
        })
    };
    let groups = recorded.chunk_by(near).scan(0, |start, group| {
        let range = *start..*start + group.len();
        *start = range.end;
        Some(range)
    });
    for group in groups.filter(|group| group.len() > 1 && group.end <= mock.len()) {
        let mut free: Vec<usize> = group.clone().collect();
        let mut places = BTreeMap::new();
        for n in group.clone() {
            let fits = |at: &usize| {
                let mut differences = Differences::new();
                if let (Some(a), Some(b)) = (recorded.get(n), mock.get(*at)) {
                    json(a, b, "", None, &mut differences);
                }
                differences.is_empty()
            };
            if let Some(at) = free.iter().position(fits) {
                places.insert(n, free.remove(at));
            }
        }
        let mut rest = free.into_iter();
        for n in group.clone() {
            if let Some(at) = places.get(&n).copied().or_else(|| rest.next()) {
                places.insert(n, at);
            }
        }
        let object = |n: usize| {
            let item = recorded.get(n)?;
            item.get("object_id").or_else(|| item.get("job_id"))?.as_str()
        };
        let kept = group.clone().all(|a| {
            let mut later =
                (a + 1..group.end).filter(|b| object(a).is_some() && object(a) == object(*b));
            later.all(|b| places.get(&a) < places.get(&b))
        });
        for (n, at) in places.into_iter().filter(|_| kept) {
            if let Some(slot) = order.get_mut(n) {
                *slot = at;
            }
        }
    }
    order
}

/// Returns whether two texts are equal except for times, which may differ slightly.
fn same_text(recorded: &str, mock: &str) -> bool {
    if recorded == mock {
        return true;
    }
    let ((a, left), (b, right)) = (without_times(recorded), without_times(mock));
    let near = |(a, b): (&Timestamp, &Timestamp)| a.duration_since(*b).abs() <= DRIFT;
    a == b && left.len() == right.len() && left.iter().zip(&right).all(near)
}

/// A text with its times, and the dates in names of files, cut out.
fn without_times(text: &str) -> (String, Vec<Timestamp>) {
    const DATE: &str = "dddd-dd-dd_dddddd";
    const TIME: &str = "dddd-dd-ddTdd:dd:dd";
    let fits = |text: &str, shape: &str| {
        let start = text.as_bytes().get(..shape.len());
        start.is_some_and(|start| {
            let mut pairs = start.iter().zip(shape.bytes());
            pairs.all(|(got, want)| *got == want || (want == b'd' && got.is_ascii_digit()))
        })
    };
    let (mut rest, mut left, mut times) = (text, String::new(), Vec::new());
    while let Some(c) = rest.chars().next() {
        let end = if fits(rest, TIME) { rest.find('Z').map(|end| end + 1) } else { None };
        let time = end.and_then(|end| Some((end, rest.get(..end)?.parse().ok()?)));
        let length = match time {
            Some((end, time)) => {
                times.push(time);
                left.push_str("TIME");
                end
            }
            None if fits(rest, DATE) => {
                left.push_str("DATE");
                DATE.len()
            }
            None => {
                left.push(c);
                c.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    (left, times)
}

/// The start of a text, for a message.
fn short(text: &str) -> String {
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: u64, object: &str, state: &str, millis: u64) -> Value {
        json!({"id": id, "object_type": "job", "object_id": object, "data": {"state": state},
               "created_at": format!("2026-11-22T21:00:00.{millis:03}Z")})
    }

    fn compared(recorded: &[Value], mock: &[Value]) -> Differences {
        let text = |events: &[Value]| -> String {
            events.iter().fold(String::new(), |text, event| text + &format!("data: {event}\n\n"))
        };
        stream(&text(recorded), &text(mock), &mut Numbers::default())
    }

    #[test]
    fn objects_of_one_instant_may_change_places() {
        let recorded = [event(1, "a", "up", 1), event(2, "b", "starting", 2)];
        let mock = [event(7, "b", "starting", 1), event(8, "a", "up", 1)];
        assert_eq!(compared(&recorded, &mock), Differences::new());
    }

    #[test]
    fn other_events_may_not() {
        let recorded = [event(1, "a", "up", 1), event(2, "b", "starting", 500)];
        let mock = [event(7, "b", "starting", 1), event(8, "a", "up", 500)];
        assert!(!compared(&recorded, &mock).is_empty());
        let recorded = [event(1, "a", "starting", 1), event(2, "a", "up", 2)];
        let mock = [event(7, "a", "up", 1), event(8, "a", "starting", 2)];
        assert!(!compared(&recorded, &mock).is_empty());
    }

    #[test]
    fn what_is_missing_or_different_shows() {
        let (one, two) = (event(1, "a", "up", 1), event(2, "a", "down", 2));
        assert!(!compared(&[one.clone(), two.clone()], std::slice::from_ref(&one)).is_empty());
        assert!(!compared(std::slice::from_ref(&one), &[one.clone(), two]).is_empty());
        assert!(!compared(std::slice::from_ref(&one), &[event(1, "b", "up", 1)]).is_empty());
        assert!(!stream(":\n", "", &mut Numbers::default()).is_empty());
    }

    #[test]
    fn times_are_near_to_each_other() {
        let text = "backup of 2026-11-22_213234 at 2026-11-22T21:00:00.1Z";
        assert!(same_text(text, "backup of 2026-11-22_213235 at 2026-11-22T21:00:01Z"));
        assert!(!same_text(text, "backup of 2026-11-22_213234 at 2026-11-22T21:01:00.1Z"));
        assert!(!same_text("a", "b"));
    }

    #[test]
    fn numbers_of_events_are_one_to_one() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.bind(5, 7), Ok(()));
        assert!(numbers.bind(5, 8).is_err());
        assert!(numbers.bind(6, 7).is_err());
        assert_eq!(numbers.mock(9), 11);
    }
}
