//! Compares a recorded answer with the mock's.
//!
//! Status, headers, framing, who ends the answer, and the body are compared literally: JSON field by field and the order
//! of the fields, everything else line by line. Tolerated are only:
//!
//! | difference | because |
//! |---|---|
//! | the headers in [`IGNORED`] | they differ in every answer, or the framing is compared instead |
//! | times up to [`DRIFT`] apart | nobody recorded when a server read its clock |
//! | numbers of events, one to one | the recordings show only some of the events before |
//! | the order of items within [`INSTANT`], but not of one object's | several processes race, and no two runs agree |
//! | contents of backups, but not their members | they are dumps of databases |
//! | the cuts between frames of an attached job's output | they are random; see [`attach`] |

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::attach;
use super::recording::{Closed, Exchange};
use super::wire::{Connection, Headers};

/// The differences of two answers; empty if they agree.
pub(crate) type Differences = Vec<String>;

/// Headers that are not compared.
const IGNORED: [&str; 4] = ["content-length", "date", "transfer-encoding", "x-request-id"];

/// The permitted difference of times. The mock's clock follows the recorded one.
const DRIFT: SignedDuration = SignedDuration::from_secs(5);

/// Items that follow each other within this time happened at once.
const INSTANT: SignedDuration = SignedDuration::from_millis(60);

/// The numbers of recorded events and the mock's, one to one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers(BTreeMap<u64, u64>);

impl Numbers {
    fn bind(&mut self, recorded: u64, mock: u64) -> Differences {
        let mut known = self.0.iter().map(|(recorded, mock)| (*recorded, *mock));
        let known = known.find(|(number, own)| *number == recorded || *own == mock);
        match known {
            Some((number, own)) if (number, own) != (recorded, mock) => {
                vec![format!("event {recorded} is the mock's {mock}, but {number} was its {own}")]
            }
            _ => {
                self.0.insert(recorded, mock);
                vec![]
            }
        }
    }

    /// Returns the mock's number: the bound one, otherwise one with the same distance from the nearest bound one.
    pub(crate) fn mock(&self, recorded: u64) -> u64 {
        let nearest = self.0.iter().min_by_key(|(known, _)| known.abs_diff(recorded));
        nearest.map_or(recorded, |(known, mock)| (mock + recorded).saturating_sub(*known))
    }
}

/// Compares a finished answer.
pub(crate) fn answer(
    recorded: &Exchange,
    connection: &Connection,
    numbers: &mut Numbers,
) -> Differences {
    let Some(reply) = connection.reply() else { return vec!["the mock does not answer".into()] };
    if recorded.status != reply.status {
        let (status, body) = (reply.status, short(reply.text().trim()));
        return vec![format!("status {}, mock {status} {body}", recorded.status)];
    }
    let mut differences = Differences::new();
    let headers = |of: &Headers| of.without(&IGNORED);
    let (wanted, got) = (headers(&recorded.response_headers), headers(&reply.headers));
    if wanted != got {
        differences.push(format!("{wanted:?}, mock {got:?}"));
    }
    let framing = &recorded.response_framing;
    if framing.contains("chunked") != reply.is_chunked() {
        let length = reply.headers.get("content-length");
        differences.push(format!("framing {framing}, mock's content-length {length:?}"));
    }
    differences.extend(match recorded.closed {
        Closed::Eof if !reply.ended => vec!["the mock does not end it".into()],
        Closed::Client if reply.ended || connection.is_closed() => {
            vec!["the mock ends it by itself".into()]
        }
        // Early recordings have no bytes after the upgrade.
        Closed::Upgrade if recorded.attach.is_empty() => vec![],
        Closed::Upgrade => attach::compare(recorded, &reply.body),
        Closed::Eof | Closed::Client => body(recorded, &reply.text(), numbers),
    });
    differences
}

/// Compares the body of an answer, as far as it has come.
pub(crate) fn body(recorded: &Exchange, mock: &str, numbers: &mut Numbers) -> Differences {
    let mut differences = Differences::new();
    let parts = |text: &str| match recorded.response_headers.get("content-type") {
        "application/tar" => members(text),
        _ if recorded.is_event_stream() => events(text),
        _ => json!({ "body": document(text), "order": orders(text) }),
    };
    json(&parts(&recorded.response_body), &parts(mock), "$", numbers, &mut differences);
    differences
}

