//! One recorded answer against the mock's.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::names::{Names, short};
use super::recording::Exchange;
use super::tokens::{self, Kind, Token};
use super::wire::{Framing, Reply};

/// Where and how two answers differ; empty when they agree.
pub type Differences = Vec<String>;

/// Headers that differ in every answer, or say what the framing says.
const IGNORED: [&str; 4] = ["date", "content-length", "transfer-encoding", "x-request-id"];

/// Compares status, headers and framing.
pub fn head(recorded: &Exchange, reply: &Reply, names: &mut Names) -> Differences {
    let mut differences = Differences::new();
    if recorded.status != reply.status {
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        differences.push(format!(
            "status {}, mock {} {}",
            recorded.status,
            reply.status,
            short(body.trim())
        ));
        return differences;
    }
    let lower = |name: &String| name.to_ascii_lowercase();
    let names_of: BTreeSet<String> = recorded
        .response_headers
        .keys()
        .map(lower)
        .chain(reply.headers.iter().map(|(name, _)| lower(name)))
        .filter(|name| !IGNORED.contains(&name.as_str()))
        .collect();
    for name in names_of {
        let wanted = recorded
            .response_headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(&name))
            .map(|(_, value)| value.as_str());
        match (wanted, reply.header(&name)) {
            (Some(wanted), Some(got)) => {
                if let Err(why) = names.text(wanted, got) {
                    differences.push(format!("header {name}: {why}"));
                }
            }
            (wanted, got) => differences.push(format!("header {name}: {wanted:?}, mock {got:?}")),
        }
    }
    differences.extend(framing(recorded, reply));
    differences
}

/// The real server chunks what does not fit its buffer. Whether it fits depends on the length of
/// certificates and keys, so bodies that hold one are not held to it, nor those at the brink.
fn framing(recorded: &Exchange, reply: &Reply) -> Option<String> {
    const BUFFER: usize = 2048;
    const BRINK: usize = 64;
    let body = &recorded.response_body;
    if body.contains("-----BEGIN ") || body.len().abs_diff(BUFFER) <= BRINK {
        return None;
    }
    let chunked = recorded.response_framing.contains("chunked");
    (chunked != (reply.framing == Framing::Chunked) && recorded.status != 101)
        .then(|| format!("framing {}, mock {:?}", recorded.response_framing, reply.framing))
}

/// Compares two whole bodies.
pub fn body(recorded: &str, mock: &str, names: &mut Names) -> Differences {
    let mut differences = Differences::new();
    match (serde_json::from_str(recorded), serde_json::from_str(mock)) {
        (Ok(a), Ok(b)) => json(&a, &b, "$", names, &mut differences),
        (Err(_), Err(_)) => lines(recorded, mock, names, &mut differences),
        _ => differences.push(format!("body {:?}, mock {:?}", short(recorded), short(mock))),
    }
    differences
}

/// Compares two tars by the names of their members. The contents of a backup are dumps of databases.
pub fn tar(recorded: &str, mock: &str) -> Differences {
    let members = |tar: &str| -> Vec<String> {
        let paths = tar.split("flynn-backup-").skip(1);
        let names = paths.filter_map(|path| path.split('\0').next()?.split_once('/'));
        names.map(|(_, name)| name.to_owned()).collect()
    };
    let (recorded, mock) = (members(recorded), members(mock));
    if recorded == mock { Vec::new() } else { vec![format!("{recorded:?}, mock {mock:?}")] }
}

/// Compares texts line by line; lines of JSON (logs) field by field.
fn lines(recorded: &str, mock: &str, names: &mut Names, differences: &mut Differences) {
    if !recorded.trim_start().starts_with('{') {
        differences.extend(names.text(recorded, mock).err().map(|why| format!("body {why}")));
        return;
    }
    let (left, right): (Vec<_>, Vec<_>) = (recorded.lines().collect(), mock.lines().collect());
    if left.len() != right.len() || recorded.ends_with('\n') != mock.ends_with('\n') {
        differences.push(format!("{} lines, mock {}", left.len(), right.len()));
    }
    // A line that is no JSON (cut off when the client left) is compared as a text.
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| line.into());
    let left: Vec<Value> = left.into_iter().map(parse).collect();
    let right: Vec<Value> = right.into_iter().map(parse).collect();
    let order = super::events::pair(&left, &right, names);
    for (n, (a, at)) in left.iter().zip(order).enumerate() {
        if let Some(b) = right.get(at) {
            json(a, b, &format!("line {n}"), names, differences);
        }
    }
}

