//! Lists and streams: in order, except where the real server has none.
//!
//! Jobs of several processes start at once, on hosts of their own; in which order their events
//! arrive, and their ids are made, is decided by a race that no two runs repeat. So items of
//! *different* objects whose recorded times lie within `SIMULTANEOUS` may change places. Items
//! of one object never may, and every item must still be there, equal in every field.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::compare::{self, Differences};
use super::names::{Names, short};

/// Recorded times this close are the same instant.
const SIMULTANEOUS: SignedDuration = SignedDuration::from_millis(60);

/// For each recorded item the index of the mock's item to compare it with.
pub fn pair(recorded: &[Value], mock: &[Value], names: &mut Names) -> Vec<usize> {
    let mut order: Vec<usize> = (0..recorded.len()).collect();
    let mark = names.mark();
    let mut start = 0;
    while start < recorded.len() {
        let end = group(recorded, start);
        if end - start > 1 && end <= mock.len() {
            arrange(recorded, mock, start..end, &mut order, names);
        }
        // Later groups are told apart by what the earlier ones bind.
        for n in start..end {
            if let (Some(a), Some(b)) = (recorded.get(n), order.get(n).and_then(|at| mock.get(*at)))
            {
                compare::json(a, b, "", names, &mut Differences::new());
            }
        }
        start = end;
    }
    names.rollback(mark);
    order
}

/// The end of the items that belong to one instant.
fn group(items: &[Value], start: usize) -> usize {
    let mut end = start + 1;
    while let (Some(last), Some(next)) = (items.get(end - 1), items.get(end)) {
        let near = TIMES.iter().any(|field| match (instant(last, field), instant(next, field)) {
            (Some(a), Some(b)) => a.duration_since(b).abs() <= SIMULTANEOUS,
            _ => false,
        });
        if !near {
            break;
        }
        end += 1;
    }
    end
}

/// Finds, for each item of a group, the first one of the mock's group that fits; what fits none
/// keeps what is left, in order.
fn arrange(
    recorded: &[Value],
    mock: &[Value],
    group: std::ops::Range<usize>,
    order: &mut [usize],
    names: &mut Names,
) {
    let mut free: Vec<usize> = group.clone().collect();
    let mut unfit = Vec::new();
    let before = names.mark();
    for n in group.clone() {
        let fit = free.iter().position(|at| match (recorded.get(n), mock.get(*at)) {
            (Some(a), Some(b)) => fits(a, b, names),
            _ => false,
        });
        match fit {
            Some(at) => {
                let at = free.remove(at);
                if let Some(slot) = order.get_mut(n) {
                    *slot = at;
                }
            }
            None => unfit.push(n),
        }
    }
    names.rollback(before);
    for (n, at) in unfit.into_iter().zip(free) {
        if let Some(slot) = order.get_mut(n) {
            *slot = at;
        }
    }
    if !keeps_histories(recorded, group.clone(), order) {
        for n in group {
            if let Some(slot) = order.get_mut(n) {
                *slot = n;
            }
        }
    }
}

/// Whether two items agree; if so, their values stay bound.
fn fits(recorded: &Value, mock: &Value, names: &mut Names) -> bool {
    let mark = names.mark();
    let mut differences = Differences::new();
    compare::json(recorded, mock, "", names, &mut differences);
    if differences.is_empty() {
        return true;
    }
    names.rollback(mark);
    false
}

/// Whether no object's own items changed places among each other.
fn keeps_histories(recorded: &[Value], group: std::ops::Range<usize>, order: &[usize]) -> bool {
    let object = |item: &Value| {
        let id = item.get("object_id").or_else(|| item.get("job_id"));
        id.and_then(Value::as_str).map(str::to_owned)
    };
    group.clone().all(|a| {
        group.clone().filter(|b| a < *b).all(|b| {
            let same = match (recorded.get(a).and_then(object), recorded.get(b).and_then(object)) {
                (Some(x), Some(y)) => x == y,
                _ => false,
            };
            !same || order.get(a) < order.get(b)
        })
    })
}

/// What lists and streams are sorted by: active jobs and volumes by the second.
const TIMES: [&str; 3] = ["created_at", "updated_at", "timestamp"];

fn instant(item: &Value, field: &str) -> Option<Timestamp> {
    item.get(field)?.as_str()?.parse().ok()
}