/// Returns the keys in a JSON text, in their order: one list for each item of an array or event of a stream. These are
/// sorted, because items may change places.
fn orders<'a>(text: &'a str) -> Vec<Vec<&'a str>> {
    let items = serde_json::from_str::<Vec<&RawValue>>(text)
        .map(|items| items.into_iter().map(RawValue::get).collect());
    let items: Vec<&str> = items.unwrap_or_else(|_| text.split("\ndata: ").collect());
    let keys = |item: &'a str| {
        let ends = item.match_indices("\":");
        ends.filter_map(|(end, _)| item.get(..end)?.rsplit('"').next()).collect()
    };
    let mut orders: Vec<Vec<&str>> = items.into_iter().map(keys).collect();
    orders.sort();
    orders
}

/// Returns a JSON document, or the lines of another text.
fn document(text: &str) -> Value {
    let line = |line: &str| -> Value {
        let json: Option<Value> =
            line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten();
        json.unwrap_or_else(|| line.into())
    };
    serde_json::from_str(text).unwrap_or_else(|_| text.split('\n').map(line).collect())
}

/// Returns the data of a stream's events, and all other lines: names, comments, and the ends of events.
fn events(stream: &str) -> Value {
    let (data, rest): (Vec<&str>, Vec<&str>) =
        stream.lines().partition(|line| line.starts_with("data: "));
    let data = data.into_iter().filter_map(|line| line.strip_prefix("data: "));
    let data: Value = data.map(document).collect();
    json!({ "events": data, "order": orders(stream), "other lines": rest })
}

/// Returns the names of a backup's members.
fn members(tar: &str) -> Value {
    let paths = tar.split("flynn-backup-").skip(1);
    paths.filter_map(|path| Some(path.split('\0').next()?.split_once('/')?.1)).collect()
}

fn json(a: &Value, b: &Value, path: &str, numbers: &mut Numbers, differences: &mut Differences) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            for key in x.keys().chain(y.keys()).collect::<BTreeSet<_>>() {
                let path = format!("{path}.{key}");
                match (key.as_str(), x.get(key), y.get(key)) {
                    ("id", Some(Value::Number(own)), Some(Value::Number(other)))
                        if x.contains_key("object_type") =>
                    {
                        let number = |id: &serde_json::Number| id.as_u64().unwrap_or_default();
                        differences.extend(numbers.bind(number(own), number(other)));
                    }
                    ("sha512", Some(Value::String(own)), Some(Value::String(other)))
                        if own.len() == other.len() => {}
                    (_, Some(own), Some(other)) => json(own, other, &path, numbers, differences),
                    (_, own, other) => {
                        let [own, other] =
                            [own, other].map(|value| value.map_or("missing".into(), shown));
                        differences.push(format!("{path}: {own}, mock {other}"));
                    }
                }
            }
        }
        (Value::Array(x), Value::Array(y)) => {
            if x.len() != y.len() {
                let more = shown(&y.get(x.len()..).unwrap_or_default().into());
                differences.push(format!("{path}: {} items, mock {} {more}", x.len(), y.len()));
            }
            for (n, (x, y)) in pairs(x, y).into_iter().enumerate() {
                json(x, y, &format!("{path}[{n}]"), numbers, differences);
            }
        }
        _ if a == b || time(a).zip(time(b)).is_some_and(|(a, b)| near(a, b, DRIFT)) => {}
        _ => differences.push(format!("{path}: {}, mock {}", shown(a), shown(b))),
    }
}