/// Compares two JSON values field by field.
pub fn json(
    recorded: &Value,
    mock: &Value,
    path: &str,
    names: &mut Names,
    differences: &mut Differences,
) {
    match (recorded, mock) {
        (Value::Object(a), Value::Object(b)) => object(a, b, path, names, differences),
        (Value::Array(a), Value::Array(b)) => array(a, b, path, names, differences),
        (Value::String(a), Value::String(b)) => {
            differences.extend(names.text(a, b).err().map(|why| format!("{path}: {why}")));
        }
        (a, b) if a == b => {}
        (a, b) => differences.push(format!(
            "{path}: {}, mock {}",
            short(&a.to_string()),
            short(&b.to_string())
        )),
    }
}

fn object(
    recorded: &Map<String, Value>,
    mock: &Map<String, Value>,
    path: &str,
    names: &mut Names,
    differences: &mut Differences,
) {
    let keys: BTreeSet<&String> = recorded.keys().chain(mock.keys()).collect();
    for key in keys {
        let path = format!("{path}.{key}");
        match (recorded.get(key), mock.get(key)) {
            (Some(a), Some(b)) => match special(key, a, b, recorded, names) {
                Some(Ok(())) => {}
                Some(Err(why)) => differences.push(format!("{path}: {why}")),
                None => json(a, b, &path, names, differences),
            },
            (a, b) => {
                let shown = |value: Option<&Value>| {
                    value.map_or_else(|| "missing".to_owned(), |v| short(&v.to_string()))
                };
                differences.push(format!("{path}: {}, mock {}", shown(a), shown(b)));
            }
        }
    }
}

/// Fields whose value is the server's choice although it has no shape of its own: the id of an
/// event, the host of a job or volume.
fn special(
    key: &str,
    recorded: &Value,
    mock: &Value,
    object: &Map<String, Value>,
    names: &mut Names,
) -> Option<Result<(), String>> {
    match (key, recorded, mock) {
        ("id", Value::Number(a), Value::Number(b)) if object.contains_key("object_type") => {
            Some(names.bind_event(a.as_u64()?, b.as_u64()?))
        }
        ("port", Value::Number(a), Value::Number(b)) if is_tcp_route(object) => {
            Some(names.bind(Kind::Port, &a.to_string(), &b.to_string()))
        }
        ("host_id", Value::String(a), Value::String(b)) if !a.is_empty() && !b.is_empty() => {
            let owner = ["uuid", "job", "job_id", "id"]
                .iter()
                .find_map(|key| uuid_of(object.get(*key)?.as_str()?))?;
            Some(names.place(&owner, a, b))
        }
        _ => None,
    }
}

/// The port of a TCP route may be the server's choice; one that a request named is bound to
/// itself.
fn is_tcp_route(object: &Map<String, Value>) -> bool {
    object.get("type").is_some_and(|kind| kind == "tcp") && object.contains_key("service")
}

/// The UUID that a text is or ends with (`hostN-UUID`).
fn uuid_of(text: &str) -> Option<String> {
    match tokens::split(text, &[]).as_slice() {
        [Token::Value(Kind::Uuid, id)] => Some((*id).to_owned()),
        [Token::Value(Kind::Placed, placed)] => Some(tokens::halves(placed).1.to_owned()),
        _ => None,
    }
}

/// Compares two lists in order, except that what was created in the same instant has no order.
fn array(
    recorded: &[Value],
    mock: &[Value],
    path: &str,
    names: &mut Names,
    differences: &mut Differences,
) {
    if recorded.len() != mock.len() {
        differences.push(format!("{path}: {} items, mock {}", recorded.len(), mock.len()));
    }
    let order = super::events::pair(recorded, mock, names);
    for (n, (a, b)) in recorded.iter().zip(order).enumerate() {
        if let Some(b) = mock.get(b) {
            json(a, b, &format!("{path}[{n}]"), names, differences);
        }
    }
}