/// The frames of a stream: comments, data, named events.
#[derive(Debug, Default, PartialEq)]
pub struct Frames {
    /// The documents of the `data:` lines, in order; text that is no JSON as a string.
    pub data: Vec<Value>,
    /// Everything else: comments and `event:` lines with their data, as they came.
    pub other: Vec<String>,
}

/// Reads the frames of a stream's body.
pub fn frames(body: &str) -> Frames {
    let mut frames = Frames::default();
    let mut name: Option<&str> = None;
    for line in body.lines() {
        if let Some(event) = line.strip_prefix("event: ") {
            name = Some(event);
        } else if let Some(data) = line.strip_prefix("data: ") {
            match (name, serde_json::from_str(data)) {
                (None, Ok(document)) => frames.data.push(document),
                (None, Err(_)) => frames.data.push(Value::String(data.to_owned())),
                (Some(name), _) => frames.other.push(format!("{name}: {data}")),
            }
        } else if line.is_empty() {
            name = None;
        } else {
            frames.other.push(line.to_owned());
        }
    }
    frames
}

/// Compares two streams event by event.
pub fn compare(recorded: &str, mock: &str, names: &mut Names) -> Differences {
    let (left, right) = (frames(recorded), frames(mock));
    let mut differences = Differences::new();
    if left.data.len() != right.data.len() {
        let more = right.data.get(left.data.len()..).unwrap_or_default();
        let more: Vec<String> = more.iter().map(|event| short(&event.to_string())).collect();
        let count = (left.data.len(), right.data.len());
        differences.push(format!("{} events, mock {} {more:?}", count.0, count.1));
    }
    let order = pair(&left.data, &right.data, names);
    for (n, (a, at)) in left.data.iter().zip(order).enumerate() {
        if let Some(b) = right.data.get(at) {
            compare::json(a, b, &format!("event {n}"), names, &mut differences);
        }
    }
    if left.other != right.other {
        differences.push(format!("other frames {:?}, mock {:?}", left.other, right.other));
    }
    // Frames are told apart by their bytes too: a blank line more or less is a difference.
    let blanks = |body: &str| body.lines().filter(|line| line.is_empty()).count();
    if differences.is_empty() && blanks(recorded) != blanks(mock) {
        differences.push(format!("{} blank lines, mock {}", blanks(recorded), blanks(mock)));
    }
    differences
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: u64, object: &str, state: &str, millis: u64) -> Value {
        json!({"id": id, "object_type": "job", "object_id": object, "data": {"state": state},
               "created_at": format!("2026-11-22T21:00:00.{millis:03}Z")})
    }

    const A: &str = "aaaaaaaa-3160-480e-b16a-bdc4a0e0ffdd";
    const B: &str = "bbbbbbbb-3160-480e-b16a-bdc4a0e0ffdd";

    fn body(events: &[Value]) -> String {
        events.iter().fold(String::new(), |body, event| body + &format!("data: {event}\n\n"))
    }

    #[test]
    fn objects_of_one_instant_may_change_places() {
        let recorded = body(&[event(1, A, "up", 1), event(2, B, "starting", 2)]);
        let mock = body(&[event(7, B, "starting", 1), event(8, A, "up", 1)]);
        assert_eq!(compare(&recorded, &mock, &mut Names::default()), Differences::new());
    }

    #[test]
    fn other_events_may_not() {
        let recorded = body(&[event(1, A, "up", 1), event(2, B, "starting", 500)]);
        let mock = body(&[event(7, B, "starting", 1), event(8, A, "up", 500)]);
        assert!(!compare(&recorded, &mock, &mut Names::default()).is_empty());
        let recorded = body(&[event(1, A, "starting", 1), event(2, A, "up", 2)]);
        let mock = body(&[event(7, A, "up", 1), event(8, A, "starting", 2)]);
        assert!(!compare(&recorded, &mock, &mut Names::default()).is_empty());
    }

    #[test]
    fn a_missing_event_or_comment_is_a_difference() {
        let one = body(&[event(1, A, "up", 1)]);
        let two = body(&[event(1, A, "up", 1), event(2, A, "down", 2)]);
        assert!(!compare(&two, &one, &mut Names::default()).is_empty());
        assert!(!compare(&one, &two, &mut Names::default()).is_empty());
        assert!(!compare(":\n", "", &mut Names::default()).is_empty());
        assert!(compare(":\n", ":\n", &mut Names::default()).is_empty());
    }
}