/// Returns the items to compare with each other: those at the same places, but the items of one instant are sorted by
/// their objects.
fn pairs<'a>(recorded: &'a [Value], mut mock: &'a [Value]) -> Vec<(&'a Value, &'a Value)> {
    let by_object = |items: &'a [Value]| {
        let mut items: Vec<&Value> = items.iter().collect();
        items.sort_by_key(|item| {
            let id = ["object_id", "job_id", "uuid", "id"].iter().find_map(|name| item.get(name));
            id.and_then(Value::as_str)
        });
        items
    };
    let at_once = |a: &Value, b: &Value| {
        let near = |field| Some(near(time(a.get(field)?)?, time(b.get(field)?)?, INSTANT));
        ["created_at", "timestamp"].into_iter().any(|field| near(field) == Some(true))
    };
    let mut pairs = Vec::new();
    for group in recorded.chunk_by(at_once) {
        // Of a stream, the others are still to come; of a list, their number is a difference.
        let Some((own, rest)) = mock.split_at_checked(group.len()) else { break };
        pairs.extend(by_object(group).into_iter().zip(by_object(own)));
        mock = rest;
    }
    pairs
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn near(a: Timestamp, b: Timestamp, permitted: SignedDuration) -> bool {
    a.duration_since(b).abs() <= permitted
}

fn shown(value: &Value) -> String {
    short(&value.to_string())
}

/// Returns the start of a text, for a message.
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

    fn agree(recorded: &Value, mock: &Value) -> bool {
        let mut differences = Differences::new();
        json(recorded, mock, "$", &mut Numbers::default(), &mut differences);
        differences.is_empty()
    }

    #[test]
    fn objects_of_one_instant_may_change_places() {
        let recorded = json!([event(1, "a", "up", 1), event(2, "b", "starting", 2)]);
        assert!(agree(&recorded, &json!([event(7, "b", "starting", 1), event(8, "a", "up", 1)])));
        // Not if they are further apart, nor the events of one object.
        let recorded = json!([event(1, "a", "up", 1), event(2, "b", "starting", 500)]);
        assert!(!agree(
            &recorded,
            &json!([event(7, "b", "starting", 1), event(8, "a", "up", 500)])
        ));
        let recorded = json!([event(1, "a", "starting", 1), event(2, "a", "up", 2)]);
        assert!(!agree(&recorded, &json!([event(7, "a", "up", 1), event(8, "a", "starting", 2)])));
    }

    #[test]
    fn missing_items_and_other_objects_are_found() {
        let (one, two) = (event(1, "a", "up", 1), event(2, "a", "down", 2));
        assert!(!agree(&json!([one, two]), &json!([one])));
        assert!(!agree(&json!([one]), &json!([one, two])));
        assert!(!agree(&json!([one]), &json!([event(1, "b", "up", 1)])));
        assert!(!agree(&json!({"a": null}), &json!({})));
    }

    #[test]
    fn fields_have_an_order() {
        let text = r#"[{"a": "{\"x\":1}", "b": {"c": 1, "d": 2}}, {"e": 3}]"#;
        let moved = r#"[{"e": 3}, {"a": "{\"x\":1}", "b": {"c": 1, "d": 2}}]"#;
        assert_eq!(orders(text), orders(moved));
        for (old, new) in [(r#""c": 1, "d": 2"#, r#""d": 2, "c": 1"#), (r#""c""#, r#""e""#)] {
            assert_ne!(orders(text), orders(&text.replace(old, new)));
        }
        assert_ne!(orders(r#"{"a": {}, "b": {}}"#), orders(r#"{"b": {}, "a": {}}"#));
        assert_eq!(orders("data: {\"a\": 1}\n\ndata: {}"), orders("data: {}\n\ndata: {\"a\": 1}"));
    }

    #[test]
    fn texts_are_literal_except_for_times() {
        let time = json!("2026-11-22T21:00:00.1Z");
        assert!(agree(&time, &json!("2026-11-22T21:00:04Z")));
        assert!(!agree(&time, &json!("2026-11-22T21:00:06Z")));
        assert!(!agree(&json!("at 2026-11-22T21:00:00Z"), &json!("at 2026-11-22T21:00:01Z")));
        assert!(!agree(&document("a\n"), &document("a")));
        assert!(!agree(&document("\"a\"\nb"), &document("a\nb")));
        assert_ne!(events("data: 1\n\n:\n"), events("data: 1\n\n"));
    }

    #[test]
    fn numbers_of_events_are_one_to_one() {
        let mut numbers = Numbers::default();
        assert!(numbers.bind(5, 7).is_empty());
        assert!(!numbers.bind(5, 8).is_empty());
        assert!(!numbers.bind(6, 7).is_empty());
        assert_eq!((numbers.mock(9), numbers.mock(4)), (11, 6));
    }
}
